"""Write docs/erd.md: the tables of the catalogs that come with the project, as the simulated org describes them.

    python -m docs.erd

Run by `make docs`; a test sees that the page is up to date.
"""

from __future__ import annotations

import json
from pathlib import Path

from salesforce_simulator import company
from salesforce_simulator.org import Org
from salesforce_simulator.server import serve
from salesforce_simulator.simulation import DEMO_CLIENT_ID, DEMO_CLIENT_SECRET, add_demo_login
from tap_sfsource.models.erd import diagram
from tap_sfsource.tap import TapSFSource

PROJECT = Path(__file__).resolve().parent.parent
PAGE = PROJECT / "docs" / "erd.md"

TITLES = {"sales": "Sales", "support": "Support", "all": "All 48 collections"}
"""Catalogs in `catalogs/`, and the title of each diagram."""

HEAD = """# Tables and lookups

A line leads from a table to the columns that look it up. A dotted line is a lookup that may lead to several kinds of objects.
In the text of a diagram `||` says that each row has a value. Nearly all tables have `created_by_id`, `last_modified_by_id`
and `owner_id`. They lead to `users` (`owner_id` also to `_group`) and are not drawn.

Custom fields and objects are those of your org. This prints a diagram of your own tables:

```bash
python -m tap_sfsource.models erd --config tap.json --catalog catalogs/sales.json
```

`make docs` made the diagrams below from the catalogs in `catalogs/`, as text for Mermaid, and `make pictures` drew them.
In the warehouse the comment of each lookup names the tables that it leads to
([Warehouse](warehouse.md#what-the-target-writes)).
"""


def page() -> str:
    """Compose the page."""
    org = Org(features=company.FEATURES)
    try:
        add_demo_login(org)
        with serve(org) as server:
            config = {
                "login_url": server.url,
                "client_id": DEMO_CLIENT_ID,
                "client_secret": DEMO_CLIENT_SECRET,
            }
            diagrams = [
                f"\n## {title}\n\n![The tables of the catalog {catalog}, and the lookups between them]"
                f"(pictures/erd-{catalog}.svg)\n\n```mermaid\n{_diagram(config, catalog)}```\n"
                for catalog, title in TITLES.items()
            ]
    finally:
        org.close()
    return HEAD + "".join(diagrams)


def _diagram(config: dict[str, str], catalog: str) -> str:
    given = json.loads((PROJECT / "catalogs" / f"{catalog}.json").read_text())
    return diagram(TapSFSource(config=config, catalog=given, setup_mapper=False).run_plan.streams)


if __name__ == "__main__":
    PAGE.write_text(page())
