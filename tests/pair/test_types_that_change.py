"""A field that gets another type under its old name: what the warehouse's column then holds."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from salesforce_simulator.custom import custom_field
from tests.pair.both import Pair, batch_config

if TYPE_CHECKING:
    from pathlib import Path

    from salesforce_simulator.org import Org
    from tests.fix_org import OrgServer
    from tests.fix_warehouse import Warehouse

CHANGES: dict[str, tuple[str, Any, str, Any, Any]] = {
    # old type, old value, new type, new value, what the column then holds
    "text to number": ("string", "large", "double", 12.5, "12.5"),
    "text to boolean": ("string", "large", "boolean", True, "true"),
    "text to date": ("string", "large", "date", "2026-01-31", "2026-01-31"),
    "text to datetime": ("string", "large", "datetime", "2026-01-31T10:11:12Z", "2026-01-31T10:11:12"),
    "number to text": ("double", 12.5, "string", "large", "large"),
    "whole number to number": ("int", 12, "double", 12.5, Decimal("12.5")),
    "number to whole number": ("double", 12.5, "int", 12, Decimal(12)),
    "date to text": ("date", "2026-01-31", "string", "soon", "soon"),
    "boolean to text": ("boolean", True, "string", "perhaps", "perhaps"),
    "date to datetime": ("date", "2026-01-31", "datetime", "2026-02-01T10:11:12Z", "2026-02-01 10:11:12"),
}


@pytest.mark.parametrize("way", ["records", "batches"])
@pytest.mark.parametrize("change", CHANGES)
def test_a_field_that_changes_its_type(
    org_server: OrgServer, warehouse: Warehouse, tmp_path: Path, change: str, way: str
) -> None:
    old_type, old_value, new_type, new_value, held = CHANGES[change]
    org = org_server.org
    org.clock.freeze()
    first, second = (org.create("Account", {"Name": name}) for name in ("first", "second"))
    add(org, old_type)
    org.update(first, {"Size__c": old_value})
    org.clock.advance(hours=3)
    settings: dict[str, Any] = {"objects": ["Account"]}
    if way == "batches":
        settings |= {"reader": "bulk", "batch_config": batch_config("csv", tmp_path)}
    pair = Pair(org_server, warehouse, settings)
    pair.good()

    org.remove_field("Account", "Size__c")
    add(org, new_type)
    org.update(second, {"Size__c": new_value})
    org.clock.advance(hours=3)
    for _ in range(2):
        pair.good()
        sizes = pair.column("accounts", "size_c")
        assert str(sizes[second]).startswith(str(held)) or sizes[second] == held
        # Nothing of the deleted field is left.
        assert sizes[first] in {None, False, "false"}
        org.clock.advance(hours=3)


def test_a_column_that_cannot_take_the_new_type_is_named_and_filled_once_it_is_dropped(
    org_server: OrgServer, warehouse: Warehouse
) -> None:
    org = org_server.org
    org.clock.freeze()
    first, second = (org.create("Account", {"Name": name}) for name in ("first", "second"))
    add(org, "double")
    org.update(first, {"Size__c": 12.5})
    org.clock.advance(hours=3)
    pair = Pair(org_server, warehouse, {"objects": ["Account"]})
    pair.good()
    org.remove_field("Account", "Size__c")
    add(org, "date")
    org.update(second, {"Size__c": "2026-01-31"})
    org.clock.advance(hours=3)
    pair.sync()
    assert "property 'size_c' is now of type date, but column 'size_c'" in str(pair.target_error)
    assert pair.column("accounts", "size_c")[first] == Decimal("12.5")
    warehouse.execute("ALTER TABLE {schema}.accounts DROP COLUMN size_c")
    pair.good()
    assert {str(size) for size in pair.column("accounts", "size_c").values()} == {"None", "2026-01-31"}


def add(org: Org, kind: str) -> None:
    sized: dict[str, Any] = {"double": {"scale": 1}, "string": {"length": 80}}.get(kind, {})
    org.add_field("Account", custom_field("Size__c", kind, **sized))
