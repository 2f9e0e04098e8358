"""However a password is spelled, no part of it is in what the target says."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import pytest

from target_sfwarehouse.errors import SettingsError
from target_sfwarehouse.postgres.parameters import of_url
from tests.fix_warehouse import plain_url
from tests.target.support import INTEGER, as_lines, load, record, schema_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

PART = 4
"""Letters in a row that a message may not share with a password."""

PIECES = ("kQ7wZ", "Xv9Jd", "Gy3Lm")
"""What no message has by chance; passwords are made of them with something between."""

BETWEEN = (
    "", "%", "%%", "%zz", "%4", " ", "\t", "\n", "/", "//", "@", "@@", ":", "#", "?", "&", "=", "?a=", "&b=", "+", "'",
    '"', "\\", "\\'", "{}", "%s", "%(x)s", "[", "]", "[::1]", ",", ";", "<>", "|", "^", "`", "$", "é", "密", "://", "%20",
    "%00", "%ff", "--", "@h/",
)  # fmt: skip


def passwords() -> Iterator[str]:
    for text in BETWEEN:
        yield text.join(PIECES)
    yield from ("@" + "".join(PIECES), "".join(PIECES) + "@", "/" + "".join(PIECES), "".join(PIECES) + "%")


def spellings(server: str) -> Iterator[dict[str, Any]]:
    """Configurations with a password: right ones, wrong ones, and some that no one would think of."""
    host, _, port = server.partition(":")
    for password in passwords():
        yield {"host": host, "port": int(port), "user": "nobody_here", "password": password, "database": "d"}
        for shape in ("postgresql://u:{}@{}/d", "postgresql+psycopg://u:{}@{}/d?sslmode=disable"):
            yield {"sqlalchemy_url": shape.format(password, server)}
        yield {"sqlalchemy_url": f"postgres://u:{quote(password, safe='')}@{server}/d"}
    word = "%".join(PIECES)
    for shape in (
        "u:{}@{}/d", "{}@{}", "//u:{}@{}/d", "://u:{}@{}/d", "postgresql:/u:{}@{}/d", "postgresql:u:{}@{}/d",
        "mysql://u:{}@{}/d", "postgresql//u:{}@{}", "POSTGRESQL://u:{}@{}/d", " postgresql://u:{}@{}/d ",
        "postgresql://u:{}@[{}/d", "postgresql://u:{}@{}:1:2/d", "postgresql://u:{}@{}x/d", "host=h password={} port={}",
        "password='{}' host={}", "postgresql://u@h/d?password={}&x={}", "postgresql://u@h/d?password={}@{}",
        "postgresql:///d?user=u&password={}={}", "postgresql:///d?user=u&sslpassword={}&&{}", "{}{}",
        "jdbc:postgresql://{1}/d?user=u&password={0}", "postgresql://u:{}/d", "postgresql://:{}@{}/d",
        "postgresql://u:{}@{}/d?sslmode=nonsense", "postgresql://u:{}@{}/d?options=-c%20nonsense",
    ):  # fmt: skip
        yield {"sqlalchemy_url": shape.format(word, server)}
        yield {"sqlalchemy_url": shape.format("&".join(PIECES), server)}
    numeric = 918273645
    for value in (numeric, numeric + 0.5, [*PIECES], {"value": PIECES[0]}, [[numeric]]):
        for name in ("password", "sqlalchemy_url", "ssl_client_private_key"):
            yield {"host": host, "port": int(port), "user": "u", name: value}
        yield {"host": host, "ssh_tunnel": {"enable": True, "private_key_password": value}}
        yield {"host": host, "ssh_tunnel": {"enable": True, "private_key": value}}
    yield {"host": host, "ssh_tunnel": json.dumps({"private_key": "".join(PIECES)})}
    key = {"ssl_client_certificate_enable": True, "ssl_client_certificate": "/dev/null"}
    for text in ("".join(PIECES), "//".join(PIECES), "/".join(PIECES) * 40, "\n".join(PIECES)):
        yield {"host": host, "user": "u", "ssl_client_private_key": text} | key
        tunnel = {"enable": True, "host": host, "port": 1, "username": "u", "private_key": text}
        yield {
            "host": host,
            "user": "u",
            "password": text,
            "ssh_tunnel": tunnel | {"private_key_password": text},
        }


RUNS = """
import json, os, sys
import target_postgres.connector, target_sfwarehouse.input.reader, target_sfwarehouse.load.loader, target_sfwarehouse.sink
from target_sfwarehouse.target import TargetSFWarehouse
for number, config in enumerate(json.load(open("spellings.json"))):
    child = os.fork()
    if not child:
        for stream, name in ((1, "out"), (2, "err")):
            os.dup2(os.open(f"{number}.{name}", os.O_WRONLY | os.O_CREAT), stream)
        with open(f"{number}.json", "w") as file:
            json.dump(config, file)
        sys.argv = ["target-sfwarehouse", "--config", f"{number}.json", "--input", "messages.jsonl"]
        try:
            TargetSFWarehouse.cli()
        except SystemExit:
            sys.stdout.flush()
            os._exit(0)  # the interpreter's own end takes far longer than the run
    os.waitpid(child, 0)
