"""Whatever happens in the org between and during syncs, the messages lead to what the org holds."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import initialize, rule

from salesforce_simulator.custom import custom_field
from tap_sfsource.catalog.naming import collection_name, column_name, column_names
from tests.histories import SINCE, OrgHistories
from tests.history_things import CUSTOM, STANDARD, as_json
from tests.levels import REPEATABLE, at_level
from tests.masked import MASKED, SALT, is_masked, masked
from tests.pair.both import run_tap
from tests.record_of_run import assert_true_record
from tests.tap.reference import ReferenceTarget

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from salesforce_simulator.schema import Field
    from tests.pair.both import TapRun

FILTERS: dict[str, Callable[[str], bool]] = {
    "": lambda _: True,
    "Name LIKE 'A%'": lambda name: name.upper().startswith("A"),
    "Name IN ('ACME', 'null', '😀') OR Name = '\\\\'": lambda name: (
        name.upper() in {"ACME", "NULL", "😀", "\\"}
    ),
}
"""Conditions of accounts, each with what it means of a name."""
MASKS = st.sampled_from(["no masks", "no masks", "hash", "null", "drop"])
WINDOWS = st.sampled_from([(1_000_000, 100_000), (1_000_000, 2), (3, 100_000), (1, 2)])
"""Rows of a window, and of a page as Salesforce lists it."""


def times(factor: int) -> dict[str, str]:
    """A formula over a field of its own row, which no schedule reads again."""
    text = f"NumberOfEmployees * {factor}"
    return {"formula": text.replace("NumberOfEmployees", "{NumberOfEmployees}"), "formula_text": text}


class Histories(OrgHistories):
    """Changes, faults and syncs in any order.

    Attributes:
        condition: The filter of accounts.
        adopted: That under which the accounts in the target were read; None if a run that was killed may have changed it.
        masks: What the setting `mask` says of some fields.
        excludes: Whether fields that come later are left out.
        read: API names of the fields of accounts that a state knows: those that a run has read to its end.
        perhaps: Whether a run that was killed may have read others.
        given: Each property that a complete run has given, by object, with its field.
    """

    @initialize(
        since=SINCE,
        reader=st.sampled_from(["rest", "bulk"]),
        share=st.floats(0, 1),
        then=st.sampled_from([*FILTERS]),
    )
    def start(self, since: str, reader: str, share: float, then: str) -> None:
        """A first sync that is killed somewhere, and a second one with another filter."""
        self.first = reader, share, then
        self.begin_with(since)

    def prepare(self) -> None:
        self.target = ReferenceTarget()
        self.condition = ""
        self.adopted: str | None = ""
        self.masks = "no masks"
        self.excludes = False
        self.read: set[str] = set()
        self.perhaps = False
        self.given: dict[tuple[str, str], str] = {}
        self.org.add_field("Account", custom_field("Staff__c", "double", **times(2)))
        for name in ("ACME", "Anna", "Zoe"):
            self.create_accounts(name, 1)
        self.wait(timedelta(hours=3))
        reader, share, then = self.first
        self.killed_sync(reader, 2, "all", share, (1_000_000, 100_000), 0)
        self.condition = then
        self.sync()

    @rule(factor=st.integers(2, 4))
    def edit_formula(self, factor: int) -> None:
        """Another formula gives other values to all rows, also to those that no run reads any more, and moves no stamp."""
        self.wait(timedelta(hours=3))
        self.org.change_field("Account", "Staff__c", **times(factor))
        self.sync()

    @rule(condition=st.sampled_from([*FILTERS]))
    def filter_otherwise(self, condition: str) -> None:
        self.condition = condition

    @rule(masks=MASKS)
    def mask_otherwise(self, masks: str) -> None:
        self.masks = masks

    @rule(excludes=st.booleans())
    def treat_new_fields_otherwise(self, excludes: bool) -> None:
        self.excludes = excludes

    @rule()
    def sync_as_always(self) -> None:
        self.sync()

    @rule(
        reader=st.sampled_from(["auto", "rest", "bulk"]),
        threshold=st.integers(0, 5),
        page=st.integers(1, 4),
        deletes=st.sampled_from(["all", "all", "sweep"]),
        ways=st.sets(st.sampled_from(["catalog", "cache"])),
        windows=WINDOWS,
    )
    def sync(
        self,
        reader: str = "auto",
        threshold: int = 2,
        page: int = 2,
        deletes: str = "all",
        ways: frozenset[str] = frozenset({"catalog", "cache"}),
        windows: tuple[int, int] = (1_000_000, 100_000),
    ) -> None:
        """Sync, again until nothing is in the way, as a schedule does; then compare."""
        config = self.config(reader, threshold, page, deletes, windows, cached="cache" in ways)
        catalog = self.catalog() if "catalog" in ways else None
        for _ in range(12):
            if self.run(config, catalog).error is None:
                break
        else:
            raise AssertionError("a dozen runs were not complete")
        self.dropped.clear()
        swept = deletes == "sweep" or self.adopted not in {None, self.condition}
        self.adopted = self.condition
        deselected = self.deselected if "catalog" in ways else set()
        self.compare(deselected, swept, self.left_out(deselected))

    def run(self, config: dict[str, Any], catalog: dict[str, Any] | None) -> TapRun:
        """Run once; what the run says of itself is true."""
        outcome = run_tap(config, catalog=catalog, state=self.target.state)
        self.target.feed(outcome.output)
        assert_true_record(outcome)
        return outcome

    @rule(
        reader=st.sampled_from(["auto", "rest", "bulk"]),
        page=st.integers(1, 4),
        deletes=st.sampled_from(["all", "sweep"]),
        share=st.floats(0, 1),
        windows=WINDOWS,
        state_seconds=st.sampled_from([0, 3600]),
    )
    def killed_sync(
        self, reader: str, page: int, deletes: str, share: float, windows: tuple[int, int], state_seconds: int
    ) -> None:
        """A target gets the first lines of a run and no more, as when both are killed."""
        config = self.config(reader, 2, page, deletes, windows, cached=False) | {
            "state_seconds": state_seconds
        }
        outcome = run_tap(config, catalog=self.catalog(), state=self.target.state)
        lines = outcome.output.splitlines(keepends=True)
        self.target.feed(b"".join(lines[: round(share * len(lines))]))
        self.perhaps = True
        if self.adopted != self.condition:
            self.adopted = None

    @rule(
        reader=st.sampled_from(["auto", "rest", "bulk"]),
        deletes=st.sampled_from(["all", "sweep"]),
        partial_rows=st.sampled_from(["auto", "whole"]),
        before=st.sampled_from([0, 1, 60, 400, 20_000]),
        runs=st.integers(1, 3),
        windows=WINDOWS,
    )
    def sync_up_to(
        self, reader: str, deletes: str, partial_rows: str, before: int, runs: int, windows: tuple[int, int]
    ) -> None:
        """Runs with an end in the past bring no later change; the next sync without one brings the rest."""
        end = self.clock.now() - timedelta(seconds=before)
        config = self.config(reader, 2, 2, deletes, windows, cached=False)
        config["partial_rows"] = partial_rows
        config["end_date"] = {"*": end.strftime("%Y-%m-%dT%H:%M:%SZ")}
        self.perhaps = True
        for _ in range(runs):
            marks = (self.target.state or {}).get("bookmarks", {})
            loaded = {mark.get("replication_key_value") or "" for mark in marks.values()}
            outcome = self.run(config, self.catalog())
            if (
                any(mark.get("jobs") for mark in marks.values())
                or max(loaded, default="") > config["end_date"]["*"]
            ):
                continue  # rows that an earlier run has begun with
            for line in outcome.output.splitlines():
                record = json.loads(line).get("record", {})
                assert record.get("system_modstamp", "") < config["end_date"]["*"], record

    def config(
        self, reader: str, threshold: int, page: int, deletes: str, windows: tuple[int, int], *, cached: bool
    ) -> dict[str, Any]:
        split_rows, self.server.server.settings.bulk_page_rows = windows
        return self.server.config(
            split_rows=split_rows,
            start_date=self.since,
            objects=[*STANDARD, "*visit_c"],
            reader=reader,
            bulk_threshold=threshold,
            bulk_page_size=page,
            deletes=deletes,
            page_size=200,
            progress="none",
            cache_dir=self.cache if cached else None,
            filters={"Account": self.condition},
            mask={} if self.masks == "no masks" else dict.fromkeys(MASKED, self.masks),
            mask_salt=SALT,
            new_fields={"Account": "exclude"} if self.excludes else "include",
        )

    def catalog(self) -> dict[str, Any]:
        metadata = [
            {"breadcrumb": ["properties", name], "metadata": {"selected": False}}
            for name in sorted(self.deselected)
        ]
        return {
            "streams": [
                {
                    "tap_stream_id": collection_name(sobject),
                    "metadata": metadata if sobject == "Account" else [],
                }
                for sobject in (*STANDARD, *CUSTOM)
            ]
            + [{"tap_stream_id": "sync_reports"}]
        }

    def left_out(self, deselected: set[str]) -> set[str]:
        """The fields of accounts that the last run left out as new; none that an earlier run has read."""
        described = self.org.schema_for(self.server.user).get("Account")
        assert described is not None
        wanted = {
            field.name
            for field in described.columns
            if not (self.masks == "drop" and is_masked("Account", field.name))
        }
        found = set(self.target.names("accounts"))
        lacks = {name for name in wanted - found if column_name(name) not in deselected}
        assert not lacks & self.read, lacks
        assert not lacks or self.excludes, lacks
        if self.excludes and not self.perhaps:
            assert not found - self.read - {"IsDeleted"}, found - self.read
        if not self.excludes:
            self.perhaps = False
        self.read |= found
        return lacks

    def compare(self, deselected: set[str], swept: bool, left_out: set[str]) -> None:
        seen = self.org.schema_for(self.server.user)
        for sobject in (*STANDARD, *CUSTOM):
            described = seen.get(sobject)
            if described is None:
                continue
            # A field keeps the name that it was given beside another one, also where that one is gone by now.
            names = column_names(field.name for field in described.fields.values())
            names |= self.target.names(collection_name(sobject))
            self.names_stay(sobject, self.target.names(collection_name(sobject)))
            fields = {
                name: field
                for field in described.columns
                if (name := names[field.name]) not in deselected or sobject != "Account"
                if not (sobject == "Account" and field.name in left_out)
                if not (self.masks == "drop" and is_masked(sobject, field.name))
            }
            table = self.target.tables[collection_name(sobject)]
            rows = {row["Id"]: row for row in self.org.rows(sobject)}
            for record_id, row in rows.items():
                if sobject == "Account" and not FILTERS[self.condition](row["Name"]):
                    # A row that has changed so stays until a sweep.
                    assert not swept or table.get(record_id, {}).get("is_deleted", True), record_id
                    continue
                wanted = {name: self.wanted(sobject, field, row) for name, field in fields.items()}
                found = {name: table.get(record_id, {}).get(name) for name in wanted}
                assert {n: as_json(v, "") for n, v in found.items()} == wanted, (sobject, record_id)
            for record_id in table.keys() - rows.keys():
                assert table[record_id]["is_deleted"], (sobject, record_id)

    def names_stay(self, sobject: str, names: Mapping[str, str]) -> None:
        """A property is of one field for ever, and a field keeps its property, whatever is hidden meanwhile."""
        for field, name in names.items():
            assert self.given.setdefault((sobject, name), field) == field, (sobject, name)
        fields = {(whose, field): name for (whose, name), field in self.given.items()}
        assert len(fields) == len(self.given), self.given

    def wanted(self, sobject: str, field: Field, row: Mapping[str, Any]) -> Any:
        """What a message says of a field's value."""
        value = as_json(row[field.name], field.type)
        return masked(self.masks, value) if is_masked(sobject, field.name) else value


TestHistories = pytest.mark.timeout(at_level(normal=300, wide=1200, long=3600))(Histories.TestCase)
TestHistories.settings = settings(
    derandomize=REPEATABLE,
    max_examples=at_level(normal=15, wide=70, long=300),
    stateful_step_count=at_level(normal=40, wide=40, long=60),
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
