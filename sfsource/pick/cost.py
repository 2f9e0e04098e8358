"""What the picked objects cost, without a call: objects that nobody looked at are taken to have what every object has."""

from __future__ import annotations

import datetime
import math
from typing import TYPE_CHECKING, Final

from sfsource.forecast.cost import Cost
from sfsource.forecast.runs import Forecast
from sfsource.forecast.sizes import Size
from tap_sfsource.api.composite import QUERIES, SIZE
from tap_sfsource.api.describe import Field, SObject
from tap_sfsource.api.record_counts import COUNTS_A_CALL
from tap_sfsource.catalog.plan import NAME, SObjectPlan, plan_of
from tap_sfsource.catalog.restrictions import CHILDREN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sfsource.pick.objects import ObjectItem
    from tap_sfsource.api.client import Client

_YEAR: Final = 365
_USUAL_FIELDS: Final = 40

_FIELDS: Final = (
    Field(name="Id", type="id"),
    Field(name="IsDeleted", type="boolean"),
    Field(name="SystemModstamp", type="datetime"),
    *(Field(name=f"F{number}__c", type="string") for number in range(_USUAL_FIELDS)),
)


class Costs:
    """Costs of any choice of objects: what each costs by itself is kept, so that any choice is summed at once."""

    def __init__(self, client: Client, objects: Mapping[str, ObjectItem], every: datetime.timedelta) -> None:
        self._client = client
        self._objects = objects
        self._every = every
        self._plans: dict[str, SObjectPlan] = {}
        self._own: dict[str, tuple[Cost, Cost]] = {}
        self._read: dict[str, set[str]] = {}
        self._keep([name for name, item in objects.items() if not item.unsupported and name != NAME])

    def know(self, plan: SObjectPlan) -> None:
        """Take the plan of an object that has been described."""
        self._plans[plan.api_name] = plan
        self._own.pop(plan.api_name, None)

    def of(self, selected: Iterable[str], fields: Mapping[str, set[str]]) -> tuple[Cost, Cost]:
        """What a first sync of the objects costs, and a day of runs; `fields` are those that are read, where known."""
        names = [name for name in selected if name != NAME]
        changed = [
            name for name in names if name not in self._own or fields.get(name) != self._read.get(name)
        ]
        for name in changed:
            if name in fields:
                self._read[name] = set(fields[name])
            self._keep([name])
        first = sum((self._own[name][0] for name in names), Cost())
        day = sum((self._own[name][1] for name in names), Cost())
        tick = _calls(len(names), SIZE) + _calls(len(names), QUERIES)
        ticks = datetime.timedelta(days=1) / self._every
        counts = _calls(len(names), COUNTS_A_CALL) if self._client.settings.reader != "rest" else 0
        return first + Cost(calls=tick + counts + bool(first.jobs)), day + Cost(calls=tick * ticks)

    def alone(self, api_name: str) -> Cost:
        """What the first sync of one object costs, beside its share of calls that are made for several."""
        return self._own[api_name][0] if api_name in self._own else Cost()

    def _keep(self, names: Iterable[str]) -> None:
        plans = [self._plan(name, self._read.get(name)) for name in names]
        sizes = {plan.stream_name: self._size(plan) for plan in plans}
        forecast = Forecast(self._client, plans, sizes, 0, asks=False)
        first, day = forecast.next_run(), forecast.day(self._every)
        for plan in plans:
            stream = plan.stream_name
            self._own[plan.api_name] = first.streams.get(stream, Cost()), day.streams.get(stream, Cost())

    def _plan(self, api_name: str, fields: set[str] | None) -> SObjectPlan:
        plan = self._plans.get(api_name)
        if plan is None:
            sobject = SObject(name=api_name, replicateable=True, fields=_FIELDS)
            plan = self._plans[api_name] = plan_of(
                sobject, self._objects[api_name].stream, self._client.settings
            )
        if fields is None:
            return plan.selecting(lambda column: column.selected_by_default)
        return plan.selecting(lambda column: column.api_name in fields)

    def _size(self, plan: SObjectPlan) -> Size:
        rows = self._objects[plan.api_name].rows or 0
        parents = CHILDREN.get(plan.api_name)
        parent = self._objects.get(parents.api_name) if parents else None
        return Size(rows, rows, rows / _YEAR, parents=(parent.rows or 0) if parent else 0)


def _calls(number: int, at_once: int) -> int:
    return math.ceil(number / at_once)
