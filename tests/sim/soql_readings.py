"""Pieces of random SOQL, each with a Python function that says the same of a row.

Nothing of the engine is used for the second: not its parser, its date ranges, its folding or its storage conversions.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from tests.sim.soql_things import NOW

if TYPE_CHECKING:
    from collections.abc import Callable

TODAY = NOW.date()
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
# Few values, so that rows and conditions meet: near each other in case, in wildcards, at a range's edges.
LETTERS = "aAbäÄẞ_%\\'\n"
TEXTS = ["a", "A", "ab", "aB", "ä", "Ä", "ß", "ẞ", "_", "%", "a_", "a%", "\\", "\\a", "'", "a\nb", "b'"]


@dataclass
class Thing:
    """A row in Python's own types."""

    number: int
    values: dict[str, Any]
    parent: Thing | None = None
    deleted: bool = False
    id: str = ""


Test = tuple[str, "Callable[[Thing], bool]"]

texts = st.sampled_from(TEXTS)
numbers = st.sampled_from(["-2.51", "-2.5", "-0.01", "0", "0.001", "0.01", "0.0125", "1", "2.5"]).map(Decimal)
DAYS = (-42, -41, -13, -12, -11, -10, -4, -3, -2, -1, 0, 1, 2, 3, 4, 18, 19)
days = st.sampled_from(DAYS).map(lambda n: TODAY + timedelta(days=n))
moments = st.builds(
    lambda day, seconds: datetime.combine(day, time(), UTC) + timedelta(seconds=seconds),
    days,
    st.sampled_from([0, 1, 37_800, 86_399]),
)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "Name": texts,
    "Pick__c": texts,
    "Multi__c": st.lists(
        st.sampled_from(["a", "A", "b", "ä"]), min_size=1, max_size=3, unique_by=lambda choice: choice.lower()
    ),
    "Flag__c": st.booleans(),
    "Count__c": st.integers(-3, 3),
    "Money__c": numbers,
    "Day__c": days,
    "Moment__c": moments,
}
STORED: dict[type, Callable[[Any], Any]] = {
    list: ";".join,
    bool: int,
    Decimal: lambda number: int(number * 100) if number * 100 == int(number * 100) else float(number * 100),
    date: date.isoformat,
    datetime: lambda moment: (moment - EPOCH) // timedelta(milliseconds=1),
}


@st.composite
def things(draw: st.DrawFn) -> list[Thing]:
    found: list[Thing] = []
    for number in range(draw(st.integers(3, 8))):
        values = {name: None if draw(st.integers(0, 4)) == 0 else draw(of) for name, of in VALUES.items()}
        parent = draw(st.none() | st.sampled_from(found)) if found else None
        found.append(Thing(number, values, parent, draw(st.integers(0, 4)) == 0))
    return found


@st.composite
def paths(draw: st.DrawFn, field: str) -> tuple[str, Callable[[Thing], Any]]:
    """A field of the row or of a parent, in some case; a missing parent has no values."""
    depth = draw(st.sampled_from([0, 0, 0, 1, 2]))
    written = "Parent__r." * depth + field
    text = draw(st.sampled_from([written, written.upper(), written.lower()]))

    def value(thing: Thing) -> Any:
        at: Thing | None = thing
        for _ in range(depth):
            at = at.parent if at is not None else None
        return at.values[field] if at is not None else None

    return text, value


def quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")
    return f"'{escaped}'"


def folded(text: str) -> tuple[str, ...]:
    return tuple(character.lower() for character in text)


def compared(operator: str, left: Any, right: Any) -> bool:
    """A comparison with a value that is there."""
    if left is None:
        return operator == "!="
    outcomes: dict[str, bool] = {
        "=": left == right,
        "!=": left != right,
        "<": left < right,
        "<=": left <= right,
        ">": left > right,
        ">=": left >= right,
    }
    return outcomes[operator]


operators = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])


@st.composite
def text_tests(draw: st.DrawFn) -> Test:
    path, value = draw(st.sampled_from(["Name", "Pick__c"]).flatmap(paths))
    operator, right = draw(operators), draw(texts)

    def test(thing: Thing) -> bool:
        own = value(thing)
        return compared(operator, None if own is None else folded(own), folded(right))

    return f"{path} {operator} {quoted(right)}", test


