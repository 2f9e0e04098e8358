"""The ways to connect: URL, parts, TLS, SSH tunnel."""

from __future__ import annotations

import json
import signal
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urlsplit

import pytest

from target_sfwarehouse.connect import connect
from target_sfwarehouse.errors import SettingsError, WarehouseError, without_secrets
from target_sfwarehouse.settings import Settings
from target_sfwarehouse.target import TargetSFWarehouse
from tests.fix_warehouse import plain_url
from tests.target.doors import key_pair, make_authority, ssh_door, tls_door

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import psycopg


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
    return connect(Settings.from_config(target.config))


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


def test_an_ssh_tunnel(parts: dict[str, Any]) -> None:
    key, text = key_pair()
    before = signal.getsignal(signal.SIGTERM)
    with ssh_door(key) as port:
        tunnel = {
            "enable": True,
            "host": "127.0.0.1",
            "port": port,
            "username": "loader",
            "private_key": text,
        }
        target = TargetSFWarehouse(config={**parts, "ssh_tunnel": tunnel})
        ours = signal.getsignal(signal.SIGTERM)
        assert ours not in (before, signal.SIG_DFL)
        connection = connect(Settings.from_config(target.config))
        assert connection.info.port not in (port, parts["port"])
        assert zone_of(connection) == "UTC"
        assert signal.getsignal(signal.SIGTERM) == ours


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


@pytest.mark.parametrize(
    "text",
    [
        "postgresql://user:hunter2@host/db",
        "could not connect with postgresql+psycopg://u:hunter2@h:5/d?x=y and so on",
        "host=h password=hunter2 dbname=d",
        "password='hunter2 with blanks' user=u",
        json.dumps({"url": "postgresql://user:hunter2@host/db"}),
    ],
)
def test_secrets_do_not_show(text: str) -> None:
    assert "hunter2" not in without_secrets(text)
    assert len(without_secrets(text)) > 10
