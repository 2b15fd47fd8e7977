"""Countries with their share of a large network's users, language, locale, cities and time zones.

The first seven weights follow DataReportal's figures for Facebook's audience (India 417 M, United
States 240, Indonesia 177, Brazil 139, Philippines 91, Mexico 78, Vietnam 76). The others are a
declared choice: near such figures, but not quoted from them. Large countries are missing,
Bangladesh and Pakistan among them.
"""

from typing import Final, NamedTuple


class City(NamedTuple):
    """A city with its share of the country's users and its time zone.

    ``weight`` is relative to the other cities of the country: roughly the inhabitants of the city
    or its urban area in units of 100 000, a declared choice. ``zone`` is the name in the tz
    database, see ``clocks``.
    """

    name: str
    weight: int
    zone: str


class Country(NamedTuple):
    """A country: ``weight`` in million users, ``locale`` for names, cities with the largest first.

    ``language`` is an ISO 639-1 code and a key of ``texts.PHRASES``, which the users' texts come
    from.
    """

    code: str
    weight: int
    locale: str
    language: str
    cities: tuple[City, ...]


def _at(zone: str, *cities: tuple[str, int]) -> tuple[City, ...]:
    """Cities of one time zone."""
    return tuple(City(name, weight, zone) for name, weight in cities)


def _country(code: str, weight: int, locale: str, language: str, *zones: tuple[City, ...]) -> Country:
    """A country with one or several time zones."""
    cities = sorted((city for zone in zones for city in zone), key=lambda city: -city.weight)
    return Country(code, weight, locale, language, tuple(cities))


