"""What a reader of the catalog sees: comments, references between tables, and the order of columns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.target.support import INTEGER, STRING, loaded, record, schema_message

if TYPE_CHECKING:
    from tests.fix_warehouse import Warehouse

KEY = {"id": {"type": "string"}}


def comments(warehouse: Warehouse, table: str) -> dict[str, str]:
    """Comment of each column that has one, the table's under the empty string."""
    found = warehouse.query(
        "SELECT coalesce(attname, '') AS name, description FROM pg_description LEFT JOIN pg_attribute "
        "ON attrelid = objoid AND attnum = objsubid AND objsubid > 0 WHERE objoid = %s::regclass",
        f'"{warehouse.schema}"."{table}"',
    )
    return {row["name"]: row["description"] for row in found}


def order(warehouse: Warehouse, table: str) -> list[str]:
    found = warehouse.query(
        "SELECT attname FROM pg_attribute WHERE attrelid = %s::regclass AND attnum > 0 ORDER BY attnum",
        f'"{warehouse.schema}"."{table}"',
    )
    return [row["attname"] for row in found]


def contacts(references: Any, **rest: Any) -> Any:
    account = {**STRING, "title": "Account ID", "x-references": references, **rest}
    return schema_message("contacts", {**KEY, "account_id": account})


def test_a_reference_is_a_comment(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [contacts(["accounts", "crm-Leads"])])
    schema = warehouse.schema
    assert comments(warehouse, "contacts")["account_id"] == (
        f"Account ID; references {schema}.accounts, {schema}.Leads"
    )


def test_a_reference_follows_the_names_and_schemas_of_the_settings(warehouse: Warehouse) -> None:
    config = warehouse.config(
        conform_names="snake_case", schema_mapping={"crm": {"target_schema": "crm_data"}}
    )
    loaded(config, [contacts(["crm-BigAccounts"], title="")])
    assert comments(warehouse, "contacts")["account_id"] == "references crm_data.big_accounts"


@pytest.mark.parametrize("references", [[], "accounts", None, [1, None, "", "a\0"], {"accounts": 1}])
def test_a_reference_that_says_nothing_is_no_error(warehouse: Warehouse, references: Any) -> None:
    loaded(warehouse.config(), [contacts(references), record("contacts", {"id": "a"})])
    assert comments(warehouse, "contacts")["account_id"] == "Account ID"


def test_references_come_to_comments_that_the_target_wrote_and_to_no_other(warehouse: Warehouse) -> None:
    loaded(warehouse.config(), [contacts([]), {**contacts([]), "stream": "people"}])
    warehouse.execute("COMMENT ON COLUMN {schema}.people.account_id IS 'ours'")
    for _ in range(2):
        loaded(warehouse.config(), [contacts(["accounts"]), {**contacts(["accounts"]), "stream": "people"}])
        assert comments(warehouse, "contacts")["account_id"].endswith(
            f"references {warehouse.schema}.accounts"
        )
        assert comments(warehouse, "people")["account_id"] == "ours"


def test_without_column_comments_nothing_is_commented(warehouse: Warehouse) -> None:
    loaded(warehouse.config(column_comments=False), [contacts(["accounts"]), record("contacts", {"id": "a"})])
    assert comments(warehouse, "contacts") == comments(warehouse, "_sync_runs") == {}


def test_each_column_of_the_log_has_a_comment_also_where_the_log_is_older(warehouse: Warehouse) -> None:
    loaded(warehouse.config(column_comments=False), [contacts([])])
    loaded(warehouse.config(), [contacts([])])
    assert comments(warehouse, "_sync_runs").keys() == {"", *order(warehouse, "_sync_runs")}
    warehouse.execute("COMMENT ON COLUMN {schema}._sync_runs.run_id IS 'ours'")
    loaded(warehouse.config(), [contacts([])])
    assert comments(warehouse, "_sync_runs")["run_id"] == "ours"


def test_a_log_of_another_role_is_not_commented(warehouse: Warehouse, loader: tuple[str, str]) -> None:
    name, url = loader
    loaded(warehouse.config(column_comments=False), [contacts([])])
    warehouse.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA {{schema}} TO {name}")
    loaded(warehouse.config(sqlalchemy_url=url), [contacts([]), record("contacts", {"id": "a"})])
    assert comments(warehouse, "_sync_runs") == {}


def test_columns_are_in_the_order_of_the_schema_then_the_times_then_what_came_later(
    warehouse: Warehouse,
) -> None:
    config = warehouse.config(history=["*"], add_record_metadata=True)
    first = {"zip": STRING, "id": {"type": "string"}, "age": INTEGER}
    loaded(config, [schema_message("people", first), record("people", {"id": "a"})])
    made = order(warehouse, "people")
    metadata = [name for name in made if name.startswith("_sdc_")]
    assert made == ["zip", "id", "age", *metadata, "received_at", "uuid_ts"]
    validity = ["valid_from", "valid_to", "is_current"]
    assert order(warehouse, "people_history") == ["zip", "id", "age", "_sdc_deleted_at", *validity]

    loaded(config, [schema_message("people", {"born": STRING, **first, "city": STRING})])
    assert order(warehouse, "people") == [*made, "born", "city"]
