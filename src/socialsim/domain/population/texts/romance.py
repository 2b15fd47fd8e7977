"""Phrases in French, Italian, Brazilian Portuguese, and Spanish of Europe and America alike.

Subjects are singular, because some openings have a verb, and begin so that no opening has to merge
with their article.
"""

from typing import Final

from socialsim.domain.population.texts.phrases import Phrases

FRENCH: Final = Phrases(
    openings=(
        "Enfin :", "Humeur du jour :", "Rien ne vaut", "Petits bonheurs :", "Programme du week-end :", "Simplement",
        "Le meilleur moment de la journée :", "Encore", "Il me fallait", "On a dit oui à", "Le bonheur, c'est",
        "Ça fait du bien :", "La vie, la vraie :", "Souvenir du jour :", "Il n'y a pas mieux :", "Simple et bon :",
    ),
    subjects=(
        "cette vue", "un café entre amis", "un matin tranquille sans rien de prévu", "une balade sans but",
        "un coucher de soleil au bord de l'eau", "du pain tout juste sorti du four", "un dimanche chez mamie",
        "la pluie sur le toit et un bon livre", "de la musique à fond, fenêtres ouvertes", "ce ciel tout rose",
        "un dimanche qui prend son temps", "notre petit jardin et tout ce qui y pousse", "un matin au marché",
        "une soirée en terrasse à refaire le monde", "une danse ridicule dans la cuisine", "l'air de la montagne",
        "un chien heureux et un canapé occupé", "une vieille chanson en bonne compagnie",
        "un dîner mieux réussi que prévu", "une sieste sans réveil",
    ),
    endings=(
        "", ".", " !", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", comme toujours", "… et c'est tout", " #sansfiltre", " ☺️",
    ),
    remarks=(
        "J'adore", "Trop beau", "C'est où ?", "Waouh", "Quelle lumière", "Ça donne faim", "Pareil", "Raconte", "Validé",
        "Tu me manques, il faut qu'on se voie vite", "Emmène-moi la prochaine fois", "Vous êtes les meilleurs",
        "Ça me fait tellement plaisir pour vous", "Quelle journée", "Ça illumine ma journée", "Comment tu as fait ?",
        "Je garde ça pour plus tard", "La jalousie monte", "Ma mère adorerait", "Bien mérité", "Moi aussi j'en veux",
        "Déjà regardé trois fois et ce n'est pas fini", "Il y a toujours autant de monde ?", "Tu ne déçois jamais",
        "Et dire que je devrais travailler", "La plus belle chose vue cette semaine", "La recette, s'il te plaît",
        "Ça a commencé à quelle heure ?",
    ),
    remark_endings=("", " haha", " mdr", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip

ITALIAN: Final = Phrases(
    openings=(
        "Finalmente:", "Umore di oggi:", "Niente batte", "Piccole gioie:", "Programma del fine settimana:", "Solo",
        "Il momento più bello della giornata:", "Ancora", "Ci voleva proprio:", "La felicità è", "Mi mancava",
        "Oggi ho scelto", "Vita vera:", "Ricordo di oggi:", "Non stanca mai:", "Basta poco:",
    ),
    subjects=(
        "questa vista", "un caffè con gli amici", "una mattina tranquilla senza programmi", "una passeggiata senza meta",
        "un tramonto in riva al mare", "il pane appena sfornato", "la pioggia sul tetto con un buon libro",
        "la musica a tutto volume con i finestrini abbassati", "il pranzo della domenica dalla nonna",
        "una domenica senza fretta", "il nostro piccolo giardino", "questo cielo tutto rosa", "una mattina al mercato",
        "una serata in terrazza a parlare di tutto", "un ballo stupido in cucina", "l'aria di montagna",
        "un cane felice sul divano", "una vecchia canzone in buona compagnia", "una cena riuscita meglio del previsto",
        "un pisolino senza sveglia",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", come sempre", "… e basta così", " #senzafiltri", " ☺️",
    ),
    remarks=(
        "Che meraviglia", "Bellissimo", "Dov'è?", "Wow", "Che luce", "Mi è venuta fame", "Anch'io", "Racconta", "Approvo",
        "Mi manchi, dobbiamo vederci presto", "La prossima volta portami con te", "Siete fantastici", "Che giornata",
        "Che bello, sono felice per voi", "Mi hai svoltato la giornata", "Ma come hai fatto?", "Questo me lo salvo",
        "Che invidia", "A mia mamma piacerebbe un sacco", "Già guardato tre volte e non mi basta", "Te lo meriti tutto",
        "C'è sempre così tanta gente?", "E io che dovrei lavorare", "La cosa più bella che ho visto questa settimana",
        "Mi passi la ricetta?", "Lo voglio anch'io", "Non deludi mai", "A che ora è cominciato tutto?",
    ),
    remark_endings=("", " ahah", " :)", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip

PORTUGUESE: Final = Phrases(
    openings=(
        "Finalmente:", "Humor do dia:", "Nada supera", "Amo", "Só", "Hoje teve", "Pequenas alegrias:", "Fim de semana:",
        "Melhor parte do dia:", "Saudade boa:", "Mais uma vez:", "Sempre vale a pena:", "Minha terapia:",
        "A semana pedia", "Tudo que eu queria:", "Felicidade é",
    ),
    subjects=(
        "essa vista", "café com os amigos", "uma manhã tranquila sem hora para nada", "comida de rua depois do trabalho",
        "pôr do sol na praia", "caminhada sem destino", "pão quentinho saindo do forno", "domingo sem pressa",
        "chuva no telhado e um bom livro", "música alta com as janelas abertas", "almoço de domingo na casa da vó",
        "nosso jardinzinho e tudo o que cresce nele", "aquele céu cor-de-rosa", "conversa até tarde na varanda",
        "dia de feira", "dança boba na cozinha", "mar gelado e alma lavada", "cachorro feliz e sofá ocupado",
        "roda de samba com gente querida", "jantar que deu certo de primeira",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", como sempre", "… e é isso", " #gratidão", " ✨",
    ),
    remarks=(
        "Amei", "Que lindo", "Onde é isso?", "Uau", "Deu até fome", "Conta mais", "Inveja boa", "Arrasou", "Aí sim",
        "Que saudade, precisamos marcar alguma coisa", "Me leva junto na próxima", "Que luz maravilhosa",
        "Vocês são demais", "Tamo junto", "Que alegria ver isso", "Que dia foi esse", "Isso alegrou o meu dia",
        "Como você fez isso?", "Já salvei para depois", "Minha mãe ia adorar", "Merecido demais", "Quero também",
        "Já vi três vezes e vou ver de novo", "É sempre cheio assim?", "Eu deveria estar trabalhando",
        "A melhor coisa que vi essa semana", "Passa a receita, por favor", "Eu aqui sorrindo para a tela",
    ),
    remark_endings=("", " kkkk", " rsrs", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip

SPANISH: Final = Phrases(
    openings=(
        "Por fin:", "Humor de hoy:", "Nada supera", "Me encanta", "Todavía pienso en", "No me canso de", "Hoy tocó",
        "Pequeñas alegrías:", "Plan de fin de semana:", "Lo mejor del día:", "Solo", "Otra vez", "Siempre vale la pena:",
        "Felicidad es", "Hoy necesitaba", "Nunca falla:",
    ),
    subjects=(
        "esta vista", "un café con amigos", "una mañana tranquila sin nada que hacer", "un paseo largo sin rumbo",
        "comida callejera al salir del trabajo", "una puesta de sol junto al mar", "pan recién salido del horno",
        "la lluvia en el techo con un buen libro", "la música a todo volumen con las ventanas abiertas",
        "una comida de domingo en casa de la abuela", "un domingo sin prisa", "ese cielo color de rosa",
        "nuestro pequeño jardín y todo lo que crece en él", "una charla hasta tarde en la terraza",
        "una mañana de mercado", "un baile tonto en la cocina", "este aire de montaña",
        "un perro feliz con las patas llenas de barro", "una canción vieja en buena compañía",
        "una cena que salió mejor de lo esperado",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", como siempre", "… y ya está", " #sinfiltro", " ✨",
    ),
    remarks=(
        "Me encanta", "Qué bonito", "¿Dónde es eso?", "Guau", "Qué hambre me dio", "Igual yo", "Cuéntame más", "Así sí",
        "Te extraño mucho, tenemos que vernos pronto", "Llévame la próxima vez", "Qué luz tan increíble",
        "Son lo máximo", "Qué alegría verlos así", "Qué gran día", "Me alegraste el día", "¿Cómo lo hiciste?",
        "Me lo guardo para después", "Qué envidia de la buena", "A mi mamá le encantaría", "Te lo mereces",
        "Ya lo vi tres veces y lo voy a ver otra vez", "¿Siempre hay tanta gente?", "Yo debería estar trabajando",
        "Lo mejor que he visto esta semana", "Pásame la receta, por favor", "Yo también quiero", "Nunca fallas",
        "¿A qué hora empezó todo?",
    ),
    remark_endings=("", " jaja", " jajaja", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip
