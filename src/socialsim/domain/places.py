"""Where people live: countries by their share of a large network's users, with locale and cities.

The first seven shares follow DataReportal's figures for Facebook's audience (India 417 M, United States 240,
Indonesia 177, Brazil 139, Philippines 91, Mexico 78, Vietnam 76); the others are a declared choice of smaller ones.
"""

from typing import Final, NamedTuple


class Country(NamedTuple):
    """One country: ``weight`` in million users, ``locale`` for names, cities largest first."""

    code: str
    weight: int
    locale: str
    cities: tuple[str, ...]


COUNTRIES: Final = (
    Country("IN", 417, "en_IN", ("Mumbai", "Delhi", "Bengaluru", "Hyderabad", "Chennai", "Kolkata", "Pune", "Jaipur")),
    Country("US", 240, "en_US", ("New York", "Los Angeles", "Chicago", "Houston", "Phoenix", "Seattle", "Boston")),
    Country("ID", 177, "id_ID", ("Jakarta", "Surabaya", "Bandung", "Medan", "Semarang", "Makassar")),
    Country("BR", 139, "pt_BR", ("São Paulo", "Rio de Janeiro", "Brasília", "Salvador", "Fortaleza", "Recife")),
    Country("PH", 91, "en_PH", ("Quezon City", "Manila", "Davao City", "Cebu City", "Zamboanga City")),
    Country("MX", 78, "es_MX", ("Ciudad de México", "Guadalajara", "Monterrey", "Puebla", "Tijuana", "León")),
    Country("VN", 76, "vi_VN", ("Hồ Chí Minh", "Hà Nội", "Đà Nẵng", "Hải Phòng", "Cần Thơ")),
    Country("TH", 52, "th_TH", ("กรุงเทพมหานคร", "เชียงใหม่", "นนทบุรี", "หาดใหญ่")),
    Country("EG", 46, "ar_SA", ("القاهرة", "الإسكندرية", "الجيزة", "شبرا الخيمة")),
    Country("GB", 38, "en_GB", ("London", "Birmingham", "Glasgow", "Manchester", "Leeds", "Bristol")),
    Country("TR", 35, "tr_TR", ("İstanbul", "Ankara", "İzmir", "Bursa", "Antalya")),
    Country("CO", 34, "es_CO", ("Bogotá", "Medellín", "Cali", "Barranquilla", "Cartagena")),
    Country("FR", 31, "fr_FR", ("Paris", "Marseille", "Lyon", "Toulouse", "Nice", "Nantes")),
    Country("IT", 29, "it_IT", ("Roma", "Milano", "Napoli", "Torino", "Palermo")),
    Country("AR", 28, "es_AR", ("Buenos Aires", "Córdoba", "Rosario", "Mendoza")),
    Country("DE", 26, "de_DE", ("Berlin", "Hamburg", "München", "Köln", "Frankfurt am Main", "Leipzig")),
    Country("ES", 22, "es_ES", ("Madrid", "Barcelona", "Valencia", "Sevilla", "Zaragoza")),
    Country("PL", 18, "pl_PL", ("Warszawa", "Kraków", "Łódź", "Wrocław", "Poznań")),
    Country("JP", 16, "ja_JP", ("東京", "横浜", "大阪", "名古屋", "札幌", "福岡")),
    Country("NG", 14, "en_NG", ("Lagos", "Kano", "Ibadan", "Abuja")),
)
