"""BATCH files: where they may be, how large they may become, and who clears them."""

from __future__ import annotations

import gzip
import io
import json
import os
import signal
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import zstandard
from upath import UPath

from target_sfwarehouse.input import batch_files
from tests.fix_process import wait_until
from tests.levels import at_level
from tests.target.support import INTEGER, STRING, as_lines, load, loaded, record, schema_message, state

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "name": STRING})
WAYS = pytest.mark.parametrize("by_sdk", [False, True], ids=["fast", "by the SDK"])
FORMS = pytest.mark.parametrize("form", ["jsonl", "csv"])


def rows_file(path: Any, form: str, numbers: range) -> str:
    lines = [json.dumps({"id": n, "name": str(n)}) for n in numbers]
    if form == "csv":
        lines = ["id,name", *(f"{n},{n}" for n in numbers)]
    path.write_text("\n".join(lines) + "\n")
    return str(path)


def batch(form: str, *urls: str) -> Any:
    return {"type": "BATCH", "stream": "accounts", "encoding": {"format": form}, "manifest": list(urls)}


def within(warehouse: Warehouse, root: Any, **more: Any) -> dict[str, Any]:
    return warehouse.config(batch_config={"storage": {"root": str(root)}}, batch_files_from="storage", **more)


def ids(warehouse: Warehouse) -> list[int]:
    if "accounts" not in warehouse.table_names():
        return []
    return [row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts ORDER BY id")]


@WAYS
@FORMS
def test_without_a_storage_no_path_is_read(
    form: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    url = rows_file(tmp_path / "a", form, range(1))
    messages = [SCHEMA, record("accounts", {"id": 7}), state(1), batch(form, url), state(2)]
    outcome = load(warehouse.config(batch_files_from="storage"), messages, by_sdk=by_sdk)
    assert str(outcome.error).startswith(f"line 4, stream 'accounts': batch file {url} is not read")
    assert "`batch_files_from` to `anywhere`" in str(outcome.error)
    assert (ids(warehouse), outcome.states) == ([7], [1])


@WAYS
@pytest.mark.parametrize("manifest", [None, 5, "a", [5], [None], [{"url": "a"}]], ids=repr)
def test_a_manifest_that_is_no_list_of_names_is_an_error(
    manifest: Any, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    message = {**batch("jsonl"), "manifest": manifest}
    outcome = load(within(warehouse, tmp_path), [SCHEMA, state(1), message, state(2)], by_sdk=by_sdk)
    said = "line 3, stream 'accounts': the `manifest` of the BATCH is no list of files' names"
    assert (str(outcome.error), outcome.states) == (said, [1])


def test_the_root_of_the_file_system_is_a_storage(tmp_path: Path, warehouse: Warehouse) -> None:
    url = rows_file(tmp_path / "a", "jsonl", range(2))
    loaded(within(warehouse, "/"), [SCHEMA, batch("jsonl", url)])
    assert ids(warehouse) == [0, 1]


@WAYS
@FORMS
def test_a_path_outside_the_storage_is_not_read(
    form: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    """By its own name, by dots, by a link inside, and by a name that is none."""
    root = tmp_path / "root"
    root.mkdir()
    rows_file(tmp_path / "secret", form, range(1))
    (root / "link").symlink_to(tmp_path / "secret")
    (root / "folder").symlink_to(tmp_path)
    places = [
        tmp_path / "secret",
        root / ".." / "secret",
        root / "link",
        root / "folder" / "secret",
        root,
        "..",
        "",
    ]
    for place in [
        *map(str, places),
        (tmp_path / "secret").as_uri(),
        f"file://{root}/../secret",
        "memory://x/link",
    ]:
        outcome = load(within(warehouse, root), [SCHEMA, batch(form, place), state(1)], by_sdk=by_sdk)
        assert "line 2, stream 'accounts'" in str(outcome.error)
        assert ("leads out of the storage" in str(outcome.error)) or ("is not there" in str(outcome.error))
        assert (ids(warehouse), outcome.states) == ([], [])


@FORMS
@pytest.mark.parametrize("kind", ["path", "url", "memory"])
def test_folders_below_the_storage(form: str, kind: str, tmp_path: Path, warehouse: Warehouse) -> None:
    """A prefix may name a folder; two files of one name are told apart by it."""
    root = UPath(f"memory://{warehouse.schema}") if kind == "memory" else tmp_path / "root"
    urls = []
    for number, folder in enumerate(("a", "b")):
        (root / folder).mkdir(parents=True, exist_ok=True)
        rows_file(root / folder / "same", form, range(number, number + 1))
        urls.append(str(root / folder / "same") if kind == "path" else (root / folder / "same").as_uri())
    assert load(within(warehouse, root), [SCHEMA, batch(form, *urls), state(1)]).states == [1]
    assert ids(warehouse) == [0, 1]


def bomb(form: str, packing: str) -> bytes:
    """A hundred megabytes of one letter in less than half a megabyte."""
    head = {"jsonl": b'{"id": 1, "name": "', "csv": b'id,name\n1,"'}[form]
    out = io.BytesIO()
    made: Any = {
        "gzip": lambda: gzip.GzipFile(fileobj=out, mode="wb"),
        "zstd": lambda: zstandard.ZstdCompressor().stream_writer(out, closefd=False),
    }
    with made[packing]() as file:
        file.write(head)
        for _ in range(100):
            file.write(b"a" * 1024 * 1024)
    return out.getvalue()


@WAYS
@FORMS
@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_a_bomb(form: str, packing: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse) -> None:
    path = tmp_path / "bomb"
    path.write_bytes(bomb(form, packing))
    messages = [SCHEMA, record("accounts", {"id": 7}), state(1), batch(form, str(path)), state(2)]
    outcome = load(warehouse.config(on_bad_record="quarantine"), messages, by_sdk=by_sdk)
    assert str(outcome.error).startswith(f"line 4, stream 'accounts': batch file {path} is refused")
    assert "more than 64 MiB" in str(outcome.error)
    assert (ids(warehouse), outcome.states) == ([7], [1])


@pytest.mark.parametrize("packing", ["gzip", "zstd"])
def test_many_rows_that_are_much_alike_are_no_bomb(
    packing: str, tmp_path: Path, warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wide object with a value in none of its columns."""
    monkeypatch.setattr(batch_files, "UNQUESTIONED", 1024)
    names = [f"c{n}" for n in range(500)]
    text = ",".join(["id", *names]) + "\n" + "".join(f"{n}{',' * 500}\n" for n in range(2000))
    data = text.encode()
    path = tmp_path / "wide"
    path.write_bytes(gzip.compress(data) if packing == "gzip" else zstandard.compress(data))
    schema = schema_message("accounts", {"id": INTEGER, **dict.fromkeys(names, STRING)})
    assert load(warehouse.config(), [schema, batch("csv", str(path)), state(1)]).states == [1]
    assert len(ids(warehouse)) == 2000


@WAYS
@FORMS
def test_files_are_deleted_when_a_state_is_out(
    form: str, by_sdk: bool, tmp_path: Path, warehouse: Warehouse
) -> None:
    urls = [rows_file(tmp_path / str(n), form, range(n, n + 1)) for n in range(5)]
    messages = [
        SCHEMA,
        batch(form, urls[0], urls[1]),
        state(1),
        batch(form, urls[2]),
        state(2),
        batch(form, urls[3]),
    ]
    assert load(within(warehouse, tmp_path, delete_batch_files=True), messages, by_sdk=by_sdk).states[-1] == 2
    assert sorted(path.name for path in tmp_path.iterdir()) == ["3", "4"]
    assert ids(warehouse) == [0, 1, 2, 3]


@FORMS
def test_files_stay_without_the_setting_and_behind_a_bad_record(
    form: str, tmp_path: Path, warehouse: Warehouse
) -> None:
    urls = [rows_file(tmp_path / str(n), form, range(n, n + 1)) for n in range(3)]
    bad = {"csv": "id,name\nx,1\n", "jsonl": '{"id": "x"}\n'}[form]
    messages = [
        SCHEMA,
        batch(form, urls[0]),
        state(1),
        batch(form, urls[1]),
        state(2),
        batch(form, urls[2]),
        state(3),
    ]
    assert load(within(warehouse, tmp_path), messages).states[-1] == 3
    assert len(list(tmp_path.iterdir())) == 3
    (tmp_path / "1").write_text(bad)
    outcome = load(within(warehouse, tmp_path, delete_batch_files=True), messages)
    assert "line 4" in str(outcome.error)
    assert (outcome.states, sorted(path.name for path in tmp_path.iterdir())) == ([1], ["1", "2"])


def test_a_file_that_cannot_be_deleted(
    tmp_path: Path, warehouse: Warehouse, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rows count, not the file: the run goes on."""
    url = rows_file(tmp_path / "a", "jsonl", range(3))

    def refuse(*_: Any, **__: Any) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(os, "unlink", refuse)
    assert load(
        within(warehouse, tmp_path, delete_batch_files=True), [SCHEMA, batch("jsonl", url), state(1)]
    ).states == [1]
    assert "is loaded and cannot be deleted: [Errno 13] Permission denied" in caplog.text


FILES = at_level(normal=8, wide=40, long=100)
ROWS = 50


def gone(folder: Path, left: int, run: subprocess.Popen[str]) -> bool:
    return len(list(folder.iterdir())) <= left or run.poll() is not None


@FORMS
def test_a_kill_loses_no_file_that_is_needed(
    form: str, processes: Processes, tmp_path: Path, warehouse: Warehouse
) -> None:
    """Killed again and again: what the last STATE does not cover is there to be read.

    At the end nothing is, but for a file that a killed run had told of by STATE, and was about to delete.
    """
    folder = tmp_path / "files"
    folder.mkdir()
    urls = [rows_file(folder / str(n), form, range(n * ROWS, (n + 1) * ROWS)) for n in range(FILES)]
    config = processes.write("config.json", within(warehouse, folder, delete_batch_files=True))
    done, told = -1, set[int]()
    for kill in range(FILES):
        messages = [SCHEMA]
        for number in range(done + 1, FILES):
            messages += [batch(form, urls[number]), state(number)]
        (processes.directory / "in").write_bytes(as_lines(messages))
        run = processes.start(["target-sfwarehouse", "--config", config], stdin=processes.directory / "in")
        if done + 1 < FILES - 1:
            fewer = len(list(folder.iterdir())) - 1 - kill % 3
            wait_until(partial(gone, folder, fewer, run), "files go")
            run.send_signal(signal.SIGKILL)
        finished = processes.finish(run)
        states = [int(line) for line in finished.stdout.splitlines() if line]
        done = max([done, *states])
        left = {int(path.name) for path in folder.iterdir()}
        assert left >= set(range(done + 1, FILES))
        if finished.status == 0:
            break
        told |= left & set(range(done + 1))
    assert finished.status == 0, finished.said
    assert ids(warehouse) == list(range(FILES * ROWS))
    assert left == told
