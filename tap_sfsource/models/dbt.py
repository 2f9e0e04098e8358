"""The tables of a run as a source of a dbt project: descriptions, keys, freshness and relationships."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import yaml

from tap_sfsource.catalog.keys import API_NAME_KEY, REFERENCES_KEY
from tap_sfsource.catalog.sync_reports import COLUMNS, KEY

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tap_sfsource.catalog.plan import SObjectPlan

_WIDTH: Final = 110

_STAMPS: Final = {
    "received_at": "When this row was inserted or last changed in the warehouse",
    "uuid_ts": "The same as received_at",
}

_SYNC_RUNS: Final[Mapping[str, Any]] = {
    "name": "_sync_runs",
    "description": "What each run did, a row for each stream. It is fresh while the sync runs, also where no row changes",
    "config": {"loaded_at_field": "ended_at"},
}


def sources(
    plans: Sequence[SObjectPlan], name: str, schema: str, reports: Mapping[str, Sequence[str]]
) -> str:
    """The text of `sources.yml`, for the tables that target-sfwarehouse makes of these plans in a schema.

    Salesforce keeps ids of rows that are gone, and of rows that the user may not see: a relationship that does not hold is
    a warning. Of a lookup that leads to several objects dbt can test nothing. `reports` has the columns of the record of each
    run by its table, if there is one.
    """
    keys = {plan.stream_name: plan.key for plan in plans}
    tables = [_table(plan, name, keys) for plan in sorted(plans, key=lambda plan: plan.stream_name)]
    source = {
        "name": name,
        "schema": schema,
        "description": "Salesforce, as tap-sfsource and target-sfwarehouse load it",
        "loader": "sfsource",
        "config": {
            "loaded_at_field": "received_at",
            "freshness": {"warn_after": {"count": 1, "period": "day"}},
        },
        "tables": [*tables, *(_reports(table, columns) for table, columns in reports.items()), _SYNC_RUNS],
    }
    written: str = yaml.dump(
        {"version": 2, "sources": [source]},
        Dumper=_Dumper,
        sort_keys=False,
        allow_unicode=True,
        width=_WIDTH,
    )
    return written


class _Dumper(yaml.SafeDumper):
    """Writes a value that comes twice two times, without anchors."""

    def ignore_aliases(self, data: Any) -> bool:  # noqa: ARG002
        return True


def _table(plan: SObjectPlan, source: str, keys: Mapping[str, str]) -> dict[str, Any]:
    schema = plan.schema()
    columns = [
        _described(name, given) | _tests(name, given, plan.key, source, keys)
        for name, given in schema["properties"].items()
    ]
    columns += [{"name": name, "description": text} for name, text in _STAMPS.items()]
    return _described(plan.stream_name, schema) | {"columns": columns}


def _reports(table: str, columns: Sequence[str]) -> dict[str, Any]:
    described = [
        {"name": name, "description": COLUMNS[name][1]}
        | ({"data_tests": ["unique", "not_null"]} if name == KEY else {})
        for name in columns
    ]
    stamps = [{"name": name, "description": text} for name, text in _STAMPS.items()]
    text = (
        "What the tap says of each run and collection. It is fresh while the sync runs, also where it fails"
    )
    return {"name": table, "description": text, "columns": [*described, *stamps]}


def _described(name: str, schema: Mapping[str, Any]) -> dict[str, Any]:
    """The name of a table or column, with its label and API name. dbt would read two braces as an expression."""
    title, api_name = schema.get("title", ""), schema.get(API_NAME_KEY, "")
    text = f"{title} ({api_name})" if title and api_name else title or api_name
    return {"name": name, "description": text.replace("{", "(").replace("}", ")")}


def _tests(
    name: str, schema: Mapping[str, Any], key: str, source: str, keys: Mapping[str, str]
) -> dict[str, Any]:
    streams = schema.get(REFERENCES_KEY, ())
    if name == key:
        return {"data_tests": ["unique", "not_null"]}
    if len(streams) != 1 or streams[0] not in keys:
        return {}
    leads = {"to": f"source('{source}', '{streams[0]}')", "field": keys[streams[0]]}
    return {"data_tests": [{"relationships": {"arguments": leads, "config": {"severity": "warn"}}}]}
