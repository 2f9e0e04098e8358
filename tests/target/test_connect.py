"""The ways to connect: URL, parts, TLS, SSH tunnel."""

from __future__ import annotations

import signal
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import psycopg
import pytest

from target_sfwarehouse.config import Settings
from target_sfwarehouse.errors import SettingsError, WarehouseError
from target_sfwarehouse.postgres.connect import connector
from target_sfwarehouse.target import TargetSFWarehouse
from tests.fix_warehouse import plain_url
from tests.target.doors import Authority, key_pair, make_authority, ssh_door, tls_door

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_warehouse import Warehouse


@pytest.fixture
def parts(warehouse_url: str) -> dict[str, Any]:
    """The session's server as settings."""
    url = urlsplit(plain_url(warehouse_url))
    found = {
        "host": url.hostname,
        "port": url.port,
        "user": unquote(url.username or ""),
        "password": unquote(url.password or ""),
        "database": url.path.lstrip("/"),
    }
    return {name: value for name, value in found.items() if value}


@pytest.fixture(autouse=True)
def _handlers() -> Iterator[None]:
    """The target takes over signals."""
    kept = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def opened(**config: Any) -> psycopg.Connection[Any]:
    """Connect as the target does, defaults filled in by the SDK."""
    target = TargetSFWarehouse(config=config)
    return connector(Settings.from_config(target.config))()


def zone_of(connection: psycopg.Connection[Any]) -> str:
    with connection:
        row = connection.execute("SHOW timezone").fetchone()
    assert row is not None
    return str(row[0])


@pytest.mark.parametrize("scheme", ["postgresql+psycopg", "postgresql", "postgres", "postgresql+psycopg2"])
def test_a_url(scheme: str, warehouse_url: str) -> None:
    url = f"{scheme}://{plain_url(warehouse_url).partition('://')[2]}"
    assert zone_of(opened(sqlalchemy_url=url)) == "UTC"


def test_parts(parts: dict[str, Any]) -> None:
    assert zone_of(opened(**parts)) == "UTC"


def test_a_config_of_target_postgres(parts: dict[str, Any]) -> None:
    """Settings that only it has are not in the way."""
    theirs = {"dialect+driver": "postgresql+psycopg", "use_copy": True, "default_target_schema": "melty"}
    assert zone_of(opened(**parts, **theirs, activate_version=False, hard_delete=True)) == "UTC"


def test_tls_with_the_authority_as_text(parts: dict[str, Any], tmp_path: Path) -> None:
    authority = make_authority("ours")
    with tls_door(tmp_path, authority, parts["port"]) as port:
        config = {**parts, "host": "localhost", "port": port, "ssl_enable": True, "ssl_mode": "verify-full"}
        config |= {"ssl_storage_directory": str(tmp_path)}
        with opened(**config, ssl_certificate_authority=authority.certificate) as connection:
            assert connection.pgconn.ssl_in_use
        other = make_authority("theirs").certificate
        with pytest.raises(WarehouseError, match="certificate verify failed"):
            opened(**config, ssl_certificate_authority=other)


def tls(
    parts: dict[str, Any], port: int, authority: Authority, tmp_path: Path, **more: Any
) -> dict[str, Any]:
    """Settings that reach a TLS door."""
    return {
        **parts,
        "host": "localhost",
        "port": port,
        "ssl_enable": True,
        "ssl_storage_directory": str(tmp_path / "made" / "on demand"),
        "ssl_certificate_authority": authority.certificate,
        **more,
    }


def test_tls_files(parts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The authority as a file, with ~, as text with newlines spelled out; where nothing is verified, not at all."""
    authority = make_authority("ours")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / "ca.crt").write_text(authority.certificate)
    spelled = authority.certificate.replace("\n", "\\n")
    with tls_door(tmp_path, authority, parts["port"]) as port:
        config = tls(parts, port, authority, tmp_path)
        for given in (str(tmp_path / "ca.crt"), "~/ca.crt", spelled):
            with opened(**{**config, "ssl_certificate_authority": given}) as connection:
                assert connection.pgconn.ssl_in_use
        unverified = {**config, "ssl_mode": "require", "ssl_certificate_authority": "~/nothing"}
        with opened(**unverified) as connection:
            assert connection.pgconn.ssl_in_use
    (kept,) = (tmp_path / "made" / "on demand").iterdir()
    assert kept.stat().st_mode & 0o077 == 0


def test_tls_names(parts: dict[str, Any], tmp_path: Path) -> None:
    """The certificate is for localhost: verify-full sees that 127.0.0.1 is another name, verify-ca does not look."""
    authority = make_authority("ours")
    with tls_door(tmp_path, authority, parts["port"]) as port:
        config = tls(parts, port, authority, tmp_path, host="127.0.0.1")
        with pytest.raises(WarehouseError, match=r"check the `ssl_\*` settings.*does not match host name"):
            opened(**config, ssl_mode="verify-full")
        opened(**config, ssl_mode="verify-ca").close()


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"])
def test_tls_with_a_server_that_has_none(mode: str, parts: dict[str, Any], tmp_path: Path) -> None:
    config = tls(parts, parts["port"], make_authority("ours"), tmp_path, host=parts["host"], ssl_mode=mode)
    if mode in {"disable", "allow", "prefer"}:
        assert zone_of(opened(**config)) == "UTC"
        return
    with pytest.raises(WarehouseError, match=r"TLS settings refuse this connection.*does not support SSL"):
        opened(**config)


def test_a_client_certificate(parts: dict[str, Any], tmp_path: Path) -> None:
    authority = make_authority("ours")
    client = {
        "ssl_client_certificate_enable": True,
        "ssl_client_certificate": authority.server_certificate,
        "ssl_client_private_key": authority.server_key,
    }
    with tls_door(tmp_path, authority, parts["port"]) as port:
        config = tls(parts, port, authority, tmp_path, **client)
        with opened(**config) as connection:
            assert connection.pgconn.ssl_in_use
        for name in ("ssl_client_certificate", "ssl_client_private_key", "ssl_certificate_authority"):
            for wrong in ("/nowhere/file", "no certificate", None):
                with pytest.raises(SettingsError, match=f"`{name}` is neither a file"):
                    opened(**{**config, name: wrong})


def tunnel_by(port: int, text: str, **more: Any) -> dict[str, Any]:
    """Settings of a tunnel through an SSH door."""
    known = {"enable": True, "host": "127.0.0.1", "port": port, "username": "loader", "private_key": text}
    return {**known, **more}


def test_an_ssh_tunnel(parts: dict[str, Any]) -> None:
    key, text = key_pair()
    before = signal.getsignal(signal.SIGTERM)
    with ssh_door(key) as port:
        target = TargetSFWarehouse(config={**parts, "ssh_tunnel": tunnel_by(port, text)})
        ours = signal.getsignal(signal.SIGTERM)
        assert ours not in (before, signal.SIG_DFL)
        connection = connector(Settings.from_config(target.config))()
        assert connection.info.port not in (port, parts["port"])
        assert zone_of(connection) == "UTC"
        assert signal.getsignal(signal.SIGTERM) == ours


def test_an_ssh_tunnel_to_a_url(warehouse_url: str) -> None:
    key, text = key_pair()
    with ssh_door(key) as port:
        connection = opened(sqlalchemy_url=warehouse_url, ssh_tunnel=tunnel_by(port, text))
        assert str(connection.info.port) not in warehouse_url
        assert zone_of(connection) == "UTC"


def test_tls_through_an_ssh_tunnel(parts: dict[str, Any], tmp_path: Path) -> None:
    """What is verified is the warehouse's name, not that of the tunnel's end on this machine."""
    key, text = key_pair()
    authority = make_authority("ours")
    with tls_door(tmp_path, authority, parts["port"]) as door, ssh_door(key) as port:
        config = tls(parts, door, authority, tmp_path, ssh_tunnel=tunnel_by(port, text))
        with opened(**config) as connection:
            assert connection.pgconn.ssl_in_use
            assert connection.info.hostaddr == "127.0.0.1"
        with pytest.raises(WarehouseError, match="does not match host name"):
            opened(**{**config, "host": "127.0.0.1"})


@pytest.mark.parametrize(
    ("wrong", "kind", "said"),
    [
        ({"private_key": "nonsense"}, WarehouseError, "The SSH tunnel could not be set up"),
        ({"port": 1}, WarehouseError, "The SSH tunnel could not be set up.*Unable to connect to port 1"),
        ({"host": None}, WarehouseError, "The SSH tunnel could not be set up"),
    ],
)
def test_a_tunnel_that_cannot_be_opened(
    wrong: dict[str, Any], kind: Any, said: str, parts: dict[str, Any]
) -> None:
    _, text = key_pair()
    with pytest.raises(kind, match=said) as caught:
        opened(**parts, ssh_tunnel=tunnel_by(22, text) | wrong)
    assert text not in str(caught.value)


@pytest.mark.parametrize(
    "more", [{"ssh_tunnel": {"enable": True}}, {"ssl_enable": True, "ssl_mode": "require"}]
)
def test_a_way_to_no_warehouse(more: dict[str, Any]) -> None:
    """Rather than load into a Postgres of its own."""
    with pytest.raises(SettingsError, match="no warehouse is configured: set `host`"):
        opened(**more)


def test_a_password_of_any_characters(parts: dict[str, Any]) -> None:
    with pytest.raises(WarehouseError, match="check `user` and `password`"):
        opened(**{**parts, "password": "wr@ng%/:x '\\\""})


def test_no_password(parts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Found on a server that asks for none; here it comes from the environment, as libpq reads it."""
    monkeypatch.setenv("PGPASSWORD", parts.pop("password", ""))
    authority = make_authority("ours")
    with tls_door(tmp_path, authority, parts["port"]) as port:
        config = {**parts, "host": "localhost", "port": port, "ssl_enable": True, "ssl_mode": "require"}
        config |= {"ssl_storage_directory": str(tmp_path), "ssl_certificate_authority": authority.certificate}
        assert zone_of(opened(**config)) == "UTC"


def test_an_ssh_key_that_the_bastion_does_not_know(parts: dict[str, Any]) -> None:
    key, _ = key_pair()
    _, other = key_pair()
    with ssh_door(key) as port:
        tunnel = {
            "enable": True,
            "host": "127.0.0.1",
            "port": port,
            "username": "loader",
            "private_key": other,
        }
        with pytest.raises(WarehouseError, match=r"SSH tunnel .*Authentication failed.*`ssh_tunnel`"):
            opened(**parts, ssh_tunnel=tunnel)


def test_a_url_of_another_database() -> None:
    with pytest.raises(SettingsError, match="must look like postgresql://"):
        opened(sqlalchemy_url="mysql://root:hunter2@h/d")


@pytest.mark.parametrize("spelled", [str, int])
def test_a_port_in_either_spelling(spelled: type, parts: dict[str, Any]) -> None:
    assert zone_of(opened(**{**parts, "port": spelled(parts["port"])})) == "UTC"


@pytest.mark.parametrize("port", ["", "x", "5432x", "-1", 0, "70000", "\u0665\u0664\u0663\u0662"])
def test_a_port_that_is_none(port: Any, parts: dict[str, Any]) -> None:
    with pytest.raises(SettingsError, match="`port` must be a number from 1 to 65535"):
        opened(**{**parts, "port": port})


def test_the_authority_is_where_libpq_has_it(
    parts: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = make_authority("ours")
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".postgresql").mkdir()
    (tmp_path / ".postgresql" / "root.crt").write_text(authority.certificate)
    with tls_door(tmp_path, authority, parts["port"]) as port:
        connection = opened(**parts | {"host": "localhost", "port": port}, ssl_enable=True)
        assert connection.pgconn.ssl_in_use
        connection.close()


def test_a_server_without_a_free_connection_is_asked_again(
    loader: tuple[str, str], warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    role, url = loader
    warehouse.execute(f"ALTER ROLE {role} CONNECTION LIMIT 1")
    other = psycopg.connect(plain_url(url))
    ending = threading.Timer(1.5, other.close)
    ending.start()
    with caplog.at_level("WARNING"), opened(sqlalchemy_url=url) as connection:
        assert connection.info.user == role
    assert "The server has no connection left: end some" in caplog.text
    assert "trying again in 1 s" in caplog.text
    ending.join()


def test_a_server_that_never_has_a_free_connection(loader: tuple[str, str], warehouse: Warehouse) -> None:
    role, url = loader
    warehouse.execute(f"ALTER ROLE {role} CONNECTION LIMIT 0")
    connect = connector(Settings.from_config({"sqlalchemy_url": url}))
    with pytest.raises(WarehouseError, match="The server has no connection left: end some"):
        connect(pauses=(0,))
