"""An org and tables that it is synced into, run after run, and what they may hold after each."""

from __future__ import annotations

import copy
import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from salesforce_simulator.http.faults import (
    CutBody,
    Drop,
    ExpireCursors,
    FailJob,
    HtmlPage,
    LostRows,
    Replace,
    ShortPage,
    Status,
)
from target_sfwarehouse.errors import SettingsError
from tests.pair.both import Pair
from tests.pair.choices import SAME_TABLE, Choices, settings_of
from tests.pair.versions import wrong_versions
from tests.pair.views import View, same
from tests.record_of_run import assert_true_record
from tests.target.support import TornError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from salesforce_simulator.org import Org
    from salesforce_simulator.schema import SObject
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse
    from tests.pair.both import TapRun

MOST_RUNS = 12

FAULTS: tuple[tuple[Any, str], ...] = (
    (Status(503), "*"),
    (Status(400, "QUERY_TIMEOUT"), "*/queryAll"),
    (FailJob("OPERATION_TOO_LARGE"), "*/jobs/query"),
    (ShortPage(1), "*/results"),
    (ExpireCursors(), "*/query/*"),
    (Drop("body"), "*/results"),
    (Status(420), "*/composite"),
)
"""What goes wrong, and at which path."""

BAD_BULK_PAGES: tuple[tuple[Any, str], ...] = (
    (LostRows(), "*/results"),
    (CutBody(-2), "*/results"),
    (Replace('"false"', '"#Error!"'), "*/results"),
    (Replace("Acme", "Ac\udcffe"), "*/results"),
    (HtmlPage(), "*/jobs/query*"),
    (Replace('"5"', '"five"'), "*/results"),
)
BAD_REST_PAGES: tuple[tuple[Any, str], ...] = (
    (Replace(":false", ":17"), "*/query*"),
    (Replace("Acme", "Ac\udcffe"), "*/query*"),
    (CutBody(-9), "*/query*"),
    (HtmlPage(), "*/query/*"),
    (HtmlPage(), "*/composite"),
)
_ACTIONS = {
    ("fault", "auto"): FAULTS,
    ("fault", "rest"): FAULTS,
    ("fault", "bulk"): FAULTS,
    ("bad page", "auto"): BAD_BULK_PAGES + BAD_REST_PAGES,
    ("bad page", "rest"): BAD_REST_PAGES,
    ("bad page", "bulk"): BAD_BULK_PAGES,
}


def actions_of(choices: Choices) -> tuple[tuple[Any, str], ...]:
    """The faults or bad pages of a run's trouble, where it is one of them."""
    return _ACTIONS.get((choices.trouble, choices.reader), ())


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
        between: What happens in the org between the runs of a trouble.
        forgotten: Keys by table of rows that are gone from the org and that no log will tell: only a sweep finds them.
        unheard: Those of which the log will tell once a run asks it.
        refused: Industries of accounts that the table refuses, so that rows with them go into quarantine.
    """

    server: OrgServer
    warehouse: Warehouse
    view: View
    folder: Path
    objects: list[str]
    names: tuple[str, ...]
    deselected: set[str] = field(default_factory=set)
    between: Callable[[], object] = lambda: None
    forgotten: dict[str, set[str]] = field(default_factory=dict)
    unheard: dict[str, set[str]] = field(default_factory=dict)
    refused: set[str] = field(default_factory=set)
    _states: list[dict[str, Any]] = field(default_factory=list)
    _ever: dict[tuple[str, str, str], list[tuple[str, Any]]] = field(default_factory=dict)
    _given: dict[str, dict[str, str]] = field(default_factory=dict)
    """By table, each column of those that several fields want, with the field that a complete run gave it to."""
    _held: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    _whole: bool = False
    """Whether the target has said that it takes no partial rows."""

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
        self._appends = choices.target == "append"
        self.view.masks = choices.masks
        if self._troubled(choices, settings, cut, nth):
            self.holds_nothing_wrong()
            self.server.faults.clear()
        for _ in range(MOST_RUNS):
            if self._run(choices, settings):
                break
        else:
            raise AssertionError("a dozen runs were not complete")
        self._settle(choices)
        self._names_stay()
        self.holds_nothing_wrong()
        self.equals_the_org(choices)

    def until_a_date(self, choices: Choices, *, more: Mapping[str, Any], cut: float, runs: int) -> None:
        """Runs whose settings end before now; the first one has the trouble. Nothing is to be complete after them."""
        settings = {**more, **settings_of(choices), **self._emitter(choices)}
        self.view.masks = choices.masks
        for number in range(runs):
            self._run(choices, settings, "none" if number else choices.trouble, cut)
            self.holds_nothing_wrong()

    def _emitter(self, choices: Choices) -> dict[str, Any]:
        view = View(choices.emitter, choices.naming)
        return {"objects": self.objects, "page_size": 200, **view.settings(self.folder / "batches")}

    def _troubled(self, choices: Choices, settings: dict[str, Any], cut: float, nth: int) -> bool:
        """Let the trouble happen; whether a run was part of it."""
        trouble = choices.trouble
        if actions := actions_of(choices):
            action, path = actions[nth % len(actions)]
            self.server.faults.add(action, path=path, nth=1 + nth // len(actions) % 3)
        elif trouble == "merge":
            return self._merge(choices, settings, cut, nth)
        elif trouble == "lost":
            self._lose()
            return False
        elif trouble == "cut refresh":
            before = self.pair.state
            self._lose()
            self._run(choices, settings, "cut", cut)
            self.pair.state = merged(before, self.pair.state or {})
            return True
        elif trouble == "none":
            return False
        before = self.pair.state
        self._run(choices, settings, trouble, cut)
        if trouble in ("cut", "torn") and nth % 2:
            self.pair.state = merged(before, self.pair.state)
        return True

    def _merge(self, choices: Choices, settings: dict[str, Any], cut: float, nth: int) -> bool:
        """Merge an older state, or that of a killed run with that of a full refresh; whether there was a run."""
        if nth % 3 == 0:
            self._merge_an_older(cut)
            return False
        if nth % 3 == 1:
            self._run(choices, settings, "cut", cut)
        else:
            # The jobs of a killed sweep survive a full refresh.
            self._run(choices, {**settings, "reader": "bulk", "deletes": "sweep"}, "killed sweep", cut)
        before = self.pair.state
        self._lose()
        self.between()
        self._run(choices, settings)
        self.pair.state = merged(before, self.pair.state or {})
        return True

    def _merge_an_older(self, place: float) -> None:
        if self._states and self.pair.state is not None:
            self._forget_names()
            old = self._states[round(place * (len(self._states) - 1))]
            self.pair.state = merged(copy.deepcopy(old), self.pair.state)

    def _lose(self) -> None:
        """Lose the state. Of the rows that are gone by now, the next run hears no word."""
        self.pair.state = None
        self._forget_names()
        self._forget()

    def _run(self, choices: Choices, settings: dict[str, Any], trouble: str = "none", cut: float = 1) -> bool:
        """Run once; whether both halves came to their end."""
        self._remember()
        if self._whole:
            choices, settings = choices.but(partial_rows="whole"), {**settings, "partial_rows": "whole"}
        run = self.pair.tap(self._catalog(), **settings)
        self._aloud(run)
        self.view.learn(run)
        assert_true_record(run, plain=choices.emitter == "lines")
        self._framed(run, choices)
        lines = run.output.splitlines(keepends=True)
        some = trouble in ("cut", "torn", "killed sweep")
        ends: Sequence[int] = range(len(lines) + 1)
        if trouble == "killed sweep":
            swept = [
                place + 1 for place, line in enumerate(lines) if b'"STATE"' in line and b'"ids":' in line
            ]
            ends = swept or ends
        if some:
            lines = lines[: ends[round(cut * (len(ends) - 1))]]
        torn = trouble == "torn"
        self.pair.target = ({"batch_size_rows": 2} if torn else {}) | self.view.target_settings(
            choices.target
        )
        self.pair.load(lines, torn=torn)
        taken = self._taken(choices)
        self._states += [
            message["value"] for line in lines if (message := json.loads(line))["type"] == "STATE"
        ]
        return run.error is None and taken and not some

    def _taken(self, choices: Choices) -> bool:
        """Whether the target took all that it was given. It may refuse partial rows, and then says what to do."""
        error = self.pair.target_error
        if self._appends and choices.partial_rows == "auto" and isinstance(error, SettingsError):
            assert "Set the tap's `partial_rows` to `whole`." in str(error)
            self._whole = True
            return False
        assert error is None or isinstance(error, TornError), repr(error)
        return True

    @staticmethod
    def _aloud(run: TapRun) -> None:
        """A run that is not complete says so, in a line for people."""
        assert run.error is None or run.failed_aloud, f"{run.error!r}\n{run.said}"

    def _framed(self, run: TapRun, choices: Choices) -> None:
        """Partial rows go out only where they may, and never before a whole row if there is one."""
        found: dict[str, list[tuple[str, frozenset[str]]]] = {}
        force: dict[str, frozenset[str]] = {}
        for message in run.messages:
            stream = message.get("stream", "")
            if message["type"] == "SCHEMA":
                force[stream] = frozenset(message["schema"]["properties"])
            if message["type"] in ("SCHEMA", "RECORD", "BATCH"):
                found.setdefault(stream, []).append((message["type"], force[stream]))
        mapped = self.view.table(self.org.object("Account"))
        for stream, seen in found.items():
            whole = max((names for _, names in seen), key=len)
            rows = [names for kind, names in seen if kind != "SCHEMA"]
            if choices.partial_rows == "whole" or (stream == mapped and choices.emitter not in SAME_TABLE):
                assert {names for _, names in seen} == {whole}, (stream, "a SCHEMA is narrowed")
            elif rows and self._alive(stream):
                assert rows[0] == whole, (stream, "a partial row is the first")

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
        return {"streams": [*streams, {"tap_stream_id": "sync_reports"}]}

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
            columns = self.view.columns(described, files=True)
            for row in self.org.rows(name):
                key = self.view.id_of(name, row["Id"])
                for column, (source, sf_type) in columns.items():
                    value = self.view.value(name, column, source, row[source])
                    for place in self.view.may_have(column, source):
                        self._add((table, key, place), sf_type, value)
                    if sf_type == "base64" and row["IsDeleted"]:
                        self._add((table, key, column), sf_type, None)  # a deleted row has no blob any more
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

    def _forget(self, kept: dict[str, set[str]] | None = None) -> None:
        """Note which rows are gone and not marked: among the forgotten ones, or elsewhere."""
        kept = self.forgotten if kept is None else kept
        for table in self._tables():
            rows = self._rows(table)
            gone = rows.keys() - self._alive(table)
            unmarked = {key for key in gone if not any(row[self.view.mark] for row in rows[key])}
            kept.setdefault(table, set()).update(unmarked)

    def _settle(self, choices: Choices) -> None:
        """Note which rows a run that was complete cannot have told of."""
        if choices.deletes == "soft":
            self._forget(self.unheard)
        else:
            self.unheard.clear()
        if self.refused:
            # A version is not activated without the rows that the table refuses.
            self._forget()
        elif choices.deletes == "sweep":
            self.forgotten.clear()

    def _forget_names(self) -> None:
        """Without a state, or with an older one under it, a column may be given to another field than before."""
        self._given.clear()
        self.view.named.clear()

    def _names_stay(self) -> None:
        """A column is of one field as long as the state lasts, and a field keeps its column."""
        for table, names in self.view.named.items():
            fields = self._given.setdefault(table, {})
            for field_name, column in names.items():
                assert fields.setdefault(column, field_name) == field_name, (table, column)
            assert len(set(fields.values())) == len(fields), (table, fields)

    def _rows(self, table: str) -> dict[str, list[dict[str, Any]]]:
        """A table's rows by key; only a table that is appended to has several of one."""
        found: dict[str, list[dict[str, Any]]] = {}
        if table in self.warehouse.table_names():
            for row in self.warehouse.query(f'SELECT * FROM {{schema}}."{table}"'):
                found.setdefault(row[self.view.key], []).append(row)
        return found

    def _tables(self) -> list[str]:
        return [self.view.table(described) for _, described in self._known()]

    def holds_nothing_wrong(self) -> None:
        """No value that the org never had, no living row marked as deleted or removed, no value emptied."""
        for table in self._tables():
            before = self._held.get(table, {})
            rows = self._rows(table)
            alive = self._alive(table)
            for key, row in ((key, row) for key, several in rows.items() for row in several):
                # Of a key that is appended, older rows are marked by a version, and a tombstone is a row of its own.
                old_form = self._appends and row[self.view.mark]
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
                        or (old_form and (value is None or column == self.view.mark))
                    )
                    assert fine, f"{table}.{column} of {key} is {value!r}, was {old!r}; the org had {known}"
            hard = self.pair.target.get("hard_delete")
            kept = before.keys() & self._shown(table) if hard else before.keys()
            assert kept <= rows.keys(), (table, "rows are lost")
            self._held[table] = {} if self._appends else {key: row for key, (row,) in rows.items()}
            if f"{table}_history" in self.warehouse.table_names():
                assert wrong_versions(self.warehouse, table, self.view.key) == []

    def _shown(self, table: str) -> set[str]:
        """Keys of an object's rows that go out."""
        return {
            self.view.id_of(name, row["Id"])
            for name, described in self._known()
            if self.view.table(described) == table
            for row in self.org.rows(name)
            if self.view.shows(name, row)
        }

    def equals_the_org(self, choices: Choices) -> None:
        """The tables hold what the org holds, seen through the emitter."""
        for name, described in self._known():
            table = self.view.table(described)
            loaded = self._rows(table)
            columns = self.view.columns(described, self.deselected, files=choices.files == "files")
            alive: set[str] = set()
            for row in self.org.rows(name):
                key = self.view.id_of(name, row["Id"])
                alive.add(key)
                if not self.view.shows(name, row):
                    if key in loaded and choices.deletes == "sweep" and not self.refused:
                        marks = [old[self.view.mark] for old in loaded[key]]
                        assert all(marks), (table, key, "the filter drops it")
                elif row.get("Industry") not in self.refused:
                    assert key in loaded, (table, key, "is missing")
                    wrong = [self._wrong(name, columns, row, has) for has in loaded[key]]
                    assert "" in wrong, f"{table}, {key}: {wrong[-1]}"
            left_out = self.forgotten.get(table, set()) | self.unheard.get(table, set())
            for key in loaded.keys() - alive - left_out:
                assert any(row[self.view.mark] for row in loaded[key]), (table, key, "is gone from the org")

    def _wrong(
        self,
        name: str,
        columns: Mapping[str, tuple[str, str]],
        row: Mapping[str, Any],
        loaded: Mapping[str, Any],
    ) -> str:
        """What a loaded row has other than a row of the org; empty if nothing."""
        for column, (source, sf_type) in columns.items():
            want, have = self.view.value(name, column, source, row[source]), loaded.get(column)
            if not same(sf_type, want, have) and not (sf_type == "base64" and row["IsDeleted"]):
                return f"{column} is {have!r}, not {want!r}"
        if self.view.mark not in columns and loaded[self.view.mark] is not False:
            return f"{self.view.mark} is {loaded[self.view.mark]!r}"
        return ""
