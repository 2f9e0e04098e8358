"""The picker: its two screens, as somebody sees them who picks in an org with an example company."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from textual.widgets import Static

from docs.draw.terminal import without_fonts
from salesforce_simulator.simulation import simulate
from sfsource.given.pair import Pair
from sfsource.pick.command import picker

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sfsource.pick.app import Picker

SIZE = (92, 22)
_RECORDS = {"Contact": 12_000, "Task": 18_000}
_TITLE = "sfsource pick · acme.my.salesforce.com"

_OBJECTS = ("down", "space", "down", "down")
_FIELDS = ("/", *"lead", "enter", "enter", "p", *["down"] * 10)


def pictures() -> dict[str, str]:
    """Draw the list of objects, and the fields of one."""
    with simulate(company=True, records=_RECORDS) as org:
        config = {"login_url": org.url, "client_id": org.client_id, "client_secret": org.client_secret}

        def sitting(keys: Sequence[str]) -> str:
            pair = Pair(tap_config=lambda: config, target_config=dict)
            return asyncio.run(_seen(picker(pair, timedelta(hours=3)), keys))

        return {"pick-objects.svg": sitting(_OBJECTS), "pick-fields.svg": sitting(_FIELDS)}


async def _seen(app: Picker, keys: Sequence[str]) -> str:
    """The screen after these keys."""
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause()
        # The org's address is another each time.
        app.screen.query_one("#title", Static).update(_TITLE)
        for key in keys:
            await pilot.press(key)
            await pilot.pause()
        picture: Any = app.export_screenshot(title="sfsource pick")
    return without_fonts(picture)
