"""Plausible values for any field, from a seeded generator."""

from __future__ import annotations

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from salesforce_simulator.texts import CITIES, HURTFUL, WORDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from random import Random

    from salesforce_simulator.schema import Field, SObject
    from salesforce_simulator.store import Row

_DAY_MS = 86_400_000
_FIRST_DAY = date(2019, 1, 1)
_CITY_PARTS = {"City": 0, "State": 1, "PostalCode": 2, "Country": 3}
# Pointing at rows of their own kind, or only set by a process that did not happen.
_LEFT_EMPTY = frozenset(
    {
        "MasterRecordId",
        "RecurrenceActivityId",
        "ConvertedAccountId",
        "ConvertedContactId",
        "ConvertedOpportunityId",
    }
    | {"LastAmountChangedHistoryId", "LastCloseDateChangedHistoryId", "ConvertedDate", "ClosedDate"}
    | {
        "CompletedDateTime",
        "PortalAccountId",
        "PortalAccountOwnerId",
        "Pricebook2Id",
        "AccountId",
        "ContactId",
    }
)


class Filler:
    """Makes storage values (see `values`) field by field; a datetime is at most `now_ms`.

    `ids` are rows that references may point at, by object; it grows while the data does.
    """

    def __init__(self, random: Random, ids: Mapping[str, Sequence[str]], now_ms: int) -> None:
        self._random = random
        self._ids = ids
        self._now_ms = now_ms

    def row_maker(self, sobject: SObject) -> Callable[[], Row]:
        """A function that makes a row: every field of the object but Id, the audit fields and formulas."""
        makers: list[tuple[str, bool, Any, Callable[[], Any]]] = []
        for f in sobject.columns:
            if (
                f.name in _SYSTEM
                or (sobject.name, f.name) in _AS_MADE
                or f.formula is not None
                or f.auto_number
            ):
                continue
            nillable = f.nillable and f.type != "boolean"
            makers.append((f.name, nillable, "" if f.empty_text else None, self._maker(f)))
        chance = self._random.random

        def make() -> Row:
            return {
                name: nothing if nillable and chance() < 0.35 else maker()
                for name, nillable, nothing, maker in makers
            }

        return make

    def text(self, length: int) -> str:
        """A few words, now and then a value that hurts, cut to a length."""
        random = self._random
        if random.random() < 0.04:
            return random.choice(HURTFUL)[:length]
        return " ".join(random.choices(WORDS, k=random.randint(1, 5)))[:length].rstrip()

    def _maker(self, f: Field) -> Callable[[], Any]:
        random = self._random
        if f.name in _LEFT_EMPTY:
            return lambda: None
        part = next((p for p in _CITY_PARTS if f.name.endswith(p) and f.type == "string"), None)
        if part is not None:
            return lambda: random.choice(CITIES)[_CITY_PARTS[part]][: f.length]
        if f.picklist:
            return lambda: self._pick(f)
        if f.type in ("double", "currency", "percent"):
            return self._number(f)
        makers: dict[str, Callable[[], Any]] = {
            "boolean": lambda: int(random.random() < 0.3),
            "int": lambda: random.randint(0, 999),
            "date": lambda: str(_FIRST_DAY + timedelta(days=random.randrange(3650))),
            "datetime": lambda: (self._now_ms - random.randrange(900 * _DAY_MS)) // 1000 * 1000,
            "time": lambda: random.randrange(86_400) * 1000,
            "reference": lambda: self._reference(f),
            "email": lambda: f"{random.choice(WORDS)}.{random.randrange(10_000)}@example.com"[: f.length],
            "phone": lambda: f"+49 30 {random.randrange(10**6, 10**7)}"[: f.length],
            "url": lambda: f"https://www.example.com/{random.choice(WORDS)}"[: f.length],
            "base64": lambda: random.randbytes(random.randint(1, 400)),
        }
        return makers.get(f.type, lambda: self.text(f.length or 80) or "x")

    def _pick(self, f: Field) -> str:
        if f.type == "multipicklist":
            chosen = self._random.sample(f.picklist, self._random.randint(1, len(f.picklist)))
            return ";".join(value for value in f.picklist if value in chosen)
        return self._random.choice(f.picklist)[: f.length]

    def _number(self, f: Field) -> Callable[[], int]:
        random = self._random
        limit = 10 ** min(f.precision, 7 + f.scale)
        if f.name.endswith(("Latitude", "Latitude__s")):
            return lambda: random.randrange(-90 * 10**6, 90 * 10**6) * 10 ** (f.scale - 6)
        if f.name.endswith(("Longitude", "Longitude__s")):
            return lambda: random.randrange(-180 * 10**6, 180 * 10**6) * 10 ** (f.scale - 6)
        if f.type == "percent":
            return lambda: random.randrange(101) * 10**f.scale
        return lambda: random.randrange(limit)

    def _reference(self, f: Field) -> str | None:
        targets = [ids for name in f.reference_to if (ids := self._ids.get(name))]
        return self._random.choice(self._random.choice(targets)) if targets else None


# With the value that every new record has.
_AS_MADE = frozenset(
    {("Contact", "IsPriorityRecord"), ("Lead", "IsPriorityRecord"), ("Dashboard", "OwnerId")}
)
_SYSTEM = frozenset(
    {
        "Id",
        "IsDeleted",
        "CreatedDate",
        "CreatedById",
        "LastModifiedDate",
        "LastModifiedById",
        "SystemModstamp",
    }
    | {"IsArchived"}
)
