"""Whatever the text, a query is answered or refused as Salesforce refuses; nothing else comes out of the engine."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from salesforce_simulator.soql import SoqlError
from tests.levels import at_level
from tests.sim.soql_things import World

if TYPE_CHECKING:
    from collections.abc import Callable

EXAMPLES = at_level(normal=500, wide=10_000, long=20_000)

QUERIES = (
    """SELECT Id, Name, Parent__r.Name FROM Thing__c t WHERE (Name LIKE 'a%' AND Money__c > 1.5) OR Day__c = TODAY
    ORDER BY Name DESC NULLS LAST, Id LIMIT 5 OFFSET 2 FOR VIEW""",
    """SELECT COUNT(Id) n, MAX(Moment__c), Pick__c FROM Thing__c WHERE Flag__c = true AND (NOT Count__c IN (1, null))
    GROUP BY Pick__c HAVING COUNT(Id) > 1 ORDER BY COUNT(Id) LIMIT 3""",
    """SELECT TYPEOF What WHEN Account THEN Phone, BillingAddress ELSE Name END, Who.Name, Owner.Profile.Name FROM Task
    WHERE What.Type != 'Case' AND CreatedDate < 2026-01-01T00:00:00+01:00""",
    """SELECT Name, (SELECT Id, Name FROM Contacts WHERE Email != null ORDER BY Id LIMIT 2) FROM Account
    WHERE Id IN (SELECT AccountId FROM Contact WHERE LastName = 'x') AND BillingCity NOT IN ('a', 'b')""",
    """SELECT FIELDS(ALL), toLabel(Pick__c) p FROM Thing__c WHERE Multi__c INCLUDES ('a;b', 'c') AND
    Clock__c < 10:00:00Z AND CALENDAR_YEAR(Day__c) = 2026 AND Id = 'a00Hs0000000001IAA' AND
    Moment__c >= LAST_N_DAYS:3 LIMIT 200""",
)
TOKEN = re.compile(r"'[^']*'|[\w.:+-]+|\S|\s+")
TOKENS = [TOKEN.findall(query) for query in QUERIES]
WORDS = [
    *sorted({token for tokens in TOKENS for token in tokens if not token.isspace()}),
    "DISTANCE", "SUM(Money__c)", "AVG(Count__c)", "SUM(Id)", "COUNT()", "FIELDS(STANDARD)", "Place__c", "Blob__c", "Long__c",
    "9" * 30, "1e400", "-0.0000001", "2026-13-45", "9999-12-31T23:59:59Z", "0001-01-01", "LAST_N_YEARS:99999", "''", "'%'",
    "\\", "'\\u00", ":x", "\0", "é", "😀", "\ud800", "x.y.z.a.b.c.d.e", "''''", "--", "/*", ";", "\n", "NULL", "Everything",
]  # fmt: skip


@st.composite
def mangled(draw: st.DrawFn) -> str:
    """A good query with some tokens dropped, doubled, swapped, or replaced by others."""
    tokens = list(draw(st.sampled_from(TOKENS)))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(tokens) - 1))
        change = draw(st.integers(0, 4))
        if change == 0:
            del tokens[at]
        elif change == 1:
            tokens.insert(at, tokens[at])
        elif change == 2:
            other = draw(st.integers(0, len(tokens) - 1))
            tokens[at], tokens[other] = tokens[other], tokens[at]
        else:
            tokens[at] = draw(st.sampled_from(WORDS))
        if not tokens:
            tokens = [" "]
    return "".join(tokens)


_worlds: list[World] = []


def _world() -> World:
    if not _worlds:
        _worlds.append(World())
        thing = _worlds[0].add("Thing__c", Name="a", Pick__c="x", Money__c=5, Flag__c=1)
        _worlds[0].add("Thing__c", Name="b", Parent__c=thing)
        account = _worlds[0].add("Account", Name="acme")
        _worlds[0].add("Contact", LastName="x", AccountId=account)
        _worlds[0].add("Task", WhatId=account, IsArchived=0)
    return _worlds[0]


def teardown_module() -> None:
    for world in _worlds:
        world.close()


def _refusal(ask: Callable[[], object]) -> SoqlError | None:
    try:
        ask()
    except SoqlError as error:
        return error
    return None


def _check(refusal: SoqlError | None) -> None:
    if refusal is None:
        return
    assert refusal.error_code
    assert refusal.message
    if "\nERROR at Row:" in refusal.message:
        _, _, caret, place, *_ = refusal.message.split("\n")
        assert caret.strip() == "^"
        assert re.fullmatch(r"ERROR at Row:\d+:Column:\d+", place)


@given(text=mangled() | st.text(max_size=60), all_rows=st.booleans())
@example(text="SELECT Id FROM Account WHERE Name = '\ud800'", all_rows=False)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
def test_every_text_is_answered_or_refused(text: str, all_rows: bool) -> None:
    world = _world()
    _check(_refusal(lambda: world.run(text, all_rows=all_rows).records()))
    _check(_refusal(lambda: list(world.export(text, all_rows=all_rows).csv_lines())))


def test_good_queries_are_answered() -> None:
    world = _world()
    for query in QUERIES:
        world.run(query).records()
