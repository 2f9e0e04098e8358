"""The org's HTTP side: OAuth, REST, composite, Bulk 2.0 and 1.0, limits, faults and the ledger.

A request's way: `app` (bytes) makes a `messages.Call` of it, `dispatch` asks the fault plan, the session and the limits,
`routing` finds its handler, which answers with a `messages.Reply`. Handlers are plain functions of a `site.Site` (the org
and what belongs to its HTTP side) and the call, so a composite runs its parts the same way.

In a test:

    def test_it(org_server: OrgServer) -> None:            # or company_server: the example company
        org_server.org.create("Account", {"Name": "Acme"})
        org_server.faults.add(Status(503), path="*/query", nth=2)
        run_the_tap(org_server.config())
        assert org_server.ledger.api_calls < 10
        assert org_server.ledger.matching("/jobs/query", "POST", "Account") == []

| path | module |
|---|---|
| `/services/oauth2/...`, `/id/...` | oauth |
| `/services/Soap/u/..`, `/services/Soap/c/..` | soap |
| `/services/data`, `.../sobjects`, `.../sobjects/X/describe` | sobjects |
| `.../sobjects/X/{id}`, `.../sobjects/X/{field}/{value}`, `.../composite/sobjects` | records |
| `.../sobjects/X/deleted`, `.../updated` | replication |
| `.../query`, `.../queryAll`, `.../query/{locator}` | query |
| `.../limits`, `.../limits/recordCount` | usage |
| `.../composite`, `.../composite/batch` | composite |
| `.../jobs/query/...` | bulk2 |
| `/services/async/...` | bulk1 |
| `/_simulator/...` (not Salesforce: ledger, clock, faults, next day) | admin |
"""
