"""What the README says about deletes, seen in the warehouse."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.fix_org import OrgServer
    from tests.fix_process import Processes
    from tests.fix_warehouse import Warehouse

OBJECTS = ["Lead", "Account", "CampaignShare"]


def sync(processes: Processes, *, state: bool = True) -> None:
    option = "--state state.json" if state else ""
    line = f"tap-sfsource --config tap.json {option} | target-sfwarehouse --config target.json > states.jsonl"
    processes.shell(f"{line} && tail -n 1 states.jsonl > state.json").expect()


def marked(warehouse: Warehouse, table: str) -> set[str]:
    rows = warehouse.query(f"SELECT id FROM {{schema}}.{table} WHERE is_deleted")
    return {row["id"] for row in rows}


def test_each_kind_of_delete(company_server: OrgServer, warehouse: Warehouse, processes: Processes) -> None:
    org = company_server.org
    processes.write("tap.json", company_server.config(objects=OBJECTS))
    processes.write("target.json", warehouse.config())
    sync(processes, state=False)
    binned = marked(warehouse, "leads")
    assert binned == {row["Id"] for row in org.rows("Lead") if row["IsDeleted"]} != set()
    (restored, *_) = marked(warehouse, "accounts")

    soft, hard, *_ = [row["Id"] for row in org.rows("Lead") if not row["IsDeleted"]]
    share = org.rows("CampaignShare")[0]["Id"]
    org.delete(soft)
    org.hard_delete(hard)
    org.undelete(restored)
    org.hard_delete(share)
    org.clock.advance(hours=3)
    sync(processes)
    assert marked(warehouse, "leads") == binned | {soft, hard}
    assert restored not in marked(warehouse, "accounts")
    assert marked(warehouse, "campaign_shares") == set(), "shares have no log of deletes"

    processes.write("tap.json", company_server.config(objects=OBJECTS, deletes="sweep"))
    org.clock.advance(hours=3)
    sync(processes)
    assert marked(warehouse, "campaign_shares") == {share}
    assert marked(warehouse, "leads") == binned | {soft, hard}


def test_links_of_files_that_are_gone_are_marked(
    company_server: OrgServer, warehouse: Warehouse, processes: Processes
) -> None:
    org = company_server.org
    processes.write("tap.json", company_server.config(objects=["ContentDocumentLink"]))
    processes.write("target.json", warehouse.config())
    sync(processes, state=False)
    links = {row["Id"] for row in org.rows("ContentDocumentLink")}
    assert {row["id"] for row in warehouse.query("SELECT id FROM {schema}.content_document_link")} == links
    assert marked(warehouse, "content_document_link") == set()

    gone = min(links)
    org.hard_delete(gone)
    org.clock.advance(hours=3)
    sync(processes)
    assert marked(warehouse, "content_document_link") == {gone}
