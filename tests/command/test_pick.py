"""`sfsource pick`, key by key: what the screen shows (80 by 24, compared with snapshots), and what is written."""

from __future__ import annotations

import contextlib
import json
import math
import os
import pty
import select
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.schema import Field as OrgField
from salesforce_simulator.schema import SObject as OrgObject
from salesforce_simulator.users import Permissions
from sfsource.forecast.runs import Forecast
from sfsource.forecast.sizes import Size
from sfsource.pick.presets import PRESETS
from tap_sfsource.api.describe import Field, SObject
from tap_sfsource.catalog.plan import plan_of
from tests.command.asked import ask, written
from tests.command.picking import pair_of, sitting
from tests.fix_process import PROJECT, SCRIPTS, wait_until
from tests.levels import slow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_org import OrgServer

SNAPSHOTS = Path(__file__).with_name("snapshots")
RENEW = "SFSOURCE_RENEW_SNAPSHOTS"
"""Set it to write the snapshots anew."""

TMUX = shutil.which("tmux")


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


def test_it_needs_a_terminal(company: OrgServer, tmp_path: Path) -> None:
    answer = ask("pick", "--tap", written(tmp_path, "tap.json", company.config())).expect(2)
    assert "pick needs a terminal" in answer.stderr


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


@slow
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


@slow
def test_in_a_terminal_that_is_nobodys(company: OrgServer, tmp_path: Path) -> None:
    """As in some containers: standard input is a terminal, and the process has none of its own."""
    ours, theirs = pty.openpty()
    command: list[str | Path] = [SCRIPTS / "sfsource", "pick", "--tap"]
    command.append(written(tmp_path, "tap.json", company.config()))
    log = tmp_path / "log.txt"
    with log.open("wb") as file:
        process = subprocess.Popen(
            command, stdin=theirs, stdout=subprocess.PIPE, stderr=file, start_new_session=True, cwd=tmp_path
        )
    os.close(theirs)
    shown = b""

    def drawn() -> bool:
        nonlocal shown
        with contextlib.suppress(OSError):  # the process has ended
            while select.select([ours], [], [], 0)[0]:
                shown += os.read(ours, 65536)
        return b"objects" in shown or process.poll() is not None

    try:
        wait_until(drawn, "the picker is drawn", deadline=60)
        os.write(ours, b"q")
        wait_until(lambda: (drawn(), process.poll() is not None)[1], "it ends", deadline=60)
        assert b"objects" in shown
        assert "Traceback" not in log.read_text()
        assert process.returncode == 0
    finally:
        process.kill()
        process.communicate()
        os.close(ours)
