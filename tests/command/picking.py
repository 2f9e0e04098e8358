"""Sittings at the screens of `sfsource pick`."""

from __future__ import annotations

import asyncio
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sfsource.given.pair import Pair
from sfsource.pick.command import picker

if TYPE_CHECKING:
    from sfsource.pick.app import Picker
    from tests.fix_org import OrgServer


def pair_of(server: OrgServer, catalog: dict[str, Any] | None = None, **settings: Any) -> Pair:
    return Pair(
        tap_config=lambda: server.config(**settings),
        target_config=dict,
        given_catalog=catalog,
    )


def shown(app: Picker) -> str:
    """What a person sees."""
    lines = [strip.text.rstrip() for strip in app.screen._compositor.render_strips()]
    behind = app.screen_stack[-2] if app.screen.is_modal else None
    text = "\n".join(lines)
    if behind is not None:
        text = "\n".join(line for line in lines if line.strip())
    return re.sub(r"127\.0\.0\.1:\d+", "acme.example.com", text).rstrip() + "\n"


class Seen:
    """The screens of one sitting."""

    def __init__(self, app: Picker) -> None:
        self.app = app
        self.screens: list[str] = []

    def type(self, *keys: str) -> str:
        """Press keys, one after the other; gives what is shown at the end. The sitting begins anew each time."""

        async def sit() -> None:
            async with self.app.run_test(size=(80, 24)) as pilot:
                await pilot.pause()
                for key in keys:
                    await pilot.press(*(list(key[1:]) if key.startswith(":") else [key]))
                    await pilot.pause()
                    if self.app.return_value is None:
                        self.screens.append(shown(self.app))

        asyncio.run(sit())
        return self.screens[-1] if self.screens else ""


def sitting(server: OrgServer, catalog: dict[str, Any] | None = None, **settings: Any) -> Seen:
    return Seen(picker(pair_of(server, catalog, **settings), timedelta(hours=3)))
