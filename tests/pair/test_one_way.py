"""One way for a record: what each feature promises holds beside every other, seen in the tables.

Partial rows (new fields, refreshed formulas, tombstones, sweeps) through BATCH files, stream maps and names.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.pair.both import Pair, batch_config
from tests.pair.store import differences

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse
    from tests.pair.both import TapRun

NAMES = ("Acme", "Borg", "Cyberdyne", "Dunder")
LATER = timedelta(hours=3)


@pytest.fixture
def pair(org_server: OrgServer, org: Org, warehouse: Warehouse) -> Pair:
    """Both halves, for accounts."""
    return Pair(org_server, warehouse, {"objects": ["Account"], "sync_reports": False})


def ids(org: Org, sobject: str = "Account") -> list[str]:
    return [row["Id"] for row in org.rows(sobject)]


def a_new_field(org: Org) -> None:
    org.add_field("Account", custom_field("Extra__c", "string"))


def nothing(org: Org) -> None:
    """Nothing but time changes."""


PARTIAL: dict[str, tuple[Callable[[Org], None], dict[str, Any], timedelta]] = {
    "a new field": (a_new_field, {}, LATER),
    "a refreshed field": (nothing, {"refresh_fields": ["Account.Industry"]}, timedelta(hours=25)),
    "a sweep": (nothing, {"deletes": "sweep"}, LATER),
}
"""What makes partial rows: a change in the org, settings, and how much later the run is."""


# BATCH files (B0).


@pytest.mark.parametrize("form", ["csv", "jsonl"])
@pytest.mark.parametrize("cause", [*PARTIAL])
def test_batch_files_of_partial_rows_leave_the_other_columns_alone(
    pair: Pair, org: Org, tmp_path: Path, form: str, cause: str
) -> None:
    change, settings, later = PARTIAL[cause]
    batched = {"batch_config": batch_config(form, tmp_path / "batches"), "reader": "bulk", **settings}
    pair.good(**batched)
    change(org)
    org.clock.advance(seconds=later.total_seconds())
    pair.good(**batched)
    assert differences(pair.warehouse, org, ["Account"]) == []


def test_a_first_run_that_sweeps_by_batch_files_keeps_what_it_loaded(
    pair: Pair, org: Org, tmp_path: Path
) -> None:
    pair.good(batch_config=batch_config("csv", tmp_path / "batches"), reader="bulk", deletes="sweep")
    assert differences(pair.warehouse, org, ["Account"]) == []


# Filters (B1, B2).

FILTER = {"stream_maps": {"accounts": {"__filter__": "name != 'Borg'"}}}


@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize(
    ("settings", "later"),
    [({"deletes": "sweep"}, LATER), ({}, timedelta(days=16))],
    ids=["asked for", "after 16 days"],
)
def test_a_sweep_beside_a_filter_marks_only_what_is_gone(
    pair: Pair, org: Org, reader: str, settings: dict[str, Any], later: timedelta
) -> None:
    pair.good(**FILTER, reader=reader)
    kept = {row["Id"] for row in org.rows("Account") if row["Name"] != "Borg"}
    assert set(pair.rows("accounts")) == kept
    gone = min(kept)
    org.hard_delete(gone)
    org.clock.advance(seconds=later.total_seconds())
    pair.good(**FILTER, **settings, reader=reader)
    assert set(pair.rows("accounts")) == kept
    assert pair.deleted() == {gone}
    assert set(pair.column("accounts", "industry").values()) == {"Energy"}


def test_a_sweep_marks_a_row_that_the_filter_drops_by_now(pair: Pair, org: Org) -> None:
    pair.good(**FILTER)
    first = next(row["Id"] for row in org.rows("Account") if row["Name"] == "Acme")
    org.update(first, {"Name": "Borg"})
    org.clock.advance(hours=3)
    pair.good(**FILTER, deletes="sweep")
    assert pair.deleted() == {first}


@pytest.mark.parametrize("act", ["delete", "hard_delete"])
def test_deletes_are_seen_beside_a_filter(pair: Pair, org: Org, act: str) -> None:
    pair.good(**FILTER)
    (gone,) = [row["Id"] for row in org.rows("Account") if row["Name"] == "Acme"]
    getattr(org, act)(gone)
    org.clock.advance(hours=3)
    pair.good(**FILTER)
    assert pair.deleted() == {gone}
    org.clock.advance(hours=3)
    pair.good(**FILTER)
    assert pair.deleted() == {gone}


# Masks (B3).


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


MASK = {"stream_maps": {"accounts": {"id": "md5(id)", "name": "name.upper()", "__key_properties__": ["id"]}}}


@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize("cause", [*PARTIAL, "a tombstone"])
def test_no_raw_id_passes_a_map_that_masks_it(pair: Pair, org: Org, reader: str, cause: str) -> None:
    change, settings, later = PARTIAL.get(cause, (nothing, {}, LATER))
    settings = {**MASK, **settings, "reader": reader}
    pair.good(**settings)
    masked = {md5(row["Id"]): row["Name"].upper() for row in org.rows("Account")}
    gone = ids(org)[0]
    org.hard_delete(gone)
    change(org)
    org.clock.advance(seconds=later.total_seconds())
    run = pair.good(**settings)
    assert not [name for name in ids(org) if name.encode() in run.output]
    assert pair.column("accounts", "name") == masked
    assert pair.deleted() == {md5(gone)}


@pytest.mark.parametrize("form", ["csv", "jsonl"])
def test_batch_files_hold_mapped_rows_or_none(pair: Pair, org: Org, tmp_path: Path, form: str) -> None:
    batch = batch_config(form, tmp_path / "batches")
    run = pair.sync(**MASK, batch_config=batch, reader="bulk")
    files = [path.read_bytes() for path in (tmp_path / "batches").iterdir()]
    written = b"".join(gzip.decompress(file) if file[:2] == b"\x1f\x8b" else file for file in files)
    assert not [name for name in ids(org) if name.encode() in run.output + written]
    assert run.failed_aloud or pair.rows("accounts").keys() == {md5(name) for name in ids(org)}


@pytest.mark.parametrize("form", ["records", "jsonl"])
def test_a_row_that_a_map_cannot_map_fails_its_collection_only(
    pair: Pair, org: Org, tmp_path: Path, form: str
) -> None:
    bad = org.create("Account", {"Name": "No industry"})
    org.clock.advance(hours=3)
    maps = {"accounts": {"id": "md5(id)", "industry": "industry.upper()", "__key_properties__": ["id"]}}
    batch = {} if form == "records" else {"batch_config": batch_config(form, tmp_path / "batches")}
    run = pair.sync(objects=["Account", "Contact"], stream_maps=maps, **batch)
    assert run.failed_aloud, run.error
    assert "accounts" in run.said
    assert bad not in pair.rows("accounts")
    assert bookmark(pair, "accounts") is None
    assert differences(pair.warehouse, org, ["Contact"]) == []


@pytest.mark.parametrize("form", ["records", "jsonl"])
def test_a_sweep_whose_rows_a_map_cannot_map_deletes_nothing(
    pair: Pair, org: Org, tmp_path: Path, form: str
) -> None:
    batch = {} if form == "records" else {"batch_config": batch_config(form, tmp_path / "batches")}
    pair.config.update(stream_maps={"accounts": {"industry": "industry.upper()"}}, **batch)
    pair.good()
    org.update(ids(org)[-1], {"Industry": None})
    org.clock.advance(hours=3)
    assert pair.sync(deletes="sweep").failed_aloud
    assert pair.target_error is None
    assert pair.deleted() == set()


def bookmark(pair: Pair, stream: str) -> str | None:
    """The moment up to which the state says that a stream's rows are loaded."""
    found = ((pair.state or {}).get("bookmarks") or {}).get(stream) or {}
    value: str | None = found.get("replication_key_value")
    return value


