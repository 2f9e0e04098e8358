"""What the tables must hold of an org, seen through an emitter, a naming and maps: worked out here, without the pair."""

from __future__ import annotations

import contextlib
import hashlib
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Any

from tests.history_things import DOUBLES
from tests.masked import is_masked, masked
from tests.pair.both import batch_config
from tests.pair.store import NOT_LOADED, NUMBERS, column_of, columns_of, table_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from salesforce_simulator.schema import SObject
    from tests.pair.both import TapRun

DROPPED = "ACME"
"""The account that the filter drops."""

MAPPED = "Account"
"""The object that has a map; the others go out as they are."""


class View:
    """One emitter and one naming.

    Attributes:
        loud: Whether the target maps: it adds the names of accounts in capitals.
        key: The key's column.
        mark: The deletion column.
        masks: The masks of the run.
        named: By table, the columns that the last run gave to fields that want one column.
    """

    masks = "no masks"

    def __init__(self, emitter: str, naming: str, target: str = "plain") -> None:
        self.emitter = emitter
        self.naming = naming
        self.loud = target == "map"
        self.key, self.mark = ("id", "is_deleted") if naming == "segment" else ("Id", "IsDeleted")
        self._name = "name" if naming == "segment" else "Name"
        self.named: dict[str, dict[str, str]] = {}

    def settings(self, folder: Path) -> dict[str, Any]:
        """The tap's settings that make the emitter; BATCH files go to a folder."""
        if self.emitter in ("csv", "jsonl"):
            return {"batch_config": batch_config(self.emitter, folder)}
        if self.emitter == "flattening":
            return {"flattening_enabled": True, "flattening_max_depth": 1}
        name = self._name
        maps: dict[str, dict[str, Any]] = {
            "filter": {"__filter__": f"{name} != '{DROPPED}'"},
            "mask": {
                self.key: f"md5({self.key})",
                name: f"{name}.upper()",
                "__key_properties__": [self.key],
            },
            "computed": {"shout": f"{name}.upper()", "number_of_employees": "__NULL__"},
        }
        if self.naming == "salesforce":
            maps["computed"]["NumberOfEmployees"] = maps["computed"].pop("number_of_employees")
        return {"stream_maps": {self._mapped: maps[self.emitter]}} if self.emitter in maps else {}

    def target_settings(self, target: str) -> dict[str, Any]:
        """The target's settings that a choice stands for."""
        settings: dict[str, dict[str, Any]] = {
            "small batches": {"batch_size_rows": 2},
            "quarantine": {"on_bad_record": "quarantine"},
            "hard delete": {"hard_delete": True},
            "append": {"load_method": "append-only"},
            "map": {"stream_maps": {self._mapped: {"loud": f"{self._name}.upper()"}}},
        }
        history = {} if target == "append" else {"history": ["*"]}
        return {**history, **settings.get(target, {})}

    @property
    def _mapped(self) -> str:
        return "accounts" if self.naming == "segment" else MAPPED

    @property
    def needs_name(self) -> bool:
        """Whether the map cannot do without the name of accounts."""
        return self.loud or self.emitter in ("filter", "mask", "computed")

    def table(self, sobject: SObject) -> str:
        """An object's table."""
        return table_of(sobject) if self.naming == "segment" else sobject.name

    def id_of(self, sobject: str, record_id: str) -> str:
        """A row's key."""
        if self.emitter == "mask" and sobject == MAPPED:
            return hashlib.md5(record_id.encode(), usedforsecurity=False).hexdigest()
        return record_id

    def shows(self, sobject: str, row: Mapping[str, Any]) -> bool:
        """Whether a row goes out."""
        return not (self.emitter == "filter" and sobject == MAPPED and row["Name"] == DROPPED)

    def learn(self, run: TapRun) -> None:
        """Note which columns a run gives to fields that want one column: that depends on what was there before."""
        for message in run.of("SCHEMA"):
            names = self.named.setdefault(message["stream"], {})
            for column, told in message["schema"]["properties"].items():
                if (field := told.get("x-sfsource-api-name")) in DOUBLES:
                    assert self.naming == "salesforce" or column.removesuffix("_2") == column_of(field), (
                        column
                    )
                    names[field] = column

    def may_have(self, column: str, field: str) -> set[str]:
        """The columns that a run may give to a field whose column was this one."""
        return {column_of(field), f"{column_of(field)}_2"} if field in DOUBLES else {column}

    def columns(
        self, described: SObject, deselected: Iterable[str] = (), *, files: bool = False
    ) -> dict[str, tuple[str, str]]:
        """Columns that rows go out with, each with its field and the field's type.

        Args:
            deselected: Fields of accounts that are not selected.
            files: Whether file contents are among them.
        """
        named = self.named.get(self.table(described), {})
        found = {
            named.get(field.name, column) if self.naming == "segment" else field.name: (
                field.name,
                field.type,
            )
            for column, field in columns_of(described).items()
            if field.type not in NOT_LOADED
        }
        if files:
            contents = [field.name for field in described.fields.values() if field.type == "base64"]
            named = {column_of(name) if self.naming == "segment" else name: name for name in contents}
            found |= {column: (name, "base64") for column, name in named.items()}
        if self.masks == "drop":
            found = {column: told for column, told in found.items() if not is_masked(described.name, told[0])}
        if described.name == MAPPED:
            left_out = set(deselected) | ({"NumberOfEmployees"} if self.emitter == "computed" else set())
            found = {column: told for column, told in found.items() if told[0] not in left_out}
            if self.emitter == "computed":
                found["shout"] = ("Name", "string")
            if self.loud:
                found["loud"] = ("Name", "string")
        return found

    def value(self, sobject: str, column: str, field: str, value: Any) -> Any:
        """What goes out in a column for a value of its field."""
        if is_masked(sobject, field):
            value = masked(self.masks, value)
        if sobject != MAPPED or value is None:
            return value
        if self.emitter == "mask" and column == self.key:
            return self.id_of(sobject, value)
        if (self.emitter == "mask" and column == self._name) or column in ("shout", "loud"):
            return value.upper()
        return value


def same(sf_type: str, want: Any, have: Any) -> bool:
    """Whether a column holds a value; a column that had other types before may hold it as text."""
    if want is None or have is None:
        return want is None and have is None
    if isinstance(want, bool) or isinstance(have, bool):
        return str(want).lower() == str(have).lower()
    if sf_type in NUMBERS:
        with contextlib.suppress(InvalidOperation):
            return Decimal(str(want)) == Decimal(str(have))
        return str(want) == str(have)
    if sf_type == "datetime":
        return _moment(want) == _moment(have)
    return str(want) == str(have)


def _moment(value: Any) -> datetime:
    if isinstance(value, str):
        value = datetime.fromisoformat(value)
    moment: datetime = value
    return moment.astimezone(UTC)
