"""The SDK's own target tests."""

from __future__ import annotations

import ast
import inspect
import re
import uuid
from typing import TYPE_CHECKING, Any

import psycopg
import pytest
from singer_sdk import Target
from singer_sdk.sinks import Sink
from singer_sdk.testing import get_target_test_class

from target_sfwarehouse.config import Settings
from target_sfwarehouse.target import TargetSFWarehouse
from tests.fix_process import PROJECT
from tests.fix_warehouse import plain_url
from tests.target.support import INTEGER, STRING, load, record, schema_message

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.fix_warehouse import Warehouse

CONFIG: dict[str, Any] = {}
"""Filled by the fixture before the first test: the SDK wants it when the class is made."""


@pytest.fixture(scope="class", autouse=True)
def _configured(warehouse_url: str) -> Iterator[None]:
    schema = f"test_{uuid.uuid4().hex[:12]}"
    CONFIG.update(sqlalchemy_url=warehouse_url, default_target_schema=schema)
    yield
    with psycopg.connect(plain_url(warehouse_url), autocommit=True) as connection:
        connection.execute(f'DROP SCHEMA IF EXISTS "{schema}" CASCADE'.encode())


OF_INSTANCES = set(re.findall(r"self\.(_[a-z]\w*)", inspect.getsource(Target) + inspect.getsource(Sink)))
"""Names that the SDK's targets and sinks have once they are made."""


def private_names(path: Path) -> set[str]:
    """Names of the SDK's own that a module uses: attributes and modules that begin with one underscore."""
    tree = ast.parse(path.read_text())
    imported = {
        part
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("singer_sdk")
        for part in (*(node.module or "").split("."), *(alias.name for alias in node.names))
    }
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    defined = {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    names = {name for name in imported | used | defined if name.startswith("_") and not name.startswith("__")}
    return {
        name
        for name in names
        if hasattr(Target, name) or hasattr(Sink, name) or name in imported | OF_INSTANCES
    }


def test_private_names_of_the_sdk_stand_in_one_module() -> None:
    package = PROJECT / "target_sfwarehouse"
    others = [path for path in package.rglob("*.py") if path.name != "sdk.py"]
    assert {path.name: names for path in others if (names := private_names(path))} == {}


def test_a_release_of_the_sdk_that_changes_its_private_names_is_seen(warehouse: Warehouse) -> None:
    """One run through each of them; the signal's handler has tests of its own."""
    assert private_names(PROJECT / "target_sfwarehouse" / "sdk.py") == {
        "_handle_termination",
        "_process_record_message",
        "_process_schema_message",
        "_remove_sdc_metadata_from_record",
        "_remove_sdc_metadata_from_schema",
        "_singer_validate_message",
        "_sinks_active",
        "_validate_and_parse",
        "_validate_config",
        "_validator",
    }
    moment = {"type": ["null", "string"], "format": "date-time"}
    properties = {"id": STRING, "at": moment, "_sdc_deleted_at": moment, "_sdc_sequence": INTEGER}
    values = {
        "id": "a",
        "at": "20000-01-01T00:00:00Z",
        "_sdc_deleted_at": "2026-01-01T00:00:00Z",
        "_sdc_sequence": 1,
    }
    messages = [schema_message("accounts", properties), record("accounts", values), record("accounts", {})]
    outcome = load(
        warehouse.config(validate_records=True, stream_maps={"accounts": {"one": "'1'"}}), messages
    )
    assert "the record has no value for this key property" in str(outcome.error)
    (row,) = warehouse.query(
        'SELECT id, "at"::text AS at, one, _sdc_deleted_at::text AS gone FROM {schema}.accounts'
    )
    assert row == {"id": "a", "at": "20000-01-01 00:00:00+00", "one": "1", "gone": "2026-01-01 00:00:00+00"}
    names = "SELECT column_name FROM information_schema.columns WHERE table_schema = %s AND table_name = 'accounts'"
    assert {"column_name": "_sdc_sequence"} not in warehouse.query(names, warehouse.schema)


class TestSDKTargetTests(get_target_test_class(TargetSFWarehouse, config=CONFIG)):  # type: ignore[misc]
    """All of them, as the SDK has them."""


def test_null_stands_for_the_default_of_a_setting_with_choices() -> None:
    properties = TargetSFWarehouse.config_jsonschema["properties"]
    choices = {name: None for name, schema in properties.items() if "enum" in schema}
    assert {"load_method", "on_bad_record", "lock_behavior"} <= choices.keys()
    target = TargetSFWarehouse(config={"host": "warehouse.example.com", **choices})
    assert Settings.from_config(target.config) == Settings.from_config({"host": "warehouse.example.com"})
