"""What verify finds: rows that differ, and what it says of a collection."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import datetime


class Kind(enum.StrEnum):
    """How a row of the warehouse differs from the org's."""

    MISSING = "missing in the warehouse"
    MARKED = "marked as deleted, but alive in the org"
    DOUBLED = "doubled"
    DIFFERS = "other values"
    STALE = "stale formulas"
    IN_BIN = "in the recycle bin of the org"
    GONE = "deleted for good in the org"
    HIDDEN = "deleted for good, or not shared with the user"
    FILTERED = "does not meet the filter any more"
    NO_ID = "never was in the org: its key is no id of the object"

    @property
    def is_in_org(self) -> bool:
        """Whether the row can be read again."""
        return self not in {Kind.GONE, Kind.HIDDEN, Kind.FILTERED, Kind.NO_ID}


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs.

    Attributes:
        properties: Those whose values differ.
        values: By property what the warehouse has and what the org has, if asked for.
        archived: Whether it is an archived task or event.
        accepted: Why it does not make the collection different; empty if it does.
    """

    kind: Kind
    id: str
    properties: tuple[str, ...] = ()
    values: dict[str, tuple[str | None, str | None]] = field(default_factory=dict)
    archived: bool = False
    accepted: str = ""

    def as_json(self) -> dict[str, Any]:
        """The difference for --json."""
        found: dict[str, Any] = {"kind": self.kind.name.lower(), "says": self.kind.value, "id": self.id}
        if self.properties:
            found["properties"] = list(self.properties)
        if self.values:
            found["values"] = {
                name: {"warehouse": here, "org": there} for name, (here, there) in self.values.items()
            }
        if self.archived:
            found["archived"] = True
        if self.accepted:
            found["accepted"] = self.accepted
        return found


@dataclass
class Outcome:
    """What is true of a collection.

    Attributes:
        as_of: The bookmark: rows that changed later are no difference.
        org_rows: Rows of the org that are not deleted.
        warehouse_rows: Those of the warehouse.
        compared: Rows whose values were compared.
        unchecked: Why it could not be checked; empty if it was.
        repaired: Rows that were read again.
    """

    collection: str
    object: str
    as_of: datetime.datetime | None = None
    org_rows: int | None = None
    warehouse_rows: int | None = None
    compared: int = 0
    differences: list[Difference] = field(default_factory=list)
    unchecked: str = ""
    notes: list[str] = field(default_factory=list)
    repaired: int = 0

    @property
    def status(self) -> str:
        """Equal, different or unchecked."""
        if any(not found.accepted for found in self.differences):
            return "different"
        return "unchecked" if self.unchecked else "equal"

    def add(self, found: list[Difference]) -> None:
        """Add differences of rows that have none yet."""
        known = {part.id for part in self.differences}
        self.differences += [part for part in found if part.id not in known]

    def as_json(self) -> dict[str, Any]:
        """The outcome for --json."""
        return {
            "collection": self.collection,
            "object": self.object,
            "status": self.status,
            "as_of": self.as_of,
            "org_rows": self.org_rows,
            "warehouse_rows": self.warehouse_rows,
            "compared": self.compared,
            "repaired": self.repaired,
            "unchecked": self.unchecked or None,
            "notes": self.notes,
            "differences": [found.as_json() for found in self.differences],
        }
