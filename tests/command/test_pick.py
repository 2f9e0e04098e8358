"""`sfsource pick`, key by key: what the screen shows (80 by 24, compared with snapshots), and what is written."""

from __future__ import annotations

import asyncio
import json
import math
import os
import re
import shutil
import subprocess
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from salesforce_simulator.schema import Field as OrgField
from salesforce_simulator.schema import SObject as OrgObject
from salesforce_simulator.users import Permissions
from sfsource.forecast.runs import Forecast
from sfsource.forecast.sizes import Size
from sfsource.given.pair import Pair
from sfsource.pick.choice import Choice
from sfsource.pick.command import catalog_text, picker, tell, write
from sfsource.pick.objects import FieldItem, ObjectItem
from sfsource.pick.presets import PRESETS
from tap_sfsource.api.describe import Field, SObject
from tap_sfsource.catalog.discovery import plan_run
from tap_sfsource.catalog.naming import API_NAMES
from tap_sfsource.catalog.plan import plan_of
from tap_sfsource.catalog.selection import read_catalog
from tests.command.asked import ask, written
from tests.fix_org import serving_company
from tests.fix_process import PROJECT, wait_until
from tests.levels import programs

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sfsource.pick.app import Picker
    from tests.fix_org import OrgServer

SNAPSHOTS = Path(__file__).with_name("snapshots")
RENEW = "SFSOURCE_RENEW_SNAPSHOTS"
"""Set it to write the snapshots anew."""

TMUX = shutil.which("tmux")


@pytest.fixture(scope="module")
def company() -> Iterator[OrgServer]:
    """The example company, which no test changes."""
    with serving_company() as server:
        yield server


def pair_of(server: OrgServer, catalog: dict[str, Any] | None = None, **settings: Any) -> Pair:
    return Pair(
        tap_config=lambda: server.config(**settings),
        target_config=dict,
        given_catalog=catalog,
    )


def shown(app: Picker) -> str:
    """What a person sees."""
    lines = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
    behind = app.screen_stack[-2] if app.screen.is_modal else None
    text = "\n".join(lines)
    if behind is not None:
        text = "\n".join(line for line in lines if line.strip())
    return re.sub(r"127\.0\.0\.1:\d+", "acme.example.com", text).rstrip() + "\n"


class Seen:
    """The screens of one sitting."""

    def __init__(self, app: Picker) -> None:
        self.app = app
        self.screens: list[str] = []

    def type(self, *keys: str) -> str:
        """Press keys, one after the other; gives what is shown at the end. The sitting begins anew each time."""

        async def sit() -> None:
            async with self.app.run_test(size=(80, 24)) as pilot:
                await pilot.pause()
                for key in keys:
                    await pilot.press(*(list(key[1:]) if key.startswith(":") else [key]))
                    await pilot.pause()
                    if self.app.return_value is None:
                        self.screens.append(shown(self.app))

        asyncio.run(sit())
        return self.screens[-1] if self.screens else ""


def sitting(server: OrgServer, catalog: dict[str, Any] | None = None, **settings: Any) -> Seen:
    return Seen(picker(pair_of(server, catalog, **settings), timedelta(hours=3)))


def expect(name: str, screen: str) -> None:
    """Compare with a snapshot."""
    path = SNAPSHOTS / f"{name}.txt"
    if os.environ.get(RENEW):
        SNAPSHOTS.mkdir(exist_ok=True)
        path.write_text(screen)
    assert screen == path.read_text(), f"{RENEW}=1 writes the snapshots anew"


def test_the_objects_of_the_org_with_what_they_cost(company: OrgServer) -> None:
    seen = sitting(company)
    seen.type("down", "up", "space", "space", "down", "space")
    expect("objects", seen.screens[1])
    assert "48 of 59 objects" in seen.screens[3]
    assert "47 of 59 objects" in seen.screens[-1]
    assert "[ ]  AccountContactRole" in seen.screens[-1]
    widths = {len(line) for screen in seen.screens for line in screen.splitlines()}
    assert max(widths) <= 80


@pytest.mark.parametrize("preset", PRESETS)
def test_the_sum_of_the_objects_is_what_a_forecast_of_the_choice_says(
    preset: str, company: OrgServer
) -> None:
    app = sitting(company).app
    objects, client = app.choice.objects, pair_of(company).tap_without_catalog.client
    names = [name for name in PRESETS[preset] if name != "Name"]
    kinds = {"Id": "id", "IsDeleted": "boolean", "SystemModstamp": "datetime"}
    fields = tuple(Field(name=name, type=kind) for name, kind in kinds.items())
    plans = [
        plan_of(
            SObject(name=name, replicateable=True, fields=fields),
            objects[name].stream,
            client.settings,
        )
        for name in names
    ]
    sizes = {objects[name].stream: Size(objects[name].rows or 0, objects[name].rows) for name in names}
    forecast = Forecast(client, plans, sizes, math.ceil(len(plans) / 25)).next_run()
    choice = set(PRESETS[preset])
    first, _ = app.costs.of(choice, {})
    assert (first.calls, first.rows, first.jobs) == (
        forecast.total.calls,
        forecast.total.rows,
        forecast.total.jobs,
    )


def test_a_search_narrows_as_it_is_typed(company: OrgServer) -> None:
    seen = sitting(company)
    seen.type("slash", ":cont", ":act ro", "enter", "space", "escape")
    assert "Account " not in seen.screens[1].replace("Account Contact", "")
    expect("search", seen.screens[3])
    assert "47 of 59 objects" in seen.screens[4]
    assert "Campaign" in seen.screens[5]


def test_letters_that_are_searched_for_are_no_keys(company: OrgServer) -> None:
    """`w` and `q` would leave, `p` and `n` open something."""
    seen = sitting(company)
    seen.type("slash", ":wqpn ", "down", "escape")
    assert len(seen.screens) == 4
    assert "48 of 59 objects" in seen.screens[-1]


def test_fields_with_their_marks_and_masks(company: OrgServer) -> None:
    seen = sitting(company)
    to_contact = ["slash", ":contact", "enter", "down", "down"]
    seen.type(*to_contact, "enter", *["down"] * 5, "space", "m", "down", "m", "m")
    assert "Contact · Contact" in seen.screens[5]
    expect("fields", seen.screens[-1])
    seen = sitting(company)
    seen.type(*to_contact, "enter", "slash", ":pii", "enter", "p")
    expect("personal", seen.screens[-1])


def test_a_field_that_is_always_read_stays(company: OrgServer) -> None:
    seen = sitting(company)
    seen.type("enter", "space", "m", "a")
    assert "[=]  Id" in seen.screens[-1]
    assert "[x]" not in seen.screens[-1]
    assert seen.app.choice.masks == {}
    assert seen.app.choice.fields["Account"] == {"Id", "IsDeleted", "SystemModstamp"}


def test_presets(company: OrgServer) -> None:
    seen = sitting(company)
    seen.type("p", "down", "enter")
    expect("presets", seen.screens[0])
    assert "19 of 59 objects" in seen.screens[-1]
    assert seen.app.choice.selected == set(PRESETS["Sales"])


@pytest.mark.parametrize("key", ["q", "escape"])
def test_it_leaves_at_once_where_nothing_has_changed(key: str, company: OrgServer) -> None:
    seen = sitting(company)
    seen.type("enter", "q", key)
    assert seen.app.return_value is False


def test_it_asks_before_it_leaves_changes(company: OrgServer) -> None:
    seen = sitting(company)
    seen.type("space", "q", "n")
    expect("question", seen.screens[1])
    assert "47 of 59 objects" in seen.screens[2]
    seen = sitting(company)
    seen.type("space", "escape", "y")
    assert seen.app.return_value is False


def test_what_cannot_be_read_is_not_picked_and_says_why(company_server: OrgServer) -> None:
    user = company_server.user.username
    seen = sitting(company_server)
    company_server.org.set_permissions(user, Permissions().without_object("Account"))
    assert "Account" in seen.type("enter")
    (line,) = [line for line in seen.screens[-1].splitlines() if "NOT_FOUND" in line]
    assert line


def classify(server: OrgServer, sobject: str, fields: dict[str, tuple[str | None, str | None]]) -> None:
    """Data classification of fields: compliance group and sensitivity, as FieldDefinition has them."""
    org = server.org

    def texts(*names: str) -> dict[str, OrgField]:
        return {name: OrgField(name, "string", length=80) for name in names}

    own_id = {"Id": OrgField("Id", "id", nillable=False, createable=False)}
    entity = OrgField(
        "EntityDefinitionId",
        "reference",
        reference_to=("EntityDefinition",),
        relationship_name="EntityDefinition",
    )
    for name, prefix, more in (
        ("EntityDefinition", "4ie", texts("QualifiedApiName")),
        (
            "FieldDefinition",
            "4fe",
            {entity.name: entity, **texts("QualifiedApiName", "ComplianceGroup", "SecurityClassification")},
        ),
    ):
        org.add_object(OrgObject(name, prefix, {**own_id, **more}, replicateable=False))
    whose = org.create("EntityDefinition", {"QualifiedApiName": sobject})
    for name, (group, security) in fields.items():
        values = {"ComplianceGroup": group, "SecurityClassification": security}
        org.create("FieldDefinition", {"EntityDefinitionId": whose, "QualifiedApiName": name, **values})


def test_the_orgs_own_classification_goes_before_a_guess(company_server: OrgServer) -> None:
    classes = {"Phone": ("GDPR;PII", None), "Fax": (None, "Confidential"), "Site": (None, "Public")}
    classify(company_server, "Account", classes)
    company_server.ledger.clear()
    seen = sitting(company_server)
    before = company_server.ledger.api_calls
    seen.type("enter", "slash", ":pii")
    told = {part.api_name: part.personal for part in seen.app.look_at(seen.app.choice.objects["Account"])}
    assert (told["Phone"], told["Fax"], told["Site"]) == ("GDPR;PII", "Confidential", "")
    # Two calls for all objects, one for the fields of one.
    assert (before, company_server.ledger.api_calls) == (2, 3)


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


def test_it_needs_a_terminal(company: OrgServer, tmp_path: Path) -> None:
    answer = ask("pick", "--tap", written(tmp_path, "tap.json", company.config())).expect(2)
    assert "pick needs a terminal" in answer.stderr


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


class Terminal:
    """A real terminal of 80 by 24."""

    def __init__(self, folder: Path) -> None:
        self._tmux = [str(TMUX), "-S", str(folder / "tmux"), "-f", "/dev/null"]
        self._do("new-session", "-d", "-c", str(folder), "-x", "80", "-y", "24", "env", "-u", "ENV", "sh")

    def _do(self, *arguments: str) -> str:
        return subprocess.run([*self._tmux, *arguments], capture_output=True, text=True, check=True).stdout

    def press(self, *keys: str) -> None:
        self._do("send-keys", *keys)

    def waits_for(self, text: str) -> str:
        def there() -> str:
            screen = self._do("capture-pane", "-p")
            return screen if text in screen else ""

        try:
            return str(wait_until(there, f"the terminal shows {text!r}"))
        except BaseException:
            print(self._do("capture-pane", "-p"))
            raise

    def close(self) -> None:
        self._do("kill-server")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    opened = Terminal(tmp_path)
    yield opened
    opened.close()


@programs
@pytest.mark.skipif(TMUX is None, reason="needs tmux (Debian's package of that name)")
@pytest.mark.parametrize("drawn", ["", " 2>log.txt --json | tee told.json"])
def test_in_a_real_terminal(drawn: str, company: OrgServer, tmp_path: Path, terminal: Terminal) -> None:
    """Meltano takes standard error of its utilities for its log; typing is as fast as it can be."""
    written(tmp_path, "tap.json", company.config(objects=["Account"]))
    program = shutil.which("sfsource", path=str(PROJECT / ".venv" / "bin")) or shutil.which("sfsource")
    terminal.press(f"{program} pick --tap tap.json --output picked.json{drawn}", "Enter")
    terminal.waits_for("1 of 59 objects")
    terminal.press("/leads")
    terminal.waits_for(" Lead ")
    terminal.press("Enter")
    terminal.press("Space")
    terminal.waits_for("2 of 59 objects")
    terminal.press("Enter")
    terminal.waits_for("Lead · Lead")
    terminal.press("Down", "m", "q")
    terminal.waits_for("space pick  enter fields")
    terminal.press("w")
    terminal.waits_for('"objects": 2' if drawn else "picked.json: 2 objects.")
    if drawn:
        told = json.loads((tmp_path / "told.json").read_text())
        assert (told["output"], told["select"][:2]) == ("picked.json", ["accounts.*", "leads.*"])
    picked = json.loads((tmp_path / "picked.json").read_text())
    assert [entry["tap_stream_id"] for entry in picked["streams"]] == ["accounts", "leads", "sync_reports"]
