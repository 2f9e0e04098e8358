"""An org and tables that it is synced into, run after run, and what they may hold after each."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from salesforce_simulator.http.faults import (
    CutBody,
    FailJob,
    HtmlPage,
    LostRows,
    Replace,
    ShortPage,
    Status,
)
from tests.pair.both import Pair
from tests.pair.choices import Choices, settings_of
from tests.pair.views import View, same
from tests.target.support import TornError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import SObject
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse
    from tests.pair.both import TapRun

MOST_RUNS = 12

FAULTS: tuple[tuple[Any, dict[str, Any]], ...] = (
    (Status(503), {"nth": 2}),
    (Status(400, "QUERY_TIMEOUT"), {"path": "*/queryAll"}),
    (FailJob("OPERATION_TOO_LARGE"), {"path": "*/jobs/query"}),
    (ShortPage(1), {"path": "*/results", "nth": 2}),
)
BAD_PAGES: tuple[tuple[Any, dict[str, Any]], ...] = (
    (LostRows(), {"path": "*/results"}),
    (CutBody(-2), {"path": "*/results"}),
    (Replace('"false"', '"#Error!"'), {"path": "*/results"}),
    (Replace("Acme", "Ac\udcffe"), {"path": "*/results"}),
    (Replace(":false", ":17"), {"path": "*/query*"}),
    (CutBody(-9), {"path": "*/query/*"}),
    (HtmlPage(), {"path": "*/query/*"}),
    (HtmlPage(), {"path": "*/jobs/query*"}),
)


def merged(old: Any, new: Any) -> Any:
    """An older state with the values of a newer one over it, as Meltano merges states.

    The other way round is no state that a person would want: it says of a field that came back that it is known.
    """
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **{key: merged(old.get(key), value) for key, value in new.items()}}


@dataclass
class World:
    """One history.

    Attributes:
        objects: API names of the objects that are synced; `*pattern` is a pattern of collections.
        names: API names of the objects that are compared.
        deselected: Fields of accounts that the catalog file leaves out.
        forgotten: Keys by table of rows that are gone from the org and that no log will tell: only a sweep finds them.
    """

    server: OrgServer
    warehouse: Warehouse
    view: View
    folder: Path
    objects: list[str]
    names: tuple[str, ...]
    deselected: set[str] = field(default_factory=set)
    forgotten: dict[str, set[str]] = field(default_factory=dict)
    _states: list[dict[str, Any]] = field(default_factory=list)
    _ever: dict[tuple[str, str, str], list[tuple[str, Any]]] = field(default_factory=dict)
    _held: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.pair = Pair(self.server, self.warehouse, {})

    @property
    def org(self) -> Org:
        """The org."""
        return self.server.org

    def sync(
        self, choices: Choices, *, more: Mapping[str, Any] | None = None, cut: float = 0.5, nth: int = 0
    ) -> None:
        """Run once with the trouble of the choices, then until nothing is in the way; compare after each run.

        Args:
            choices: What the run is like.
            more: Further settings of the tap.
            cut: Where in the tap's lines a run is cut; which older state is merged.
            nth: Which fault or bad page.
        """
        settings = {**(more or {}), **settings_of(choices), **self._emitter(choices)}
        if self._troubled(choices, settings, cut, nth):
            self.holds_nothing_wrong()
            self.server.faults.clear()
        for _ in range(MOST_RUNS):
            if self._run(settings):
                break
        else:
            raise AssertionError("a dozen runs were not complete")
        self._settle(choices)
        self.holds_nothing_wrong()
        self.equals_the_org(swept=choices.deletes == "sweep")

    def _emitter(self, choices: Choices) -> dict[str, Any]:
        view = View(choices.emitter, choices.naming)
        return {"objects": self.objects, "page_size": 200, **view.settings(self.folder / "batches")}

    def _troubled(self, choices: Choices, settings: dict[str, Any], cut: float, nth: int) -> bool:
        """Let the trouble happen; whether a run was part of it."""
        trouble = choices.trouble
        if trouble in ("fault", "bad page"):
            action, conditions = (FAULTS if trouble == "fault" else BAD_PAGES)[
                nth % 8 % len(FAULTS if trouble == "fault" else BAD_PAGES)
            ]
            self.server.faults.add(action, **{"times": 1, **conditions})
        elif trouble == "merge":
            if self._states and self.pair.state is not None:
                old = self._states[round(cut * (len(self._states) - 1))]
                self.pair.state = merged(copy.deepcopy(old), self.pair.state)
            return False
        elif trouble == "lost":
            self._lose()
            return False
        elif trouble == "none":
            return False
        self._run(settings, trouble, cut)
        return True

    def _lose(self) -> None:
        """Lose the state. Of the rows that are gone by now, the next run hears no word."""
        self.pair.state = None
        self._forget()

    def _run(self, settings: dict[str, Any], trouble: str = "none", cut: float = 1) -> bool:
        """Run once; whether both halves came to their end."""
        self._remember()
        run = self.pair.tap(self._catalog(), **settings)
        self._aloud(run)
        lines = run.output.splitlines(keepends=True)
        some = trouble in ("cut", "torn")
        if some:
            lines = lines[: round(cut * len(lines))]
        self.pair.target = {"batch_size_rows": 2} if trouble == "torn" else {}
        self.pair.load(lines, torn=trouble == "torn")
        if not isinstance(self.pair.target_error, TornError):
            assert self.pair.target_error is None, repr(self.pair.target_error)
        if self.pair.state is not None:
            self._states.append(copy.deepcopy(self.pair.state))
        return run.error is None and not some

    @staticmethod
    def _aloud(run: TapRun) -> None:
        """A run that is not complete says so, in a line for people."""
        assert run.error is None or run.failed_aloud, f"{run.error!r}\n{run.said}"
        assert "Traceback" not in run.said, run.said

    def _catalog(self) -> dict[str, Any] | None:
        """A catalog file without the deselected properties; None where nothing is deselected."""
        if not self.deselected:
            return None
        columns = {told[0]: column for column, told in self._columns_of("Account").items()}
        metadata = [
            {"breadcrumb": ["properties", columns[name]], "metadata": {"selected": False}}
            for name in sorted(self.deselected & columns.keys())
        ]
        streams = [
            {"tap_stream_id": self.view.table(sobject), "metadata": metadata if name == "Account" else []}
            for name in self.names
            if (sobject := self._seen(name)) is not None
        ]
        return {"streams": streams}

    def _seen(self, name: str) -> SObject | None:
        return self.org.schema_for(self.server.user).get(name)

    def _columns_of(self, name: str) -> dict[str, tuple[str, str]]:
        described = self._seen(name)
        return {} if described is None else self.view.columns(described)

    def _known(self) -> Iterable[tuple[str, SObject]]:
        for name in self.names:
            described = self._seen(name)
            if described is not None:
                yield name, described

    def _remember(self) -> None:
        """Note what a run may find in the org: the values of each row, as they go out."""
        for name, described in self._known():
            table = self.view.table(described)
            columns = self.view.columns(described)
            for row in self.org.rows(name):
                key = self.view.id_of(name, row["Id"])
                for column, (source, sf_type) in columns.items():
                    value = self.view.value(name, column, row[source])
                    self._add((table, key, column), sf_type, value)
                if self.view.mark not in columns or not self.view.shows(name, row):
                    # A row that the filter drops is not in the version that a sweep activates.
                    self._add((table, key, self.view.mark), "boolean", not self.view.shows(name, row))

    def _add(self, place: tuple[str, str, str], sf_type: str, value: Any) -> None:
        found = self._ever.setdefault(place, [])
        if not any(same(known, old, value) for known, old in found):
            found.append((sf_type, value))

    def _alive(self, table: str) -> set[str]:
        """Keys of an object's rows, those in the recycle bin included."""
        return {
            self.view.id_of(name, row["Id"])
            for name, described in self._known()
            if self.view.table(described) == table
            for row in self.org.rows(name)
        }

    def _forget(self) -> None:
        for table in self._tables():
            rows = self.pair.rows(table, self.view.key)
            gone = rows.keys() - self._alive(table)
            unmarked = {key for key in gone if not rows[key][self.view.mark]}
            self.forgotten.setdefault(table, set()).update(unmarked)

    def _settle(self, choices: Choices) -> None:
        """Note which rows a run that was complete cannot have told of."""
        if choices.deletes == "soft":
            self._forget()
        elif choices.deletes == "sweep":
            self.forgotten.clear()

    def _tables(self) -> list[str]:
        return [self.view.table(described) for _, described in self._known()]

    def holds_nothing_wrong(self) -> None:
        """No value that the org never had, no living row marked as deleted, no value emptied."""
        for table in self._tables():
            before = self._held.get(table, {})
            rows = self.pair.rows(table, self.view.key)
            alive = self._alive(table)
            for key, row in rows.items():
                for column, value in row.items():
                    known = self._ever.get((table, key, column), [])
                    old = before.get(key, {}).get(column)
                    fine = (
                        value == old
                        or any(same(sf_type, was, value) for sf_type, was in known)
                        or (str(value) == str(old))
                        or (value is None and key not in before and column != self.view.mark)
                        or (column == self.view.mark and (key not in alive or (value is None and not known)))
                        or not known
                    )
                    assert fine, f"{table}.{column} of {key} is {value!r}, was {old!r}; the org had {known}"
            assert before.keys() <= rows.keys(), (table, "rows are lost")
            self._held[table] = rows

    def equals_the_org(self, *, swept: bool) -> None:
        """The tables hold what the org holds, seen through the emitter."""
        for name, described in self._known():
            table = self.view.table(described)
            loaded = self.pair.rows(table, self.view.key)
            columns = self.view.columns(described, self.deselected)
            alive: set[str] = set()
            for row in self.org.rows(name):
                key = self.view.id_of(name, row["Id"])
                if not self.view.shows(name, row):
                    if key in loaded and swept:
                        assert loaded[key][self.view.mark], (table, key, "the filter drops it")
                    alive.add(key)
                    continue
                alive.add(key)
                assert key in loaded, (table, key, "is missing")
                for column, (source, sf_type) in columns.items():
                    want = self.view.value(name, column, row[source])
                    have = loaded[key].get(column)
                    assert same(sf_type, want, have), f"{table}.{column} of {key}: {have!r}, not {want!r}"
                if self.view.mark not in columns:
                    assert loaded[key][self.view.mark] is False, (table, key)
            for key in loaded.keys() - alive - self.forgotten.get(table, set()):
                assert loaded[key][self.view.mark], (table, key, "is gone from the org")