# Maps of the target (B4).


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
@pytest.mark.parametrize(
    "maps",
    [{"name": "name.upper()"}, {"__filter__": "industry == 'Energy'"}, {"industry": "__NULL__"}],
    ids=["computed", "filter", "removed"],
)
@pytest.mark.parametrize("cause", [*PARTIAL, "a tombstone"])
def test_maps_of_the_target_meet_partial_rows(
    pair: Pair, org: Org, maps: dict[str, str], cause: str, partial_rows: str
) -> None:
    """Partial rows pass, or the target says what to set; nothing in the table is wrong either way."""
    change, settings, later = PARTIAL.get(cause, (nothing, {}, LATER))
    settings = {**settings, "partial_rows": partial_rows}
    pair.target = {"stream_maps": {"accounts": maps}}
    pair.good(**{**settings, "deletes": "all"})
    before = pair.column("accounts", "name")
    change(org)
    gone = ids(org)[0]
    if cause == "a tombstone":
        org.hard_delete(gone)
    org.clock.advance(seconds=later.total_seconds())
    run = pair.sync(**settings)
    assert run.error is None
    assert pair.column("accounts", "name") == before
    if pair.target_error is not None:
        assert partial_rows == "auto", pair.target_error
        assert type(pair.target_error).__module__.startswith("target_sfwarehouse"), repr(pair.target_error)
        assert "partial_rows" in str(pair.target_error)
        assert pair.deleted() <= {gone}
    else:
        assert pair.deleted() == ({gone} if cause == "a tombstone" else set())


# File contents.


def documents(org: Org, *names: str) -> list[str]:
    folder = org.create("Folder", {"Name": "Files", "Type": "Document", "AccessType": "Public"})
    return [
        org.create("Document", {"Name": name, "FolderId": folder, "Body": content(name)}) for name in names
    ]


