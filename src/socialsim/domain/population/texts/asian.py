"""Phrases in Filipino, Indonesian and Vietnamese, and in Hinglish: Hindi mixed with English.

Hinglish is written in Latin letters, as its speakers type it.
"""

from typing import Final

from socialsim.domain.population.texts.phrases import Phrases

FILIPINO: Final = Phrases(
    openings=(
        "Sa wakas:", "Mood ngayon:", "Walang tatalo sa", "Nakaka-miss ang", "Salamat sa", "Panalo ang", "Weekend plans:",
        "Simpleng saya:", "Iba talaga ang", "Pahinga muna:", "Best part ng araw ko:", "Hindi nakakasawa ang", "Sulit ang",
        "Basta", "Ito lang talaga:", "Para sa akin,",
    ),
    subjects=(
        "ganitong tanawin", "kape kasama ang barkada", "tahimik na umaga na walang kahit anong lakad",
        "street food pagkatapos ng trabaho", "paglubog ng araw sa tabi ng dagat", "lakad na walang pupuntahan",
        "mainit na pandesal sa umaga", "ulan sa bubong at magandang libro", "kantahan sa sasakyan na todo ang volume",
        "luto ni nanay", "Linggo na walang alarm", "munting hardin namin", "langit na biglang naging kulay rosas",
        "kuwentuhan hanggang madaling-araw", "umaga sa palengke", "videoke kasama ang pamilya",
        "dagat pagkatapos ng ulan", "asong makulit na ayaw matulog", "lumang kanta at mabuting kaibigan",
        "hapunan na kumpleto ang lahat",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", gaya ng dati", "… 'yun lang", " #goodvibes", " ✨",
    ),
    remarks=(
        "Ang ganda", "Saan 'yan?", "Grabe", "Sana all", "Nagutom tuloy ako", "Ang galing mo", "Ako rin", "Idol", "Solid",
        "Pasama naman sa susunod", "Miss na kita, kita tayo soon", "Nakaka-good vibes", "Paano mo ginawa 'yan?",
        "Happy for you", "Kayo na", "Ang sarap tingnan", "Ingat kayo palagi", "Congrats sa inyo", "Pahingi ng recipe",
        "Matao ba diyan?", "Ilang beses ko nang binalikan ito", "Dapat nagtatrabaho ako pero nandito ako",
        "Kailan ang balik ninyo?", "Napangiti ako habang nasa jeep", "Pinakita ko kay mama, natuwa siya",
        "Ganito dapat tuwing weekend", "Nakakainggit", "Totoo 'yan",
    ),
    remark_endings=("", " hahaha", " hehe", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip

HINGLISH: Final = Phrases(
    openings=(
        "Aaj ka mood:", "Bas", "Finally,", "Weekend ka plan:", "Zindagi ki chhoti khushiyan:", "Dil khush ho gaya:",
        "Sach mein,", "Aur kya chahiye,", "Kal ki yaadein:", "Mera favourite:", "Is week ka best part:", "Phir se",
        "Kabhi kabhi bas", "Sabse best:", "Purani yaadein:", "Sukoon matlab",
    ),
    subjects=(
        "chai aur baarish", "doston ke saath lambi baatein", "maa ke haath ka khana", "ye nazara", "pahadon ki subah",
        "shaam ki thandi hawa", "chhat par baithkar purane gaane", "raat ki long drive", "Sunday ki lambi neend",
        "gali ka chatpata street food", "garam samose aur adrak wali chai", "samundar kinare dhalta suraj",
        "ghar ka chhota sa garden", "bachpan wali galiyan", "poori family ek hi table par",
        "cricket match aur doston ka shor", "subah ki pehli coffee", "khaali sadak aur ek achha sa gaana",
        "shaadi ka ghar aur dher saara shor", "kuch na karne wala din",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙏", ", bas itna hi", "… bas yahi", " yaar", " #dilse",
    ),
    remarks=(
        "Bahut badhiya", "Ekdum mast", "Kya baat hai", "Ye kahan ka hai?", "Mujhe bhi le chalo", "Dil jeet liya", "Wah",
        "Next time mujhe bhi bulana", "Aise hi khush raho", "Nazar na lage", "Bhook lag gayi dekh kar", "Kitna sundar",
        "Kab mil rahe hain hum?", "Party kab de rahe ho?", "Bahut yaad aa rahi hai tumhari", "Ye kaise kiya?",
        "Isko dekh kar mera din ban gaya", "Kya light hai", "Ghar ki yaad aa gayi", "Full on vibes",
        "Aur bhi share karo", "Sach mein jannat hai", "Mere aise din kab aayenge?", "Kitne baje ka plan tha?",
        "Bina bataye chale gaye, ye galat baat hai", "Mummy ko dikhaya, unko bhi pasand aaya", "Kamaal kar diya",
        "Sahi hai boss", "Office mein baith kar ye dekhna torture hai",
    ),
    remark_endings=("", " haha", " 🙏", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip

INDONESIAN: Final = Phrases(
    openings=(
        "Akhirnya:", "Mood hari ini:", "Masih kepikiran", "Nggak ada yang ngalahin", "Nggak pernah bosan sama",
        "Akhir pekan:", "Bahagia itu sederhana:", "Lagi menikmati", "Hari ini cuma", "Kangen", "Obat capek:",
        "Sekali lagi,", "Bagian terbaik hari ini:", "Selalu suka", "Cukup", "Butuh lebih banyak",
    ),
    subjects=(
        "pemandangan kayak gini", "kopi sama teman lama", "pagi yang tenang tanpa rencana", "jajanan pinggir jalan",
        "senja di tepi pantai", "jalan kaki tanpa tujuan", "masakan ibu di rumah", "suara hujan dan buku bagus",
        "nyanyi keras-keras di mobil", "hari Minggu yang santai", "sore di kebun kecil belakang rumah",
        "langit yang tiba-tiba jadi merah muda", "ngobrol sampai lupa waktu", "pasar pagi yang ramai",
        "udara pegunungan", "mi rebus tengah malam", "lagu lama dan teman baik", "kumpul keluarga lengkap",
        "tidur siang tanpa alarm", "sepedaan sore keliling kampung",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🙌", ", seperti biasa", "… sudah, itu saja", " #santai", " ✨",
    ),
    remarks=(
        "Keren banget", "Suka deh", "Ini di mana?", "Wah", "Ajak-ajak dong", "Jadi lapar lihatnya", "Mantap", "Setuju",
        "Kangen banget, kapan kita ketemu?", "Ikut senang ya", "Sehat selalu ya", "Iri deh", "Kok bisa sih?",
        "Bikin hariku jadi lebih baik", "Langsung aku simpan", "Cahayanya bagus banget", "Resepnya dong",
        "Aku juga mau", "Ramai nggak di sana?", "Sudah lihat tiga kali dan belum bosan", "Terbaik minggu ini",
        "Lain kali jangan lupa kabari aku", "Yang begini bikin pengin pulang kampung", "Kalian memang yang terbaik",
        "Harusnya kerja malah lihat beginian", "Senyum-senyum sendiri lihatnya", "Mulainya jam berapa?", "Cakep",
    ),
    remark_endings=("", " wkwk", " hehe", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip

VIETNAMESE: Final = Phrases(
    openings=(
        "Cuối cùng cũng có", "Tâm trạng hôm nay:", "Không gì bằng", "Vẫn còn nhớ", "Mê", "Cuối tuần của mình:",
        "Niềm vui nho nhỏ:", "Hôm nay chỉ cần", "Thèm", "Bình yên là", "Điều tuyệt nhất hôm nay:", "Lại là", "Yêu",
        "Chưa bao giờ chán", "Thế là đủ:", "Lâu lắm rồi mới có",
    ),
    subjects=(
        "khung cảnh này", "cà phê với bạn cũ", "một buổi sáng yên tĩnh không phải làm gì", "hoàng hôn bên bờ biển",
        "những món vỉa hè quen thuộc", "những buổi đi dạo không cần đích đến", "cơm nhà mẹ nấu",
        "tiếng mưa rơi và một cuốn sách hay", "chuyến xe đêm với bài hát cũ", "một ngày Chủ nhật thật chậm",
        "khu vườn nhỏ sau nhà", "bầu trời chiều màu hồng", "buổi trò chuyện quên cả giờ giấc", "phiên chợ sớm",
        "không khí trên núi", "tô phở nóng lúc nửa đêm", "bữa cơm đông đủ cả nhà", "giấc ngủ trưa không báo thức",
        "mùi bánh mì mới ra lò", "con phố nhỏ sau cơn mưa",
    ),
    endings=(
        "", ".", "!", " ☀️", " ❤️", " 😍", " 📸", " 🥰", ", như mọi khi", "… thế thôi", " #bìnhyên", " ✨",
    ),
    remarks=(
        "Đẹp quá", "Thích ghê", "Ở đâu vậy?", "Wow", "Nhìn đói bụng quá", "Tuyệt vời", "Chuẩn luôn", "Quá đỉnh",
        "Lần sau cho mình đi với nhé", "Nhớ bạn nhiều, bao giờ gặp nhau đây?", "Chúc mừng nha", "Ghen tị thật sự",
        "Làm sao hay vậy?", "Mình cũng muốn", "Lưu lại ngay", "Ánh sáng đẹp thật", "Xin công thức với", "Kể thêm đi",
        "Ở đó có đông không?", "Xem ba lần rồi vẫn chưa chán", "Đáng lẽ đang làm việc mà lại ngồi xem cái này",
        "Nhìn là muốn về quê liền", "Hai bạn dễ thương quá", "Điều vui nhất mình thấy trong tuần này",
        "Tự nhiên ngồi cười một mình", "Giữ sức khỏe nhé", "Mẹ mình mà thấy chắc thích lắm", "Mấy giờ thì bắt đầu vậy?",
    ),
    remark_endings=("", " haha", " hihi", " ❤️", " 😍", " 👏", " 😂", " 🔥"),
)  # fmt: skip
