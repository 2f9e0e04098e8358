"""What the picked objects cost, without a call: objects that nobody looked at are taken to have what every object has."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

from sfsource.forecast.runs import Forecast
from sfsource.forecast.sizes import Size
from tap_sfsource.api.composite import SIZE
from tap_sfsource.api.describe import Field, SObject
from tap_sfsource.catalog.plan import NAME, SObjectPlan, plan_of
from tap_sfsource.catalog.restrictions import CHILDREN

if TYPE_CHECKING:
    import datetime
    from collections.abc import Iterable, Mapping

    from sfsource.forecast.cost import Cost
    from sfsource.forecast.runs import RunCost
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
    """Costs of any choice of objects."""

    def __init__(self, client: Client, objects: Mapping[str, ObjectItem], every: datetime.timedelta) -> None:
        self._client = client
        self._objects = objects
        self._every = every
        self._plans: dict[str, SObjectPlan] = {}
        self._alone: dict[str, Cost] = {}

    def know(self, plan: SObjectPlan) -> None:
        """Take the plan of an object that has been described."""
        self._plans[plan.api_name] = plan
        self._alone.pop(plan.api_name, None)

    def of(self, selected: Iterable[str], fields: Mapping[str, set[str]]) -> tuple[Cost, Cost]:
        """What a first sync of the objects costs, and a day of runs; `fields` are those that are read, where known."""
        forecast = self._forecast(selected, fields)
        return forecast.next_run().total, forecast.day(self._every).total

    def alone(self, api_name: str) -> Cost:
        """What the first sync of one object costs, beside its share of calls that are made for several."""
        if api_name not in self._alone:
            run: RunCost = self._forecast([api_name], {}).next_run()
            self._alone[api_name] = run.streams.get(self._objects[api_name].stream, run.shared.times(0))
        return self._alone[api_name]

    def _forecast(self, selected: Iterable[str], fields: Mapping[str, set[str]]) -> Forecast:
        plans = [self._plan(name, fields.get(name)) for name in sorted(selected)]
        planning = math.ceil(len(plans) / SIZE)
        sizes = {plan.stream_name: self._size(plan) for plan in plans if plan.api_name != NAME}
        return Forecast(self._client, plans, sizes, planning, asks=False)

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