def content(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize("reader", ["rest", "bulk"])
@pytest.mark.parametrize("form", ["records", "csv", "jsonl"])
def test_contents_are_never_missing_from_a_row_that_had_some(
    pair: Pair, org: Org, tmp_path: Path, form: str, reader: str
) -> None:
    """Wherever the target stops: a row and its contents arrive together."""
    changed, _ = documents(org, "changes", "stays")
    org.clock.advance(hours=3)
    batch = {} if form == "records" else {"batch_config": batch_config(form, tmp_path / "batches")}
    pair.config.update(objects=["Document"], include_base64=True, reader=reader, **batch)
    pair.good()
    org.update(changed, {"Body": content("changed")})
    org.clock.advance(hours=3)
    lines = pair.tap().output.splitlines(keepends=True)
    for end in range(len(lines) + 1):
        pair.load(lines[:end])
        assert None not in pair.column("documents", "body").values()
    assert pair.column("documents", "body")[changed] == content("changed")


@pytest.mark.parametrize("partial_rows", ["auto", "whole"])
def test_contents_asked_for_later_make_no_rows_from_before_the_start_date(
    pair: Pair, org: Org, partial_rows: str
) -> None:
    documents(org, "old")
    org.clock.advance(hours=24)
    pair.config.update(objects=["Document"], start_date=org.clock.now().strftime("%Y-%m-%dT%H:%M:%SZ"))
    (new,) = documents(org, "new")
    org.clock.advance(hours=3)
    pair.good(partial_rows=partial_rows)
    org.clock.advance(hours=3)
    pair.good(partial_rows=partial_rows, include_base64=True)
    assert pair.column("documents", "body") == {new: content("new")}


def test_a_content_that_is_too_large_is_told_with_whole_rows_too(pair: Pair, org: Org) -> None:
    documents(org, "x" * 50)
    org.clock.advance(hours=3)
    pair.config.update(objects=["Document"], include_base64=True, base64_max_bytes=40)
    for partial_rows in ("auto", "whole"):
        pair.state = None
        assert "1 contents too large" in pair.good(partial_rows=partial_rows).said


# The deletion column (B6).


@pytest.mark.parametrize("naming", ["segment", "salesforce"])
@pytest.mark.parametrize("way", ["tombstone", "sweep"])
def test_every_way_of_deleting_marks_the_same_column(pair: Pair, org: Org, naming: str, way: str) -> None:
    key, mark = ("id", "is_deleted") if naming == "segment" else ("Id", "IsDeleted")
    settings: dict[str, Any] = {"naming": naming, "deletes": "sweep" if way == "sweep" else "all"}
    pair.good(naming=naming)
    (table,) = pair.warehouse.table_names() - {"_sync_runs", "_sources", "_received_at"}
    gone, *kept = ids(org)
    org.hard_delete(gone)
    org.clock.advance(hours=20 * 24 if way == "sweep" else 3)
    pair.good(**settings)
    assert pair.column(table, mark, key) == {gone: True, **dict.fromkeys(kept, False)}
    assert "_sdc_deleted_at" not in next(iter(pair.rows(table, key).values()))


@pytest.mark.parametrize("naming", ["segment", "salesforce"])
def test_the_schema_names_the_deletion_column(pair: Pair, naming: str) -> None:
    (schema, *_) = pair.tap(naming=naming).of("SCHEMA")
    properties = schema["schema"]["properties"]
    marked = [name for name, part in properties.items() if part.get("x-soft-delete") is True]
    assert marked == ["is_deleted" if naming == "segment" else "IsDeleted"]


# Whole rows only (B11).


@pytest.mark.parametrize("form", ["lines", "map", "csv", "jsonl"])
@pytest.mark.parametrize("cause", [*PARTIAL, "a tombstone", "a row in the bin"])
def test_whole_rows_only_where_the_target_can_take_no_others(
    pair: Pair, org: Org, tmp_path: Path, form: str, cause: str
) -> None:
    change, settings, later = PARTIAL.get(cause, (nothing, {}, LATER))
    emitter: dict[str, Any] = {}
    if form == "map":
        emitter = {"stream_maps": {"accounts": {"name": "name"}}}
    elif form != "lines":
        emitter = {"batch_config": batch_config(form, tmp_path / "batches")}
    settings = {**settings, **emitter, "partial_rows": "whole", "reader": "bulk"}
    first = pair.good(**settings)
    whole = {frozenset(message["schema"]["properties"]) for message in first.of("SCHEMA")}
    assert len(whole) == 1
    change(org)
    gone = ids(org)[0]
    if cause == "a tombstone":
        org.hard_delete(gone)
    elif cause == "a row in the bin":
        org.delete(gone)
    org.clock.advance(seconds=later.total_seconds())
    run = pair.good(**settings)
    assert narrowed(run) == []
    deleted = {gone} if cause in ("a tombstone", "a row in the bin") else set()
    assert pair.deleted() == deleted
    for row in pair.rows("accounts").values():
        assert (row["industry"], row["number_of_employees"]) == ("Energy", 959)


def narrowed(run: TapRun) -> list[str]:
    """What in a run is less than whole: SCHEMA messages, or records that lack properties of theirs."""
    schemas = [frozenset(message["schema"]["properties"]) for message in run.of("SCHEMA")]
    widest = max(schemas, key=len)
    found = ["a SCHEMA" for names in schemas if names != widest]
    return found + ["a RECORD" for message in run.of("RECORD") if message["record"].keys() != widest]
