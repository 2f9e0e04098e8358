"""What discovery and a run plan of an org, by stream name."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from salesforce_simulator.schema import SObject as OrgObject
from tap_sfsource.api.client import Client
from tap_sfsource.catalog.discovery import discover, plan_run
from tap_sfsource.config import Settings

if TYPE_CHECKING:
    from salesforce_simulator.schema import Field as OrgField
    from tap_sfsource.catalog.plan import SObjectPlan
    from tests.fix_org import OrgServer


def add_invoice(org_server: OrgServer, *fields: OrgField, name: str = "Invoice__c") -> None:
    standard = {
        field.name: field
        for field in org_server.org.schema.objects["Campaign"].fields.values()
        if field.name in {"Id", "IsDeleted", "Name", "CreatedDate", "SystemModstamp"}
    }
    added = {field.name: dataclasses.replace(field, custom=True) for field in fields}
    org_server.org.add_object(
        OrgObject(name=name, key_prefix=None, fields={**standard, **added}, custom=True)
    )


def plans(
    org_server: OrgServer, catalog: dict[str, Any] | None = None, **settings: Any
) -> dict[str, SObjectPlan]:
    """What a run reads, by stream name."""
    client = Client(Settings.from_config(org_server.config(**settings)))
    return {plan.stream_name: plan for plan in plan_run(client, client.settings, catalog).streams}


def discovered(org_server: OrgServer, **settings: Any) -> dict[str, SObjectPlan]:
    client = Client(Settings.from_config(org_server.config(**settings)))
    return {plan.stream_name: plan for plan in discover(client, client.settings)}


def properties(plan: SObjectPlan) -> set[str]:
    return {column.property for column in plan.columns}


def select(stream: str, **marks: bool) -> dict[str, Any]:
    """A selection-only catalog of one stream; `_all=False` is the pattern `*`."""
    metadata: list[dict[str, Any]] = [{"breadcrumb": [], "metadata": {"selected": True}}]
    metadata += [
        {"breadcrumb": ["properties", "*" if name == "_all" else name], "metadata": {"selected": value}}
        for name, value in marks.items()
    ]
    return {"streams": [{"tap_stream_id": stream, "metadata": metadata}]}