COUNTRIES: Final = (
    _country(
        "IN", 417, "en_IN", "hi",
        _at("Asia/Kolkata", ("Delhi", 330), ("Mumbai", 215), ("Kolkata", 153), ("Bengaluru", 136), ("Chennai", 118),
            ("Hyderabad", 108), ("Ahmedabad", 85), ("Pune", 71), ("Jaipur", 41), ("Lucknow", 39)),
    ),
    _country(
        "US", 240, "en_US", "en",
        _at("America/New_York", ("New York", 195), ("Philadelphia", 62), ("Atlanta", 61)),
        _at("America/Chicago", ("Chicago", 93), ("Dallas", 79), ("Houston", 73)),
        _at("America/Phoenix", ("Phoenix", 50)),
        _at("America/Denver", ("Denver", 30)),
        _at("America/Los_Angeles", ("Los Angeles", 128), ("Seattle", 40)),
    ),
    _country(
        "ID", 177, "id_ID", "id",
        _at("Asia/Jakarta", ("Jakarta", 340), ("Surabaya", 95), ("Bandung", 85), ("Medan", 48),
            ("Semarang", 39), ("Palembang", 19)),
        _at("Asia/Makassar", ("Makassar", 27), ("Denpasar", 20), ("Banjarmasin", 9)),
        _at("Asia/Jayapura", ("Jayapura", 4)),
    ),
    _country(
        "BR", 139, "pt_BR", "pt",
        _at("America/Sao_Paulo", ("São Paulo", 220), ("Rio de Janeiro", 135),
            ("Belo Horizonte", 62), ("Brasília", 48),
            ("Curitiba", 38)),
        _at("America/Fortaleza", ("Fortaleza", 42)),
        _at("America/Recife", ("Recife", 41)),
        _at("America/Bahia", ("Salvador", 39)),
        _at("America/Manaus", ("Manaus", 23)),
        _at("America/Cuiaba", ("Cuiabá", 10)),
    ),
    _country(
        "PH", 91, "en_US", "tl",
        _at("Asia/Manila", ("Quezon City", 30), ("Manila", 19), ("Davao City", 18),
            ("Caloocan", 17), ("Cebu City", 10),
            ("Zamboanga City", 9), ("Cagayan de Oro", 7), ("Iloilo City", 5)),
    ),
    _country(
        "MX", 78, "es_MX", "es",
        _at("America/Cancun", ("Cancún", 9)),
        _at("America/Mexico_City", ("Ciudad de México", 218), ("Guadalajara", 52), ("Puebla", 32), ("León", 19)),
        _at("America/Monterrey", ("Monterrey", 53)),
        _at("America/Merida", ("Mérida", 13)),
        _at("America/Ciudad_Juarez", ("Ciudad Juárez", 15)),
        _at("America/Hermosillo", ("Hermosillo", 10)),
        _at("America/Tijuana", ("Tijuana", 22)),
    ),
    _country(
        "VN", 76, "vi_VN", "vi",
        _at("Asia/Ho_Chi_Minh", ("Hồ Chí Minh", 94), ("Hà Nội", 60), ("Hải Phòng", 21),
            ("Cần Thơ", 13), ("Đà Nẵng", 12),
            ("Biên Hòa", 11), ("Huế", 7), ("Nha Trang", 5)),
    ),
    _country(
        "TH", 52, "th_TH", "th",
        _at("Asia/Bangkok", ("กรุงเทพมหานคร", 105), ("นนทบุรี", 13), ("เชียงใหม่", 12),
            ("ชลบุรี", 10), ("หาดใหญ่", 8), ("นครราชสีมา", 7),
            ("ภูเก็ต", 6), ("ขอนแก่น", 5)),
    ),
    _country(
        "EG", 46, "ar_SA", "ar",
        _at("Africa/Cairo", ("القاهرة", 103), ("الإسكندرية", 55), ("الجيزة", 44), ("شبرا الخيمة", 12), ("بورسعيد", 8),
            ("المنصورة", 6), ("طنطا", 5), ("أسيوط", 5)),
    ),
    _country(
        "GB", 38, "en_GB", "en",
        _at("Europe/London", ("London", 97), ("Manchester", 28), ("Birmingham", 26),
            ("Leeds", 18), ("Glasgow", 10), ("Liverpool", 9),
            ("Sheffield", 7), ("Bristol", 7), ("Edinburgh", 5), ("Cardiff", 5)),
    ),
    _country(
        "TR", 35, "tr_TR", "tr",
        _at("Europe/Istanbul", ("İstanbul", 156), ("Ankara", 57), ("İzmir", 44), ("Bursa", 31),
            ("Antalya", 26), ("Konya", 23),
            ("Adana", 22), ("Gaziantep", 21)),
    ),
    _country(
        "CO", 34, "es_CO", "es",
        _at("America/Bogota", ("Bogotá", 110), ("Medellín", 40), ("Cali", 28),
            ("Barranquilla", 22), ("Bucaramanga", 13),
            ("Cartagena", 11), ("Cúcuta", 9), ("Pereira", 7)),
    ),
    _country(
        "FR", 31, "fr_FR", "fr",
        _at("Europe/Paris", ("Paris", 110), ("Lyon", 17), ("Marseille", 16), ("Lille", 11),
            ("Toulouse", 10), ("Bordeaux", 10),
            ("Nice", 9), ("Nantes", 7), ("Strasbourg", 5), ("Rennes", 4)),
    ),
    _country(
        "IT", 29, "it_IT", "it",
        _at("Europe/Rome", ("Roma", 42), ("Milano", 32), ("Napoli", 30), ("Torino", 22),
            ("Palermo", 12), ("Bari", 12),
            ("Catania", 11), ("Bologna", 10), ("Firenze", 10)),
    ),
    _country(
        "AR", 28, "es_AR", "es",
        _at("America/Argentina/Buenos_Aires", ("Buenos Aires", 155), ("La Plata", 9), ("Mar del Plata", 7)),
        _at("America/Argentina/Cordoba", ("Córdoba", 16), ("Rosario", 15)),
        _at("America/Argentina/Mendoza", ("Mendoza", 12)),
        _at("America/Argentina/Tucuman", ("San Miguel de Tucumán", 10)),
        _at("America/Argentina/Salta", ("Salta", 6)),
    ),
    _country(
        "DE", 26, "de_DE", "de",
        _at("Europe/Berlin", ("Berlin", 37), ("Hamburg", 19), ("München", 15), ("Köln", 11), ("Frankfurt am Main", 8),
            ("Stuttgart", 6), ("Düsseldorf", 6), ("Leipzig", 6), ("Dortmund", 6), ("Dresden", 6)),
    ),
    _country(
        "ES", 22, "es_ES", "es",
        _at("Europe/Madrid", ("Madrid", 62), ("Barcelona", 51), ("Valencia", 16), ("Sevilla", 13),
            ("Málaga", 9), ("Bilbao", 9),
            ("Zaragoza", 7)),
        _at("Atlantic/Canary", ("Las Palmas de Gran Canaria", 6)),
    ),
    _country(
        "PL", 18, "pl_PL", "pl",
        _at("Europe/Warsaw", ("Warszawa", 19), ("Kraków", 8), ("Wrocław", 7), ("Łódź", 7),
            ("Poznań", 5), ("Gdańsk", 5),
            ("Szczecin", 4), ("Katowice", 3)),
    ),
    _country(
        "JP", 16, "ja_JP", "ja",
        _at("Asia/Tokyo", ("東京", 140), ("横浜", 38), ("大阪", 27), ("名古屋", 23), ("札幌", 20),
            ("福岡", 16), ("川崎", 15),
            ("神戸", 15), ("京都", 14), ("仙台", 11)),
    ),
    _country(
        "NG", 37, "en_NG", "en",
        _at("Africa/Lagos", ("Lagos", 160), ("Kano", 44), ("Abuja", 39), ("Ibadan", 38),
            ("Port Harcourt", 36), ("Benin City", 19),
            ("Kaduna", 12), ("Enugu", 8)),
    ),
)  # fmt: skip