@st.composite
def like_tests(draw: st.DrawFn) -> Test:
    path, value = draw(st.sampled_from(["Name", "Pick__c"]).flatmap(paths))
    parts = draw(st.lists(st.sampled_from([*LETTERS, "any", "one"]), min_size=1, max_size=3))
    special = {"any": "%", "one": "_", "%": r"\%", "_": r"\_", "\\": r"\\", "'": r"\'", "\n": r"\n"}
    pattern = "".join(special.get(part, part) for part in parts)

    def matches(parts: list[str], text: tuple[str, ...]) -> bool:
        if not parts:
            return not text
        if parts[0] == "any":
            return any(matches(parts[1:], text[skip:]) for skip in range(len(text) + 1))
        return bool(text) and parts[0].lower() in ("one", text[0]) and matches(parts[1:], text[1:])

    def test(thing: Thing) -> bool:
        own = value(thing)
        return own is not None and matches(parts, folded(own))

    return f"{path} LIKE '{pattern}'", test


@st.composite
def in_tests(draw: st.DrawFn) -> Test:
    path, value = draw(st.sampled_from(["Name", "Pick__c"]).flatmap(paths))
    members = draw(st.lists(st.none() | texts, min_size=1, max_size=3))
    negated = draw(st.booleans())
    wanted = {None if member is None else folded(member) for member in members}
    listed = ", ".join("null" if member is None else quoted(member) for member in members)

    def test(thing: Thing) -> bool:
        own = value(thing)
        return ((None if own is None else folded(own)) in wanted) != negated

    return f"{path} {'NOT IN' if negated else 'in'} ({listed})", test


@st.composite
def null_tests(draw: st.DrawFn) -> Test:
    path, value = draw(st.sampled_from([name for name in VALUES if name != "Flag__c"]).flatmap(paths))
    operator = draw(st.sampled_from(["=", "!=", "<>"]))
    return f"{path} {operator} NULL", lambda thing: (value(thing) is None) == (operator == "=")


@st.composite
def boolean_tests(draw: st.DrawFn) -> Test:
    path, value = draw(paths("Flag__c"))
    operator, right = draw(st.sampled_from(["=", "!="])), draw(st.sampled_from(["true", "FALSE", "null"]))
    return (
        f"{path} {operator} {right}",
        lambda thing: (bool(value(thing)) == (right == "true")) == (operator == "="),
    )


@st.composite
def number_tests(draw: st.DrawFn) -> Test:
    path, value = draw(st.sampled_from(["Count__c", "Money__c"]).flatmap(paths))
    operator = draw(operators)
    right = draw(numbers) + draw(st.sampled_from([Decimal(0), Decimal("0.001"), Decimal("-0.001")]))
    return f"{path} {operator} {right}", lambda thing: compared(operator, value(thing), right)


@st.composite
def day_tests(draw: st.DrawFn) -> Test:
    path, value = draw(paths("Day__c"))
    operator, right = draw(operators), draw(days)
    return f"{path} {operator} {right}", lambda thing: compared(operator, value(thing), right)


@st.composite
def moment_tests(draw: st.DrawFn) -> Test:
    path, value = draw(paths("Moment__c"))
    operator, right, hours = draw(operators), draw(moments), draw(st.integers(-11, 11))
    shown = (right + timedelta(hours=hours)).strftime("%Y-%m-%dT%H:%M:%S")
    zone = draw(st.sampled_from(["Z", ".000Z"])) if not hours else f"{hours:+03d}:00"
    return f"{path} {operator} {shown}{zone}", lambda thing: compared(operator, value(thing), right)