"""
"""One process a configuration, which need not load Python anew."""


def leaves(value: Any) -> Iterator[str]:
    if isinstance(value, dict | list):
        for part in value.values() if isinstance(value, dict) else value:
            yield from leaves(part)
    else:
        yield str(value)


def test_no_part_of_a_password_is_said(processes: Processes, warehouse: Warehouse) -> None:
    parts = urlsplit(plain_url(warehouse.url))
    every = list(spellings(f"{parts.hostname}:{parts.port}"))
    assert len(every) > 200
    processes.write("spellings.json", every)
    messages = as_lines([schema_message("accounts", {"id": INTEGER}), record("accounts", {"id": 1})])
    (processes.directory / "messages.jsonl").write_bytes(messages)
    processes.python("-c", RUNS, deadline=600).expect(0)
    secret = {text[i : i + PART] for text in (*PIECES, "918273645") for i in range(len(text) - PART + 1)}
    for number, config in enumerate(every):
        said = "".join((processes.directory / f"{number}.{name}").read_text() for name in ("out", "err"))
        assert "| ERROR" in said, config
        assert "Traceback" not in said, (config, said)
        assert not [part for part in secret if part in said], (config, said)


@pytest.mark.parametrize("password", list(passwords()))
def test_a_password_in_a_url_is_taken_whole_or_not_at_all(password: str) -> None:
    """Encoded, every password works; as it is, it works or is refused by the message that tells how to encode."""
    if "%00" not in password:
        encoded = of_url(f"postgresql://u:{quote(password, safe='')}@h:5/d")
        assert encoded == {"user": "u", "password": password, "host": "h", "port": "5", "dbname": "d"}
    refused = None
    try:
        found = of_url(f"postgresql://u:{password}@h:5/d")
    except SettingsError as error:
        refused = str(error)
    if refused is None:
        assert found["host"] == "h"
        assert found["password"] in (password, password.replace("%20", " "))
    else:
        assert "'@' as %40" in refused or "no UTF-8 text" in refused


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("postgresql://", {}),
        ("postgres:///d", {"dbname": "d"}),
        ("postgresql+psycopg2://h", {"host": "h"}),
        ("postgresql://u@[::1]:5433/d", {"user": "u", "host": "::1", "port": "5433", "dbname": "d"}),
        ("postgresql://a:1,b:2,c/d", {"host": "a,b,c", "port": "1,2,", "dbname": "d"}),
        ("postgresql://%2Fvar%2Frun/d%20e", {"host": "/var/run", "dbname": "d e"}),
        ("postgresql:///d?options=-c%20a%3Db", {"dbname": "d", "options": "-c a=b"}),
        ("postgresql://u:a%40b@h?ssl=true", {"user": "u", "password": "a@b", "host": "h", "sslmode": "require"}),
        ("postgresql:///d?host=/tmp&user=u", {"dbname": "d", "host": "/tmp", "user": "u"}),
    ],
)  # fmt: skip
def test_urls_of_all_forms(url: str, found: dict[str, str]) -> None:
    assert of_url(url) == found


@pytest.mark.parametrize("address", [f"nonsense://u:{PIECES[0]}@h/x", f"https://h/x?sig={PIECES[0]}"])
@pytest.mark.parametrize(
    "encoding",
    [{"format": "jsonl"}, {"format": "csv"}, {"format": "csv", "columns": ["name"]}, {"format": "parquet"}],
    ids=str,
)
def test_a_secret_in_the_address_of_a_batch_file(
    encoding: dict[str, Any], address: str, warehouse: Warehouse
) -> None:
    message = {"type": "BATCH", "stream": "accounts", "encoding": encoding, "manifest": [address]}
    schema = schema_message("accounts", {"id": INTEGER, "name": {"type": "string"}})
    outcome = load(warehouse.config(), [schema, message])
    assert "batch file" in str(outcome.error)
    assert PIECES[0] not in str(outcome.error)


def test_the_quarantine_keeps_no_secret_either(tmp_path: Path, warehouse: Warehouse) -> None:
    path = tmp_path / f"signed-{PIECES[0]}.csv"
    path.write_text("id,day\n1,now\n")
    config = warehouse.config(
        on_bad_record="quarantine", batch_config={"storage": {"params": {"token": PIECES[0]}}}
    )
    encoding = {"format": "csv"}
    message = {"type": "BATCH", "stream": "s", "encoding": encoding, "manifest": [str(path)]}
    schema = schema_message("s", {"id": INTEGER, "day": {"type": "string", "format": "date"}})
    assert load(config, [schema, message]).error is None
    (row,) = warehouse.query("SELECT reason FROM {schema}._rejected")
    assert "'now' is no date" in row["reason"]
    assert PIECES[0] not in row["reason"]


def test_a_password_from_the_environment(processes: Processes, tmp_path: Path) -> None:
    messages = tmp_path / "messages.jsonl"
    messages.write_bytes(as_lines([schema_message("accounts", {"id": INTEGER})]))
    env = {"TARGET_SFWAREHOUSE_SQLALCHEMY_URL": f"postgresql://u:{PIECES[0]} {PIECES[1]}@h/d"}
    finished = processes.target("--config=ENV", stdin=messages, env=env).expect(1)
    assert "a space as %20" in finished.stderr
    assert not any(piece in finished.said for piece in PIECES)
