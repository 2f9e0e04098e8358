"""`--state-file` always holds the last state whose rows are committed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.fix_process import Finished, Processes, end_group, wait_until
from tests.target.support import record, schema_message, state

if TYPE_CHECKING:
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

TEXT = {"id": {"type": "integer"}, "name": {"type": ["null", "string"]}}


def lines(*messages: Any) -> str:
    return "".join(json.dumps(message) + "\n" for message in messages)


def load(
    processes: Processes, warehouse: Warehouse, sent: str, place: Path | str, **settings: Any
) -> Finished:
    config = processes.write("target.json", warehouse.config(**settings))
    (processes.directory / "sent.singer").write_text(sent)
    return processes.target(
        "--config", config, "--state-file", place, stdin=processes.directory / "sent.singer"
    )


def test_it_has_the_last_state(processes: Processes, warehouse: Warehouse, tmp_path: Path) -> None:
    sent = lines(schema_message("a", TEXT), record("a", {"id": 1}), state({"n": 1}), state({"n": 2}))
    done = load(processes, warehouse, sent, "state.json").expect()
    assert json.loads((tmp_path / "state.json").read_text()) == {"n": 2}
    assert json.loads(done.stdout.splitlines()[-1]) == {"n": 2}
    assert [path.name for path in tmp_path.iterdir() if "state" in path.name] == ["state.json"]


@pytest.mark.parametrize(
    "sent",
    ["", lines({"type": "nonsense"}), lines(schema_message("a", TEXT), record("b", {"id": 1}))],
    ids=["nothing", "a bad line", "a failure before the first state"],
)
def test_a_run_without_a_state_leaves_the_old_one(
    sent: str, processes: Processes, warehouse: Warehouse, tmp_path: Path
) -> None:
    (tmp_path / "state.json").write_text('{"n": 7}\n')
    load(processes, warehouse, sent, "state.json")
    assert (tmp_path / "state.json").read_text() == '{"n": 7}\n'


def test_a_failure_leaves_the_state_of_what_is_committed(
    processes: Processes, warehouse: Warehouse, tmp_path: Path
) -> None:
    rows = (schema_message("a", TEXT), record("a", {"id": 1}), state({"n": 1}), record("a", {"id": "x"}))
    done = load(processes, warehouse, lines(*rows, state({"n": 2})), "state.json", batch_size_rows=1)
    assert done.status == 1
    assert json.loads((tmp_path / "state.json").read_text()) == {"n": 1}
    assert warehouse.query("SELECT count(*) AS n FROM {schema}.a") == [{"n": 1}]


def test_a_killed_run_leaves_the_state_of_what_is_committed(
    processes: Processes, warehouse: Warehouse, tmp_path: Path
) -> None:
    config = processes.write("target.json", warehouse.config(batch_size_rows=1))
    kept = tmp_path / "state.json"
    sent = tmp_path / "sent.singer"
    sent.write_text(
        lines(schema_message("a", TEXT), record("a", {"id": 1}), state({"n": 1}), record("a", {"id": 2}))
    )
    # The input does not end.
    process = processes.start(
        ["bash", "-c", f"tail -n +1 -f {sent} | target-sfwarehouse --config {config} --state-file {kept}"]
    )
    wait_until(kept.exists, "the file is there")
    end_group(process)
    assert json.loads(kept.read_text()) == {"n": 1}


def test_the_file_that_a_link_names_is_replaced(
    processes: Processes, warehouse: Warehouse, tmp_path: Path
) -> None:
    real = tmp_path / "kept" / "state.json"
    real.parent.mkdir()
    real.write_text("{}")
    real.chmod(0o640)
    (tmp_path / "state.json").symlink_to(real)
    load(processes, warehouse, lines(state({"n": 1})), "state.json").expect()
    assert (tmp_path / "state.json").is_symlink()
    assert json.loads(real.read_text()) == {"n": 1}
    assert real.stat().st_mode & 0o777 == 0o640


def test_a_place_that_cannot_be_written_is_told_before_a_row_is_loaded(
    processes: Processes, warehouse: Warehouse, tmp_path: Path
) -> None:
    sent = lines(schema_message("a", TEXT), record("a", {"id": 1}), state({"n": 1}))
    (tmp_path / "folder").mkdir()
    for place, said in (("folder", "is a folder"), ("none/state.json", "no file can be written in")):
        done = load(processes, warehouse, sent, place)
        assert done.status == 1
        assert "--state-file: " in done.stderr
        assert said in done.stderr
    assert warehouse.table_names() == set()
