"""What `sfsource pick` writes for a choice of objects, fields and masks, and what it begins with."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from sfsource.pick.choice import Choice
from sfsource.pick.command import catalog_text, tell, write
from sfsource.pick.objects import FieldItem, ObjectItem
from sfsource.pick.presets import PRESETS
from tap_sfsource.catalog.discovery import plan_run
from tap_sfsource.catalog.naming import API_NAMES
from tap_sfsource.catalog.selection import read_catalog
from tests.command.asked import written
from tests.command.picking import pair_of, sitting
from tests.fix_process import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.fix_org import OrgServer


NAMES = ("Id", "Name", "Phone", "Body", "Odd__c", "Odd_c", "Address")
ITEM = ObjectItem("Thing__c", "thing_c", "Thing", 1)
FIELDS = [
    FieldItem(
        name,
        name.lower() if name != "Odd_c" else "odd_c_2",
        "base64" if name == "Body" else "string",
        name,
        automatic=name == "Id",
        default=name != "Body",
        formula=False,
        personal="",
        unsupported="it is a compound" if name == "Address" else "",
    )
    for name in NAMES
]


MARKS = st.tuples(st.sampled_from(["*", "name", "Phone", "o*", "body"]), st.booleans())


@given(
    given_marks=st.none() | st.lists(MARKS, unique_by=lambda mark: mark[0]),
    steps=st.lists(st.sampled_from([*range(len(FIELDS)), "all", "none"])),
)
def test_any_choice_of_fields_is_read_back_as_it_was_made(
    given_marks: list[tuple[str, bool]] | None, steps: list[int | str]
) -> None:
    choice = Choice({"Thing__c": ITEM})
    if given_marks is not None:
        marks = [
            {"breadcrumb": ["properties", name], "metadata": {"selected": read}} for name, read in given_marks
        ]
        root = {"breadcrumb": [], "metadata": {"selected": True}}
        choice.take_catalog({"streams": [{"tap_stream_id": "thing_c", "metadata": [root, *marks]}]})
    choice.pick_only(["Thing__c"])
    choice.begin()
    choice.look_at("Thing__c", FIELDS)
    assert not choice.changed
    for step in steps:
        if isinstance(step, str):
            choice.set_all_fields("Thing__c", read=step == "all")
        else:
            choice.toggle_field("Thing__c", FIELDS[step])
    (entry,) = read_catalog(json.loads(catalog_text(choice.catalog())))
    read = {
        part.api_name
        for part in FIELDS
        if not part.unsupported
        and (part.automatic or entry.reads(part.api_name, part.property, default=part.default))
    }
    assert read == choice.fields["Thing__c"]
    assert entry.api_name == "Thing__c"


def test_presets_are_those_of_the_catalogs() -> None:
    for name, file in (("The 48 collections", "all"), ("Sales", "sales"), ("Support", "support")):
        catalog = json.loads((PROJECT / "catalogs" / f"{file}.json").read_text())
        streams = {entry["tap_stream_id"] for entry in catalog["streams"]} - {"sync_reports"}
        assert {API_NAMES[stream] for stream in streams} == set(PRESETS[name])


def test_what_is_written_is_what_the_tap_reads(
    company: OrgServer, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = sitting(company, objects=["Account", "Invoice__c"])
    seen.type(
        "enter",
        "down",
        "down",
        "down",
        "space",
        "q",
        "slash",
        ":invoice",
        "enter",
        "enter",
        "a",
        "q",
        "escape",
        "n",
        "w",
    )
    assert seen.app.return_value is True
    settings = written(tmp_path, "tap.json", company.config())
    write(seen.app.choice, tmp_path / "picked.json", settings)
    tell(seen.app.choice, tmp_path / "picked.json", settings)
    assert "picked.json: 2 objects." in capsys.readouterr().out
    assert json.loads(settings.read_text()) == {
        **company.config(),
        "mask": {},
        "new_fields": "exclude",
    }
    catalog = json.loads((tmp_path / "picked.json").read_text())
    tap = pair_of(company).tap_without_catalog
    plan = plan_run(tap.client, tap.settings, catalog)
    fields = {part.api_name: {column.api_name for column in part.columns} for part in plan.streams}
    assert fields == {name: seen.app.choice.fields[name] for name in ("Account", "Invoice__c")}
    assert len(fields["Invoice__c"]) == 3
    assert len(fields["Account"]) > 10


def test_without_a_file_lines_of_meltano_are_printed(
    company: OrgServer, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = sitting(company, objects=["Account", "Group"])
    seen.type("enter", "down", "down", "down", "m", "space", "q", "down", "w")
    write(seen.app.choice, None, None)
    tell(seen.app.choice, None, None)
    told = capsys.readouterr().out
    assert "select:\n- _group.*\n- accounts.*\n- '!accounts." in told
    assert '"mask": {\n    "Account.' in told


OLD = {
    "streams": [
        {
            "tap_stream_id": "accounts",
            "metadata": [
                {"breadcrumb": [], "metadata": {"selected": True, "forced-replication-method": "FULL_TABLE"}},
                {"breadcrumb": ["properties", "billing_*"], "metadata": {"selected": False}},
                {"breadcrumb": ["properties", "billing_city"], "metadata": {"selected": True}},
            ],
        },
        {"tap_stream_id": "leads", "metadata": [{"breadcrumb": [], "metadata": {"selected": False}}]},
    ]
}


def test_a_catalog_that_is_there_is_where_it_starts_and_its_patterns_stay(company: OrgServer) -> None:
    seen = sitting(company, OLD)
    assert "1 of 59 objects" in seen.type("enter", "q", "down")
    assert not seen.app.choice.changed
    assert seen.app.choice.catalog()["streams"] == [OLD["streams"][0]]
    fields = seen.app.choice.fields["Account"]
    assert "BillingCity" in fields
    assert "BillingStreet" not in fields


def test_a_catalog_of_discovery_is_where_it_starts(company: OrgServer) -> None:
    tap = pair_of(company, objects=["Account", "Group"]).tap_without_catalog
    catalog = tap.catalog_dict
    for part in catalog["streams"][1]["metadata"]:
        if part["breadcrumb"] == ["properties", "fax"]:
            part["metadata"]["selected"] = False
    seen = sitting(company, catalog)
    assert "2 of 59 objects" in seen.type("down")
    marks = {entry["tap_stream_id"]: entry["metadata"][1:] for entry in seen.app.choice.catalog()["streams"]}
    assert marks["accounts"] == [{"breadcrumb": ["properties", "fax"], "metadata": {"selected": False}}]
    accounts = plan_run(tap.client, tap.settings, seen.app.choice.catalog()).streams[1]
    assert "Fax" not in {part.api_name for part in accounts.columns}


def test_entries_of_no_object_stay(company: OrgServer) -> None:
    """Such as `sync_reports`, which a catalog has to select."""
    reports = {
        "tap_stream_id": "sync_reports",
        "metadata": [{"breadcrumb": [], "metadata": {"selected": True}}],
    }
    off = {"tap_stream_id": "gone_c", "metadata": [{"breadcrumb": [], "metadata": {"selected": False}}]}
    seen = sitting(company, {"streams": [reports, off, OLD["streams"][0]]})
    assert "1 of 59 objects" in seen.type("down")
    assert seen.app.choice.catalog()["streams"] == [OLD["streams"][0], reports]
    assert seen.app.choice.select_lines()[-1] == "sync_reports.*"


def test_masks_and_reports_of_the_settings_are_where_it_starts(company: OrgServer, tmp_path: Path) -> None:
    masks = {"Account.Phone": "drop", "accounts.f*": "null"}
    seen = sitting(company, mask=masks, mask_salt="a long random text", objects=["Account"])
    seen.type("enter", "slash", ":phone", "enter", "m")
    assert "[x]  Phone                   phone      drop" in seen.screens[2]
    assert "[x]  Phone                   phone      keep" in seen.screens[-1]
    write(seen.app.choice, tmp_path / "picked.json", written(tmp_path, "tap.json", {}))
    picked = json.loads((tmp_path / "picked.json").read_text())
    assert [entry["tap_stream_id"] for entry in picked["streams"]] == ["accounts", "sync_reports"]
    assert json.loads((tmp_path / "tap.json").read_text())["mask"] == {**masks, "Account.Phone": "keep"}


def test_masks_by_pattern_are_shown_and_a_field_goes_its_own_way() -> None:
    choice = Choice({"Thing__c": ITEM}, masks={"thing_c.p*": "hash", "*.Name": "null"})
    choice.look_at("Thing__c", FIELDS)
    named = {part.api_name: part for part in FIELDS}
    assert [choice.mask_of("Thing__c", named[name]) for name in ("Phone", "Name", "Body")] == [
        "hash",
        "null",
        "",
    ]
    ways = []
    for _ in range(5):
        choice.mask_next("Thing__c", named["Phone"])
        ways.append(choice.mask_of("Thing__c", named["Phone"]))
    # After `keep` its own choice is gone, and the pattern's holds again.
    assert ways == ["hash", "null", "drop", "keep", "hash"]
    assert choice.settings() == {"mask": {"thing_c.p*": "hash", "*.Name": "null"}, "new_fields": "include"}


def test_new_fields_by_object_stay_until_they_are_changed(tmp_path: Path) -> None:
    choice = Choice({"Thing__c": ITEM}, new_fields="")
    settings = written(tmp_path, "tap.json", {"new_fields": {"Thing__c": "exclude"}, "client_id": "a"})
    write(choice, tmp_path / "picked.json", settings)
    assert json.loads(settings.read_text()) == {
        "new_fields": {"Thing__c": "exclude"},
        "client_id": "a",
        "mask": {},
    }
    assert [choice.next_new_fields(), choice.next_new_fields()] == ["include", "exclude"]
