"""The settings of one object, out of settings with values by object or pattern."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tap_sfsource.catalog.patterns import is_pattern, matches
from tap_sfsource.clock import to_second
from tap_sfsource.config import FORMULA_HOURS
from tap_sfsource.config_values import parse_time
from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tap_sfsource.config import Settings


@dataclass(frozen=True, slots=True)
class ObjectSettings:
    """The settings of one object.

    Attributes:
        start: The first stamp to read in a first sync, None for all.
        end: The first stamp not to read, in whole seconds, None for all.
        condition: A SOQL condition of all rows to read, empty for none.
        refresh_hours: How old a formula's value may become; 0 for any age.
        reads_new_fields: Whether fields are read that appear when the object has been read before.
        part: Conditions of the rows that a shard reads, where other shards read the others (`tap_sfsource.shards`).
    """

    start: datetime.datetime | None
    end: datetime.datetime | None
    condition: str
    refresh_hours: int
    reads_new_fields: bool
    part: tuple[str, ...] = ()

    @property
    def conditions(self) -> tuple[str, ...]:
        """The conditions, as parts of a WHERE clause."""
        return (*((f"({self.condition})",) if self.condition else ()), *self.part)

    @property
    def identity(self) -> str:
        """All conditions as one text: rows that were read by others are other rows."""
        return " ".join([*([self.condition] if self.condition else []), *self.part])


def settings_of(settings: Settings, api_name: str, stream_name: str) -> ObjectSettings:
    """The settings of an object, by either of its names.

    Raises:
        ConfigError: They leave nothing to read.
    """

    def value(name: str) -> Any:
        return _value(settings.by_object(name), api_name, stream_name)

    start, end, hours = value("start_date"), value("end_date"), value("refresh_formulas_hours")
    own = ObjectSettings(
        start=parse_time("start_date", start) if start else None,
        end=_whole_second(parse_time("end_date", end)) if end else None,
        condition=value("filters") or "",
        refresh_hours=FORMULA_HOURS if hours is None else hours,
        reads_new_fields=value("new_fields") != "exclude",
    )
    if own.start is not None and own.end is not None and own.end <= own.start:
        raise ConfigError(
            "end_date",
            f"{end} is not later than the start_date {start} of {stream_name}, so nothing would be read",
            "Set it to a later date.",
        )
    return own


def _value(values: Mapping[str, Any], api_name: str, stream_name: str) -> Any:
    """A name goes before a pattern, a later one of either before an earlier one; None without any."""
    found = [name for name in values if matches([name], api_name, stream_name)]
    exact = [name for name in found if not is_pattern(name)]
    return values[(exact or found)[-1]] if found else None


def _whole_second(moment: datetime.datetime) -> datetime.datetime:
    """The moment, or the whole second after it: stamps have no fractions of seconds."""
    second = to_second(moment)
    return second if second == moment else second + datetime.timedelta(seconds=1)