@st.composite
def relative_tests(draw: st.DrawFn) -> Test:
    """Date literals, by the days that they begin and end with (the end included)."""
    field = draw(st.sampled_from(["Day__c", "Moment__c"]))
    path, value = draw(paths(field))
    n = draw(st.sampled_from([1, 2, 3, 10]))
    first, last, name = draw(
        st.sampled_from(
            [
                (0, 0, "TODAY"),
                (-1, -1, "yesterday"),
                (1, 1, "Tomorrow"),
                (1, n, f"NEXT_N_DAYS:{n}"),
                (-n, -n, f"N_DAYS_AGO:{n}"),
                (-n, 0, f"LAST_N_DAYS:{n}"),
                # The 13th is a Wednesday of a month of 31 days.
                (-3, 3, "THIS_WEEK"),
                (-10, -4, "LAST_WEEK"),
                (-12, 18, "THIS_MONTH"),
                (-12 - 30, -13, "LAST_N_MONTHS:1"),
            ]
        )
    )
    # What is after a range that ends now is another matter, with a test of its own.
    operator = draw(operators if last or not first else st.sampled_from(["=", "!=", "<", "<=", ">="]))
    start, end = TODAY + timedelta(days=first), TODAY + timedelta(days=last)

    def test(thing: Thing) -> bool:
        own = value(thing)
        if own is None:
            return operator == "!="
        day = own.date() if isinstance(own, datetime) else own
        place = -1 if day < start else 1 if day > end else 0
        return compared(operator, place, 0)

    return f"{path} {operator} {name}", test


@st.composite
def multi_tests(draw: st.DrawFn) -> Test:
    path, value = draw(paths("Multi__c"))
    choices = draw(st.lists(VALUES["Multi__c"], min_size=1, max_size=2))
    negated = draw(st.booleans())

    def test(thing: Thing) -> bool:
        own = {choice.lower() for choice in value(thing) or ()}
        return any({c.lower() for c in choice} <= own for choice in choices) != negated

    listed = ", ".join(f"'{';'.join(choice)}'" for choice in choices)
    return f"{path} {'EXCLUDES' if negated else 'INCLUDES'} ({listed})", test


leaves = st.one_of(
    text_tests(),
    like_tests(),
    in_tests(),
    null_tests(),
    boolean_tests(),
    number_tests(),
    day_tests(),
    moment_tests(),
    relative_tests(),
    multi_tests(),
)


def combined(inner: st.SearchStrategy[Test]) -> st.SearchStrategy[Test]:
    terms = st.lists(inner.map(lambda pair: (f"({pair[0]})", pair[1])) | leaves, min_size=2, max_size=3)

    def joined(pairs: list[Test], word: str) -> Test:
        tests = [test for _, test in pairs]
        decide = all if word.upper() == "AND" else any
        return f" {word} ".join(text for text, _ in pairs), lambda thing: decide(
            test(thing) for test in tests
        )

    return st.builds(joined, terms, st.sampled_from(["AND", "or"])) | inner.map(
        lambda pair: (f"NOT ({pair[0]})", lambda thing: not pair[1](thing))
    )


conditions = st.recursive(leaves, combined, max_leaves=6)
orders = st.lists(
    st.tuples(
        st.sampled_from(["Name", "Count__c", "Money__c", "Day__c", "Moment__c", "Flag__c"]).flatmap(
            lambda field: st.tuples(st.just(field), paths(field))
        ),
        st.sampled_from(["", " ASC", " desc"]),
        st.sampled_from(["", " NULLS FIRST", " nulls last"]),
    ),
    max_size=2,
)


def order_of(order: list[Any]) -> Callable[[Thing, Thing], int]:
    def compare(left: Thing, right: Thing) -> int:
        for (field, (_, value)), direction, nulls in order:
            a, b = value(left), value(right)
            if field == "Flag__c":
                a, b = bool(a), bool(b)
            if a is None or b is None:
                if (a is None) == (b is None):
                    continue
                return (1 if "last" in nulls else -1) * (1 if a is None else -1)
            if isinstance(a, str):
                a, b = folded(a), folded(b)
            if a != b:
                return (1 if a > b else -1) * (-1 if "desc" in direction else 1)
        return left.number - right.number

    return compare


def ordering(order: list[Any]) -> str:
    """The ORDER BY list, made total by the id."""
    return ", ".join([*(f"{path}{direction}{nulls}" for (_, (path, _)), direction, nulls in order), "Id"])
