"""The option that says how often runs begin."""

from __future__ import annotations

import datetime
import re
from typing import Any, Final

import click

_UNITS: Final = {"m": "minutes", "h": "hours", "d": "days"}
_DAY: Final = datetime.timedelta(days=1)


class _Every(click.ParamType[datetime.timedelta]):
    name = "TIME"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime.timedelta:
        """Read 3h, 15m or 1d."""
        if isinstance(value, datetime.timedelta):
            return value
        found = re.fullmatch(r"(\d{1,5})([mhd])", str(value).strip())
        every = datetime.timedelta(**{_UNITS[found[2]]: int(found[1])}) if found else datetime.timedelta()
        if not datetime.timedelta() < every <= _DAY:
            self.fail(f"{value!r} is no time up to a day, such as 3h, 15m or 1d.", param, ctx)
        return every


every_option = click.option(
    "--every",
    type=_Every(),
    default="3h",
    show_default=True,
    help="Time from one run to the next, for the forecast.",
)
