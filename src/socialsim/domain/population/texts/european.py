"""Phrases in English, German and Polish.

German and Polish subjects are in the nominative: no opening may require another case.
"""

from typing import Final

from socialsim.domain.population.texts.phrases import Phrases

ENGLISH: Final = Phrases(
    openings=(
        "Finally:", "Today's mood:", "Nothing beats", "Still thinking about", "Can't get enough of", "Throwback to",
        "Weekend plans:", "Small joys:", "Just", "Never tired of", "Best part of my day:", "Currently enjoying",
        "I could get used to", "Life lately:", "All I need right now:", "Here's to",
    ),
    subjects=(
        "this view", "coffee with friends", "a quiet morning with nothing on the list", "street food after dark",
        "golden hour by the water", "long walks with no plan at all", "fresh bread straight out of the oven",
        "rain on the roof and a good book", "music way too loud with the windows down", "homemade soup", "slow Sundays",
        "our little garden and everything that grows in it", "that moment when the sky turns pink",
        "sitting outside until it gets cold", "market day", "silly dances in the kitchen", "the sea on a windy day",
        "the dog being the dog", "old songs and good company", "dinner that turned out better than expected",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", as always", ", no words needed", "… and that's it",
        " #goodvibes",
    ),
    remarks=(
        "Love this", "So good", "Where is that?", "Wow", "I needed this today", "Beautiful", "Same here", "Tell me more",
        "Miss you so much, we have to meet up soon", "Take me with you next time", "The light is amazing",
        "That looks delicious", "You two are the best", "So happy for you", "What a day that was", "This made my day",
        "How did you even do that?", "Saving this for later", "Okay, now I'm jealous", "My mum would love this",
        "I have looked at this three times already", "Is it always that crowded there?", "How long did it take?",
        "I'd be there every weekend if I could", "Who else is looking at this instead of working?", "Well deserved",
        "Best thing I've seen all week", "You never disappoint", "Recipe please", "Not me smiling at my phone",
    ),
    remark_endings=("", " :)", " haha", " ❤️", " 😍", " 🙌", " 😂", " 🔥"),
)  # fmt: skip

GERMAN: Final = Phrases(
    openings=(
        "Endlich:", "Stimmung heute:", "Heute:", "Kleine Freuden:", "Plan fürs Wochenende:", "Das Schönste heute:",
        "Einfach nur", "Schon wieder", "Mehr brauche ich nicht:", "Glück ist", "Geht immer:", "Therapie des Tages:",
        "Nie langweilig:", "Genau mein Ding:", "Moment des Tages:", "Immer eine gute Idee:",
    ),
    subjects=(
        "diese Aussicht", "Kaffee mit Freunden", "ein ruhiger Morgen ganz ohne Termine", "Pommes auf dem Heimweg",
        "Sonnenuntergang am Wasser", "ein langer Spaziergang ohne Ziel", "frisches Brot direkt aus dem Ofen",
        "Regen auf dem Dach und ein gutes Buch", "viel zu laute Musik bei offenem Fenster", "Sonntagskuchen bei Oma",
        "ein Sonntag ohne Eile", "der kleine Garten hinterm Haus", "dieser rosa Himmel", "Bergluft", "Markttag",
        "ein langer Abend auf dem Balkon", "alberne Tänze in der Küche", "ein glücklicher Hund auf einem vollen Sofa",
        "alte Lieder in guter Gesellschaft", "ein Mittagsschlaf ohne Wecker",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", wie immer", "… mehr nicht", " #ohnefilter", " ☺️",
    ),
    remarks=(
        "Wie schön", "Richtig gut", "Wo ist das?", "Wow", "Was für ein Licht", "Jetzt habe ich Hunger", "Erzähl mehr",
        "Ich vermisse dich, wir müssen uns bald mal wieder sehen", "Nächstes Mal komme ich mit", "Was für ein Tag",
        "Ihr seid die Besten", "Geht mir genauso", "Freut mich so für euch", "Mein Tag ist gerettet", "Rezept bitte",
        "Wie hast du das gemacht?", "Gleich mal gespeichert", "Da werde ich ja neidisch", "Will ich auch", "Stark",
        "Meine Mama würde das lieben", "Schon dreimal angeschaut und immer noch nicht genug",
        "Ist da immer so viel los?", "Das hast du dir verdient", "Eigentlich sollte ich gerade arbeiten",
        "Das Schönste, was ich diese Woche gesehen habe", "Auf dich ist Verlass", "Wann ging das denn los?",
    ),
    remark_endings=("", " :)", " haha", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip

POLISH: Final = Phrases(
    openings=(
        "Wreszcie:", "Nastrój na dziś:", "Dzisiaj:", "Małe radości:", "Plan na weekend:", "Najlepsza część dnia:",
        "Po prostu", "I znowu", "Nic więcej nie trzeba:", "Szczęście to", "Zawsze dobry pomysł:", "Moja terapia:",
        "Nigdy się nie nudzi:", "Wspomnienie dnia:", "Tego mi było trzeba:", "U nas tak:",
    ),
    subjects=(
        "ten widok", "kawa z przyjaciółmi", "spokojny poranek bez żadnych planów", "frytki w drodze do domu",
        "zachód słońca nad wodą", "długi spacer bez celu", "świeży chleb prosto z pieca", "nasz mały ogródek",
        "deszcz na dachu i dobra książka", "muzyka na cały głos przy otwartych oknach", "niedzielny obiad u babci",
        "niedziela bez pośpiechu", "różowe niebo wieczorem", "rozmowy na balkonie do późna", "poranek na targu",
        "głupie tańce w kuchni", "górskie powietrze", "szczęśliwy pies na zajętej kanapie",
        "stare piosenki w dobrym towarzystwie", "drzemka bez budzika",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", jak zawsze", "… i tyle", " #bezfiltra", " ☺️",
    ),
    remarks=(
        "Cudnie", "Super", "Gdzie to jest?", "Wow", "Co za światło", "Ale mi się chce jeść", "Opowiadaj", "Petarda",
        "Tęsknię, musimy się wreszcie spotkać", "Następnym razem jadę z wami", "Jesteście najlepsi", "Mam tak samo",
        "Tak się cieszę", "Co to był za dzień", "Poprawiło mi to humor", "Jak to się robi?", "Zapisuję na później",
        "Zazdroszczę", "Mojej mamie by się spodobało", "Oglądam trzeci raz i dalej mi mało", "Zawsze tam tyle ludzi?",
        "Należało się", "A praca sama się nie zrobi", "Najlepsze, co widzę w tym tygodniu", "Poproszę przepis",
        "Też tak chcę", "Jak zwykle klasa", "O której się zaczęło?",
    ),
    remark_endings=("", " :)", " haha", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip
