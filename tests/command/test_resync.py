"""`sfsource resync` has the next run read again what was asked, and only that; nothing has to be edited by hand."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from tap_sfsource.catalog.keys import CREATED_BEFORE
from tests.command.running import sfsource, told
from tests.levels import slow
from tests.pair.both import Pair, batch_config
from tests.pair.store import differences

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_meltano import Meltano
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse


class Synced:
    """An org that has been synced, and its state in a file."""

    def __init__(self, server: OrgServer, warehouse: Warehouse, folder: Path, **config: Any) -> None:
        self.org: Org = server.org
        self.org.clock.freeze()
        self.pair = Pair(server, warehouse, {"objects": ["Account", "Contact"], **config})
        for number in range(5):
            account = self.org.create("Account", {"Name": f"Account {number}"})
            self.org.create("Contact", {"LastName": f"Contact {number}", "AccountId": account})
            self.org.clock.advance(hours=1)
        self.accounts = [row["Id"] for row in self.org.rows("Account")]
        self.org.clock.advance(hours=3)
        self.pair.good()
        self.file = folder / "state.json"
        self.file.write_text(json.dumps(self.pair.state))

    def resync(self, *arguments: str, status: int = 0) -> str:
        return sfsource("resync", *arguments, "--state", str(self.file), status=status).output

    def run(self, **config: Any) -> dict[str, set[str]]:
        """Run from the file, and give the ids of the records by stream; the state goes back into the file."""
        self.pair.state = json.loads(self.file.read_text())
        run = self.pair.good(**config)
        self.file.write_text(json.dumps(self.pair.state))
        found: dict[str, set[str]] = {}
        for message in run.of("RECORD"):
            found.setdefault(message["stream"], set()).add(message["record"]["id"])
        return found

    def spoil(self, *ids: str) -> None:
        for each in ids:
            self.pair.warehouse.execute(f"UPDATE {{schema}}.accounts SET name = 'spoilt' WHERE id = '{each}'")


@pytest.fixture
def synced(org_server: OrgServer, warehouse: Warehouse, tmp_path: Path) -> Synced:
    return Synced(org_server, warehouse, tmp_path)


@pytest.mark.parametrize("name", ["accounts", "Account", "acc*"])
def test_a_whole_collection_is_read_again_and_what_is_gone_is_marked(synced: Synced, name: str) -> None:
    synced.spoil(*synced.accounts)
    gone = synced.accounts.pop()
    synced.org.hard_delete(gone)
    synced.org.replication.log_from = synced.org.clock.now()
    synced.org.clock.advance(hours=1)
    assert "every row" in synced.resync(name)
    assert synced.run()["accounts"] >= set(synced.accounts)
    assert synced.pair.deleted() == {gone}
    assert {row["name"] for row in synced.pair.rows("accounts").values()} >= {"Account 0"}
    assert synced.run().get("accounts", set()) == set(), "it is read once"


def test_a_date_puts_the_bookmark_back_and_never_forward(synced: Synced) -> None:
    before = json.loads(synced.file.read_text())
    third = synced.org.rows("Account")[3]["CreatedDate"]
    said = synced.resync("accounts", "--since", third.replace("+0000", "Z"))
    assert "rows and deletions since" in said
    synced.spoil(*synced.accounts[3:])
    assert synced.run()["accounts"] == set(synced.accounts[3:])
    assert differences(synced.pair.warehouse, synced.org, ["Account"]) == []
    synced.resync("accounts", "--since", "2999-01-01")
    assert json.loads(synced.file.read_text())["bookmarks"].keys() == before["bookmarks"].keys()
    assert synced.run().get("accounts", set()) == set()


def test_a_date_before_start_date_brings_no_older_rows(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    start = org_server.org.clock.freeze()
    synced = Synced(org_server, warehouse, tmp_path, start_date=f"{start.replace(microsecond=0).isoformat()}")
    synced.resync("accounts", "--since", "2001-01-01")
    bookmark = json.loads(synced.file.read_text())["bookmarks"]["accounts"]
    assert bookmark["replication_key_value"] == bookmark["start_date"]


EMITTERS = ["lines", "whole", "csv", "jsonl"]


@pytest.mark.parametrize("emitter", EMITTERS)
def test_ids_are_read_again_whatever_the_emitter(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, emitter: str
) -> None:
    choices: dict[str, dict[str, Any]] = {
        "lines": {},
        "whole": {"partial_rows": "whole"},
        "csv": {"batch_config": batch_config("csv", tmp_path)},
        "jsonl": {"batch_config": batch_config("jsonl", tmp_path)},
    }
    more = choices[emitter]
    synced = Synced(org_server, warehouse, tmp_path, **more)
    spoilt, gone, in_bin, other = synced.accounts[:4]
    synced.org.hard_delete(gone)
    synced.org.delete(in_bin)
    synced.org.clock.advance(hours=3)
    synced.run()
    synced.spoil(spoilt, other)
    warehouse.execute("UPDATE {schema}.accounts SET is_deleted = false")
    # 15 characters are an id as well.
    (tmp_path / "ids").write_text(f"Id\n{spoilt[:15]}\n\n{gone}\n{in_bin}\n")
    assert "3 rows by their ids" in synced.resync("accounts", "--ids", str(tmp_path / "ids"))
    synced.run()
    assert synced.pair.deleted() == {gone, in_bin}
    names = synced.pair.column("accounts", "name")
    assert names[spoilt] == "Account 0"
    assert names[other] == "spoilt" or emitter in ("whole", "csv", "jsonl")
    assert json.loads(synced.file.read_text())["bookmarks"]["accounts"]["reread"] == ""


def test_a_killed_run_keeps_the_ids(synced: Synced, tmp_path: Path) -> None:
    synced.spoil(*synced.accounts)
    (tmp_path / "ids").write_text("\n".join(synced.accounts))
    synced.resync("accounts", "--ids", str(tmp_path / "ids"))
    lines = synced.pair
    lines.state = json.loads(synced.file.read_text())
    output = lines.tap().output.splitlines(keepends=True)
    for end in range(len(output)):
        state = json.loads(synced.file.read_text())
        lines.state = state
        lines.load(output[:end])
        assert lines.state is not None
        left = lines.state["bookmarks"]["accounts"].get("reread")
        spoilt = "spoilt" in lines.column("accounts", "name").values()
        assert left or not spoilt, (end, "the ids are gone before their rows are loaded")
    lines.load(output)
    assert differences(lines.warehouse, synced.org, ["Account"]) == []


def test_a_dry_run_changes_nothing(synced: Synced) -> None:
    before = synced.file.read_bytes()
    assert "This would change" in synced.resync("*", "--dry-run")
    assert synced.file.read_bytes() == before
    found = told("resync", "*", "--dry-run", "--state", str(synced.file))
    assert [part["collection"] for part in found["collections"]] == ["accounts", "contacts"]
    assert found["changed"] is False


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["acounts"], "The state has no bookmark of acounts"),
        (["acounts"], "Near names: accounts, Account"),
        (["accounts", "--since", "yesterday"], "--since: 'yesterday' is not a date"),
        (["accounts", "--since", "2026-01-01", "--ids", "-"], "--since and --ids exclude each other"),
        (["accounts", "--ids", "nowhere"], "--ids: nowhere cannot be read"),
        (["accounts", "--ids", "{empty}"], "has no id"),
        (["accounts", "--ids", "{bad}"], "line 2: 'nonsense' is not the id of a row"),
        (["accounts", "--ids", "{contact}"], "is no id of accounts, which begins with 001"),
    ],
)
def test_bad_input_is_told_and_the_state_stays(tmp_path: Path, arguments: list[str], said: str) -> None:
    files = {name: tmp_path / name for name in ("empty", "bad", "contact")}
    files["empty"].write_text("\n")
    files["bad"].write_text("001Hs0000000001IAA\nnonsense\n")
    files["contact"].write_text("003Hs0000000001IAA")
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"bookmarks": {"accounts": {"key_prefix": "001"}}}))
    before = state.read_bytes()
    filled = [part.format(**{name: str(path) for name, path in files.items()}) for part in arguments]
    assert said in sfsource("resync", *filled, "--state", str(state), status=2).output
    assert state.read_bytes() == before


def test_a_state_in_utf_16_is_told(tmp_path: Path) -> None:
    state = tmp_path / "state.json"
    state.write_text('{"bookmarks": {}}', encoding="utf-16")

    output = sfsource("resync", "accounts", "--state", str(state), status=2).output

    assert f"--state: {state} is not JSON" in output


def test_without_a_state_there_is_nothing_to_read_again(tmp_path: Path) -> None:
    outcome = sfsource("resync", "accounts", "--state", str(tmp_path / "none.json"), status=2)
    assert "holds no state: the next run reads every row anyway" in outcome.output


def test_a_state_with_ids_that_are_none_is_refused(synced: Synced) -> None:
    state = json.loads(synced.file.read_text())
    state["bookmarks"]["accounts"]["reread"] = "x' OR Id != '"
    synced.pair.state = state
    run = synced.pair.sync()
    assert run.failed_aloud
    assert "is not a text of Ids" in run.said


def test_ids_of_another_object_become_no_rows(
    synced: Synced, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    state = json.loads(synced.file.read_text())
    for bookmark in state["bookmarks"].values():
        bookmark.pop("key_prefix", None)
    synced.file.write_text(json.dumps(state))
    contact = synced.org.rows("Contact")[0]["Id"]
    (tmp_path / "ids").write_text(f"{contact}\n{synced.accounts[0]}\n")
    said = synced.resync("accounts", "contacts", "--ids", str(tmp_path / "ids"), status=2)
    assert f"line 1: {contact} may be an id of accounts or contacts" in said
    synced.resync("accounts", "--ids", str(tmp_path / "ids"))
    synced.spoil(synced.accounts[0])
    synced.run()
    assert synced.pair.rows("accounts").keys() == set(synced.accounts)
    assert synced.pair.column("accounts", "name")[synced.accounts[0]] == "Account 0"
    assert "accounts: 1 ids that the state asks for do not begin with 001" in caplog.text


@pytest.mark.parametrize("moment", ["gibberish", 5])
def test_a_moment_that_is_none_is_told(tmp_path: Path, moment: object) -> None:
    state = tmp_path / "state.json"
    state.write_text(json.dumps({"bookmarks": {"accounts": {"replication_key_value": moment}}}))
    said = sfsource("resync", "accounts", "--since", "2026-01-01", "--state", str(state), status=2).output
    assert "State of accounts: a moment of the bookmark is not a date" in said


@slow
def test_meltano_s_state_is_changed(
    meltano: Meltano, company_server: OrgServer, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    meltano.configure("tap-sfsource", {**company_server.config(), "objects": ["Account"]})
    meltano.configure("target-sfwarehouse", {"sqlalchemy_url": warehouse.url})
    for name, value in meltano.environment.items():
        monkeypatch.setenv(name, value)
    project = str(meltano.processes.directory)
    outcome = sfsource("resync", "accounts", "--project", project, status=2)
    assert "holds no state" in outcome.output
    monkeypatch.chdir(project)
    bookmark = {"replication_key": "system_modstamp", "replication_key_value": "2026-01-02T00:00:00Z"}
    state = json.dumps({"singer_state": {"bookmarks": {"accounts": bookmark}}})
    name, run, env = "dev:tap-sfsource-to-target-sfwarehouse", meltano.processes.meltano, meltano.environment
    run("state", "set", "--force", name, state, env=env).expect()
    sfsource("resync", "accounts", "--since", "2026-01-01", "--project", project)
    text = run("state", "get", name, env=env).stdout
    assert '"2026-01-01T00:00:00Z"' in text


def test_rows_that_wait_for_a_later_run_are_not_marked(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    end = org_server.org.clock.freeze() + timedelta(days=2)
    synced = Synced(org_server, warehouse, tmp_path, end_date=end.isoformat())
    org_server.org.clock.advance(days=3)
    waits, gone = synced.accounts[:2]
    synced.org.update(waits, {"Name": "of a later run"})
    synced.org.hard_delete(gone)
    (tmp_path / "ids").write_text(f"{waits}\n{gone}\n")
    synced.resync("accounts", "--ids", str(tmp_path / "ids"))
    synced.run()
    assert waits not in synced.pair.deleted()
    assert synced.pair.column("accounts", "name")[waits] == "Account 0"


def test_ids_of_another_shard_are_left_to_it(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path
) -> None:
    synced = Synced(org_server, warehouse, tmp_path, objects=["Account"])
    mine, other, gone = synced.accounts[0], synced.accounts[3], synced.accounts[1]
    edge = synced.org.rows("Account")[2]["CreatedDate"].replace("+0000", "Z")
    window = {"breadcrumb": [], "metadata": {"selected": True, CREATED_BEFORE: edge}}
    catalog = {"streams": [{"tap_stream_id": "accounts", "metadata": [window]}]}
    synced.pair.state = None
    synced.pair.good(catalog)
    synced.file.write_text(json.dumps(synced.pair.state))
    synced.org.hard_delete(gone)
    synced.spoil(mine, other)
    (tmp_path / "ids").write_text(f"{mine}\n{other}\n{gone}\n")
    synced.resync("accounts", "--ids", str(tmp_path / "ids"))
    synced.pair.state = json.loads(synced.file.read_text())
    synced.pair.good(catalog)
    names = synced.pair.column("accounts", "name")
    assert (names[mine], names[other]) == ("Account 0", "spoilt")
    assert synced.pair.deleted() == {gone}
