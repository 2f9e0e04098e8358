"""Words for example data, and values that break careless readers."""

from __future__ import annotations

FIRST_NAMES = (
    "Ada", "Björn", "Chloé", "Dmitri", "Elif", "Fatima", "Giovanni", "Hana", "Imre", "Joana", "Kofi", "Łukasz",
    "María", "Noor", "Oluwaseun", "Priya", "Quentin", "Rūta", "Søren", "Tomáš", "Ursula", "Võ", "Wei", "Xóchitl",
    "Yuki", "Zeynep",
)  # fmt: skip
LAST_NAMES = (
    "Abe", "Bianchi", "Castro", "Dubois", "Eriksson", "Fischer", "García", "Horváth", "Ivanova", "Jensen", "Kowalska",
    "Lindqvist", "Mensah", "Nakamura", "O'Brien", "Papadopoulos", "Quispe", "Rossi", "Schäfer", "Tanaka", "Ünal",
    "van der Berg", "Wójcik", "Xu", "Y\u0131lmaz", "Žukauskas",
)  # fmt: skip
COMPANIES = (
    "Aster", "Birch", "Cobalt", "Delta", "Ember", "Fjord", "Granite", "Harbor", "Indigo", "Juniper", "Kestrel", "Lumen",
    "Meridian", "Nimbus", "Onyx", "Pinnacle", "Quarry", "Ridge", "Summit", "Tundra", "Umber", "Vertex", "Willow", "Zenith",
)  # fmt: skip
TRADES = (
    "Logistics",
    "Foods",
    "Robotics",
    "Textiles",
    "Energy",
    "Software",
    "Health",
    "Mining",
    "Paper",
    "Optics",
)
FORMS = ("Inc.", "GmbH", "Ltd", "S.A.", "AB", "K.K.", "BV", "Oy")
CITIES = (
    ("Berlin", "Berlin", "10115", "Germany"), ("München", "Bavaria", "80331", "Germany"),
    ("Zürich", "ZH", "8001", "Switzerland"), ("São Paulo", "SP", "01000-000", "Brazil"),
    ("東京", "Tokyo", "100-0001", "Japan"), ("Malmö", "Skåne", "211 15", "Sweden"),
    ("Austin", "TX", "73301", "USA"), ("Łódź", "Łódź", "90-001", "Poland"), ("القاهرة", "Cairo", "11511", "Egypt"),
)  # fmt: skip
WORDS = (
    "annual", "billing", "call", "delivery", "export", "follow-up", "growth", "handover", "invoice", "kick-off", "launch",
    "migration", "network", "onboarding", "pilot", "quote", "renewal", "support", "training", "upgrade", "visit", "workshop",
)  # fmt: skip

# Each must arrive in the warehouse as it is.
HURTFUL = (
    "two\nlines",
    "carriage\r\nreturn",
    "lone\rreturn",
    'double "quotes" inside',
    '"quoted"',
    "it's",
    "comma, comma,, comma",
    "semi;colon\ttab",
    "back\\slash \\N \\n \\",
    "NA",
    "N/A",
    "None",
    "null",
    "NULL",
    "NaN",
    "true",
    "007",
    "1e5",
    "2024-02-30",
    "=1+1",
    "{}",
    "[1,2]",
    "emoji 👩‍👩‍👧‍👦 🇺🇳 🎉",
    "right to left: שלום, مرحبا",
    "combining e\u0301 and \u212b",
    "zero\u200bwidth \u2028 separators \u2029 \u0085",
    "astral \U0001d518\U0001d52b \U0002070e",
    "\ufeffbyte order mark",
    "control \x01\x1f\x7f",
    "<b>markup</b> &amp; &#39;",
    "'; DROP TABLE accounts; --",
    "%s %d {0} $1 :name",
    " leading and trailing ",
)


def long_text(length: int) -> str:
    """A text of exactly that many characters with every hurtful value in it, again and again."""
    lines = "\n".join(HURTFUL) + "\n"
    return (lines * (length // len(lines) + 1))[:length]
