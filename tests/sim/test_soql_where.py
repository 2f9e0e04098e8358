"""What a WHERE clause finds."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from salesforce_simulator.ids import make_id
from tests.sim.soql_things import DAY_MS, MIDNIGHT, World, things

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def world() -> Iterator[World]:
    made = World()
    yield made
    made.close()


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Pick__c = 'abc'", "01"),
        ("Pick__c = 'ÄRGER'", "2"),
        ("Pick__c != 'abc'", "23456"),
        ("Pick__c <> 'abc'", "23456"),
        ("Pick__c = null", "6"),
        ("Pick__c = ''", "6"),
        ("Pick__c != null", "012345"),
        ("Pick__c > 'abc'", "2"),
        ("Pick__c >= 'ABC'", "012"),
        ("Pick__c < 'b'", "01345"),
        ("Pick__c LIKE 'a%'", "01345"),
        ("Pick__c LIKE '_BC'", "01"),
        ("Pick__c LIKE 'ä%'", "2"),
        (r"Pick__c LIKE 'a\_%'", "3"),
        (r"Pick__c LIKE '%\%'", "4"),
        (r"Pick__c LIKE 'a\\\\%'", ""),
        (r"Pick__c = 'a_b'", "3"),
        (r"Pick__c = 'a\\\'b\nc'", "5"),
        (r"Pick__c = 'a\\\u0027b\Nc'", "5"),
        ("Pick__c IN ('ABC', 'ärger')", "012"),
        ("Pick__c IN ('abc', null)", "016"),
        ("Pick__c NOT IN ('abc')", "23456"),
        ("Pick__c NOT IN ('abc', null)", "2345"),
        ("NOT Pick__c = 'abc'", "23456"),
        ("NOT Pick__c LIKE 'a%'", "26"),
        ("NOT (Pick__c = 'abc' OR Pick__c = null)", "2345"),
        ("Pick__c = 'abc' AND (NOT Pick__c = 'x')", "01"),
        ("Pick__c < null", ""),
    ],
)
def test_text(world: World, where: str, found: str) -> None:
    things(world, "Pick__c", ["abc", "ABC", "ärger", "a_b", "a%", "a\\'b\nc", None])
    assert "".join(str(n) for n in world.names(where)) == found


def test_escapes_of_characters_beyond_the_basic_plane(world: World) -> None:
    things(world, "Pick__c", ["😀", "x"])
    assert world.names(r"Pick__c = '\uD83D\uDE00'") == ["0"]
    assert world.names(r"Pick__c = '\uD83D'") == []


def test_a_sharp_s_is_no_double_s_and_has_the_length_of_one(world: World) -> None:
    things(world, "Pick__c", ["straße", "STRASSE", "İ", "\u017f"])
    assert world.names("Pick__c = 'strasse'") == ["1"]
    assert world.names("Pick__c = 'STRAẞE'") == ["0"]
    assert world.names("Pick__c LIKE '_'") == ["2", "3"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Money__c = 10.5", "1"),
        ("Money__c = 10.50", "1"),
        ("Money__c = 1.05e1", "1"),
        ("Money__c = 10.501", ""),
        ("Money__c != 10.501", "01234"),
        ("Money__c > 10.499", "12"),
        ("Money__c >= 10.501", "2"),
        ("Money__c < 10.501", "013"),
        ("Money__c <= 10.499", "03"),
        ("Money__c > -0.011", "012"),
        ("Money__c > -10.255", "0123"),
        ("Money__c >= -10.25", "0123"),
        ("Money__c = 9999999999999999.99", "2"),
        ("Money__c < 1e30", "0123"),
        ("Money__c > -1e30", "0123"),
        ("Money__c IN (10.5, null)", "14"),
        ("Money__c = +.0", "0"),
    ],
)
def test_numbers_compare_exactly(world: World, where: str, found: str) -> None:
    things(world, "Money__c", [0, 1050, 999999999999999999, -1025, None])
    assert "".join(str(n) for n in world.names(where)) == found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Flag__c = true", "0"),
        ("Flag__c = FALSE", "12"),
        ("Flag__c != true", "12"),
        ("Flag__c = null", "12"),
        ("Flag__c != null", "0"),
    ],
)
def test_a_missing_boolean_is_false(world: World, where: str, found: str) -> None:
    things(world, "Flag__c", [1, 0, None])
    assert "".join(str(n) for n in world.names(where)) == found


def test_a_missing_parent_has_missing_fields_and_false_booleans(world: World) -> None:
    parent = world.add("Thing__c", Name="p", Flag__c=1)
    things(world, "Parent__c", [parent, None])
    assert world.names("Parent__r.Flag__c = false") == ["p", "1"]
    assert world.names("Parent__r.Name = null") == ["p", "1"]
    assert world.names("Parent__r.Name != 'x'") == ["p", "0", "1"]
    assert world.names("Name = '1' OR Parent__r.Name = 'P'") == ["0", "1"]


def test_ids_of_both_lengths_are_the_same_id(world: World) -> None:
    first, second, third = things(world, "Flag__c", [1, 1, 1])
    assert world.names(f"Id = '{first}'") == ["0"]
    assert world.names(f"Id = '{first[:15]}'") == ["0"]
    assert world.names(f"Id = '{first[:15]}{first[15:].lower()}'") == ["0"]
    assert world.names(f"Id IN ('{first[:15]}', '{third}')") == ["0", "2"]
    assert world.names(f"Id != '{second[:15]}'") == ["0", "2"]
    assert world.names(f"Id > '{first}'") == ["1", "2"]


def test_ids_that_differ_in_case_only_are_two(world: World) -> None:
    for record_id, name in (("a00Hs000000000aIAA", "lower"), ("a00Hs000000000AIAQ", "upper")):
        world.store.insert("Thing__c", {"Id": record_id, "Name": name, "IsDeleted": 0})
    assert world.names("Id = 'a00Hs000000000a'") == ["lower"]
    assert world.names("Id = 'a00Hs000000000A'") == ["upper"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Moment__c = 2026-05-13T00:00:00Z", "1"),
        ("Moment__c = 2026-05-13T00:00:00.000Z", "1"),
        ("Moment__c = 2026-05-13T02:00:00+02:00", "1"),
        ("Moment__c = 2026-05-12T19:00:00-0500", "1"),
        ("Moment__c > 2026-05-13T00:00:00Z", "23"),
        ("Moment__c >= 2026-05-13T00:00:00.001Z", "23"),
        ("Moment__c <= 2026-05-13t00:00:00z", "01"),
        ("Moment__c < 2026-05-13T00:00:00Z", "0"),
        ("Moment__c != 2026-05-13T00:00:00Z", "0234"),
        ("Moment__c = TODAY", "12"),
        ("Moment__c != TODAY", "034"),
        ("Moment__c < TODAY", "0"),
        ("Moment__c <= today", "012"),
        ("Moment__c > TODAY", "3"),
        ("Moment__c >= TODAY", "123"),
        ("Moment__c IN (YESTERDAY, TOMORROW)", "03"),
        ("Moment__c = LAST_N_DAYS:1", "012"),
        ("Moment__c > LAST_N_DAYS:0", "23"),
        ("Moment__c = null", "4"),
    ],
)
def test_datetimes(world: World, where: str, found: str) -> None:
    things(world, "Moment__c", [MIDNIGHT - 1000, MIDNIGHT, MIDNIGHT + DAY_MS - 1000, MIDNIGHT + DAY_MS, None])
    assert "".join(str(n) for n in world.names(where)) == found


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Day__c = 2026-05-13", "1"),
        ("Day__c > 2026-05-12", "12"),
        ("Day__c != 2026-05-13", "023"),
        ("Day__c = TODAY", "1"),
        ("Day__c <= THIS_WEEK", "012"),
        ("Day__c IN (2026-05-12, TOMORROW)", "02"),
        ("Day__c < NEXT_N_DAYS:1", "01"),
        ("CALENDAR_YEAR(Day__c) = 2026", "012"),
        ("DAY_IN_WEEK(Day__c) = 4", "1"),
    ],
)
def test_dates(world: World, where: str, found: str) -> None:
    things(world, "Day__c", ["2026-05-12", "2026-05-13", "2026-05-14", None])
    assert "".join(str(n) for n in world.names(where)) == found


def test_times(world: World) -> None:
    things(world, "Clock__c", [0, 3_723_004, None])
    assert world.names("Clock__c = 01:02:03.004Z") == ["1"]
    assert world.names("Clock__c < 01:00:00Z") == ["0"]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("Multi__c INCLUDES ('a')", "01"),
        ("Multi__c INCLUDES ('A;b', 'c')", "12"),
        ("Multi__c EXCLUDES ('a')", "23"),
        ("Multi__c = 'A;B'", "1"),
        ("Multi__c != 'a'", "123"),
    ],
)
def test_multipicklists(world: World, where: str, found: str) -> None:
    things(world, "Multi__c", ["a", "a;b", "b;c", None])
    assert "".join(str(n) for n in world.names(where)) == found


def test_semi_joins(world: World) -> None:
    first, second = things(world, "Flag__c", [1, 0])
    world.add("Thing__c", Name="child of 0", Parent__c=first, Flag__c=1)
    world.add("Thing__c", Name="orphan")
    world.add("Link", ThingId=second)
    assert world.names(f"Id IN (SELECT ThingId FROM Link WHERE ThingId = '{second}')") == ["1"]
    assert world.names(f"Parent__c IN (SELECT Id FROM Thing__c WHERE Id = '{first}')") == ["child of 0"]
    assert world.names(f"Id NOT IN (SELECT ThingId FROM Link WHERE ThingId = '{second}')") == [
        "0",
        "child of 0",
        "orphan",
    ]
    # A null among the inner ids does not empty the result.
    world.add("Link", OtherId=first)
    assert len(world.names(f"Id NOT IN (SELECT ThingId FROM Link WHERE OtherId = '{first}')")) == 4


def test_deleted_rows_show_only_when_all_rows_are_asked_for(world: World) -> None:
    world.add("Thing__c", Name="kept")
    gone = world.add("Thing__c", Name="gone", IsDeleted=1)
    world.add("Thing__c", Name="child", Parent__c=gone)
    assert world.names("Name != null") == ["kept", "child"]
    assert world.names("IsDeleted = true") == []
    assert world.names("Name != null", all_rows=True) == ["kept", "gone", "child"]
    assert world.names("IsDeleted = true", all_rows=True) == ["gone"]
    assert world.names("Parent__c IN (SELECT Id FROM Thing__c)") == []
    assert world.names("Parent__c IN (SELECT Id FROM Thing__c)", all_rows=True) == ["child"]
    assert world.run("SELECT COUNT() FROM Thing__c").total_size == 2


def test_archived_activities_show_only_when_all_rows_are_asked_for(world: World) -> None:
    world.add("Task", Subject="old", IsArchived=1)
    world.add("Task", Subject="new", IsArchived=0)
    assert world.ask("SELECT Subject FROM Task") == [{"Subject": "new"}]
    assert world.run("SELECT Id FROM Task", all_rows=True).total_size == 2


def test_fields_of_polymorphic_parents(world: World) -> None:
    user = world.add("User", Name="Ann", LastName="Ann", IsActive=1)
    group = world.add("Group", Name="Queue")
    world.add("Thing__c", Name="ann's", OwnerId=user)
    world.add("Thing__c", Name="queue's", OwnerId=group)
    assert world.names("Owner.Name = 'ANN'") == ["ann's"]
    assert world.names("Owner.Type = 'group'") == ["queue's"]
    assert world.names("Owner.IsActive = true") == ["ann's"]
    assert world.names(f"Owner.Id = '{group[:15]}'") == ["queue's"]


def test_many_conditions_do_not_go_too_deep(world: World) -> None:
    things(world, "Count__c", range(3))
    condition = " OR ".join(f"Count__c = {n}" for n in range(2, 3000))
    assert world.names(condition) == ["2"]


def test_a_list_of_thousands_of_ids(world: World) -> None:
    ids = things(world, "Count__c", range(3))
    many = ",".join(f"'{make_id('a00', n)}'" for n in range(3, 4000))
    assert world.names(f"Id IN ('{ids[0]}',{many})") == ["0", "2"]


def test_aliases_and_own_names_in_front_of_fields(world: World) -> None:
    parent = world.add("Thing__c", Name="p")
    world.add("Thing__c", Name="c", Parent__c=parent)
    assert world.ask("SELECT t.Name, t.Parent__r.Name FROM Thing__c t WHERE t.Parent__r.Name = 'p'") == [
        {"Name": "c", "Parent__r": {"Name": "p"}}
    ]
    assert world.ask("SELECT thing__C.name FROM Thing__c AS t WHERE Thing__c.Parent__c = null") == [
        {"Name": "p"}
    ]
    assert world.ask("SELECT c.Name, p.Name FROM Thing__c c, c.Parent__r p WHERE p.Name = 'P'") == [
        {"Name": "c", "Parent__r": {"Name": "p"}}
    ]
