"""Random SOQL over random rows finds what a plain reading in Python finds."""

from __future__ import annotations

from functools import cmp_to_key
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.levels import at_level
from tests.sim.soql_readings import (
    STORED,
    Test,
    Thing,
    conditions,
    leaves,
    order_of,
    ordering,
    orders,
    things,
)
from tests.sim.soql_things import World

EXAMPLES = at_level(normal=100, wide=1500, long=3000)

_worlds: list[World] = []


def filled(things: list[Thing]) -> World:
    """A world with these things and nothing else; made once, as that costs a good part of a second."""
    if not _worlds:
        _worlds.append(World())
    [world] = _worlds
    world.store.writer.execute('DELETE FROM "Thing__c"')
    for thing in things:
        stored = {
            name: STORED[type(value)](value) if type(value) in STORED else value
            for name, value in thing.values.items()
        }
        parent = thing.parent.id if thing.parent is not None else None
        thing.id = world.add("Thing__c", **stored, Parent__c=parent, IsDeleted=int(thing.deleted))
    return world


def teardown_module() -> None:
    for world in _worlds:
        world.close()


@given(things=things(), tests=st.lists(leaves, min_size=12, max_size=12))
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_comparison_finds_what_a_plain_reading_finds(things: list[Thing], tests: list[Test]) -> None:
    world = filled(things)
    for where, test in tests:
        found = world.ask(f"SELECT Id FROM Thing__c WHERE {where} ORDER BY Id", all_rows=True)
        assert ([row["Id"] for row in found], where) == ([thing.id for thing in things if test(thing)], where)


@given(things=things(), order_lists=st.lists(orders, min_size=6, max_size=6))
@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
def test_orders_are_those_of_a_plain_reading(things: list[Thing], order_lists: list[list[Any]]) -> None:
    world = filled(things)
    for order in order_lists:
        by = ordering(order)
        found = world.ask(f"SELECT Id FROM Thing__c ORDER BY {by}", all_rows=True)
        expected = sorted(things, key=cmp_to_key(order_of(order)))
        assert ([row["Id"] for row in found], by) == ([thing.id for thing in expected], by)


@given(
    things=things(),
    condition=conditions,
    order=orders,
    limit=st.none() | st.integers(0, 4),
    offset=st.integers(0, 2),
    all_rows=st.booleans(),
)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_a_query_finds_what_a_plain_reading_finds(
    *, things: list[Thing], condition: Test, order: list[Any], limit: int | None, offset: int, all_rows: bool
) -> None:
    world = filled(things)
    where, test = condition
    by = ordering(order)
    found = [thing for thing in things if (all_rows or not thing.deleted) and test(thing)]
    expected = sorted(found, key=cmp_to_key(order_of(order)))
    tail = f"FROM Thing__c WHERE {where}"
    assert world.run(f"SELECT COUNT() {tail}", all_rows=all_rows).total_size == len(expected)
    rest = f"SELECT Id, Name, Parent__r.Name {tail} ORDER BY {by}"
    page = expected[offset : None if limit is None else offset + limit]
    paged = rest + (f" LIMIT {limit}" if limit is not None else "") + (f" OFFSET {offset}" if offset else "")
    assert world.ask(paged, all_rows=all_rows) == [
        {
            "Id": thing.id,
            "Name": thing.values["Name"],
            "Parent__r": thing.parent and {"Name": thing.parent.values["Name"]},
        }
        for thing in page
    ]
    assert list(world.export(rest, all_rows=all_rows).csv_rows()) == [
        (thing.id, thing.values["Name"] or "", (thing.parent and thing.parent.values["Name"]) or "")
        for thing in expected
    ]


@given(things=things(), outer=leaves, inner=conditions, negated=st.booleans(), all_rows=st.booleans())
@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
def test_semi_joins_and_children_find_what_a_plain_reading_finds(
    things: list[Thing], outer: Test, inner: Test, negated: bool, all_rows: bool
) -> None:
    world = filled(things)
    seen = [thing for thing in things if all_rows or not thing.deleted]
    parents = {id(thing) for thing in seen if inner[1](thing)}
    joined = [
        thing.id
        for thing in seen
        if outer[1](thing) and (thing.parent is not None and id(thing.parent) in parents) != negated
    ]
    member = f"Parent__c {'NOT IN' if negated else 'IN'} (SELECT Id FROM Thing__c WHERE {inner[0]})"
    text = f"SELECT Id FROM Thing__c WHERE {outer[0]} AND {member} ORDER BY Id"
    assert [row["Id"] for row in world.ask(text, all_rows=all_rows)] == joined
    text = f"SELECT (SELECT Id FROM Things__r WHERE {inner[0]} ORDER BY Id) FROM Thing__c ORDER BY Id"
    expected = []
    for thing in seen:
        children = [{"Id": child.id} for child in seen if child.parent is thing and inner[1](child)]
        related = {"totalSize": len(children), "done": True, "records": children} if children else None
        expected.append({"Things__r": related})
    assert world.ask(text, all_rows=all_rows) == expected


@given(things=things(), condition=conditions)
@settings(max_examples=EXAMPLES // 3, deadline=None, suppress_health_check=list(HealthCheck))
def test_groups_hold_what_a_plain_reading_finds(things: list[Thing], condition: Test) -> None:
    world = filled(things)
    groups: dict[Any, list[Thing]] = {}
    for thing in things:
        if not thing.deleted and condition[1](thing):
            groups.setdefault(thing.values["Count__c"], []).append(thing)
    text = (
        "SELECT Count__c, COUNT(Id) n, COUNT(Money__c) m, SUM(Money__c) s, MIN(Day__c) first, MAX(Moment__c) last "
        f"FROM Thing__c WHERE {condition[0]} GROUP BY Count__c HAVING COUNT(Id) > 1 ORDER BY Count__c NULLS LAST"
    )

    def of(members: list[Thing], field: str) -> list[Any]:
        return [member.values[field] for member in members if member.values[field] is not None]

    assert world.ask(text) == [
        {
            "Count__c": key,
            "n": len(members),
            "m": len(of(members, "Money__c")),
            "s": sum(of(members, "Money__c")) if of(members, "Money__c") else None,
            "first": min((day.isoformat() for day in of(members, "Day__c")), default=None),
            "last": max(
                (moment.strftime("%Y-%m-%dT%H:%M:%S.000+0000") for moment in of(members, "Moment__c")),
                default=None,
            ),
        }
        for key, members in sorted(groups.items(), key=lambda item: (item[0] is None, item[0] or 0))
        if len(members) > 1
    ]
