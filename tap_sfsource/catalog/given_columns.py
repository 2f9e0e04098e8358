"""The names of an object's fields where earlier runs have given some: a name once given is of its field for ever."""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING, Protocol

from tap_sfsource.catalog.columns import mark_of
from tap_sfsource.catalog.naming import column_name, unique_names
from tap_sfsource.catalog.types import JSON_TYPES, TEXT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

KINDS = (*TEXT_TYPES, *JSON_TYPES)
"""Every type that a field may have had."""

MOST_COLLISIONS = 5
"""Fields of an object whose names collide, as far as a state is asked for their names."""


class GivenColumns(Protocol):
    """What a state says of an object's columns, by digests: it can be asked, and lists nothing."""

    def __call__(self, mark: str, /) -> int:
        """Tell by a `Column.mark` whether rows have been emitted with a column.

        2: every row has it. 1: rows had it, until it was left out: deselected, refused, or made anew with another type.
        """

    def has_name(self, name: str, /) -> bool:
        """Whether rows have been emitted with a property of this name, whatever its field."""


def names_of(
    types: Mapping[str, str], known: Mapping[str, str], given: GivenColumns, naming: str = "segment"
) -> dict[str, str]:
    """API name of each field to its property's name: the one that its rows have, else a catalog's, else the usual one.

    A field gets no name that rows have with another field, also where that one is hidden or gone today. `types` has
    each field's type, `known` the names of a catalog; both by API name.
    """
    if naming == "salesforce":
        return {api_name: api_name for api_name in types}
    names = _in_use(types, known, given)
    taken = set(names.values())
    for api_name, name in known.items():
        if api_name not in names and name not in taken and not given.has_name(name):
            names[api_name] = name
            taken.add(name)
    return unique_names({name: column_name(name) for name in types}, names, given.has_name)


def usual_names(api_name: str) -> Iterator[str]:
    """The names that a field may be given beside others, in order."""
    name = column_name(api_name)
    yield name
    for number in itertools.count(2):
        yield f"{name}_{number}"


def _in_use(types: Mapping[str, str], known: Mapping[str, str], given: GivenColumns) -> dict[str, str]:
    """API name of a field to the property name that rows have been emitted with, where there is one."""
    wanted = Counter(map(column_name, types))
    claims: list[tuple[int, int, str, str]] = []
    for api_name, kind in types.items():
        usual = column_name(api_name)
        named = known.get(api_name, usual)
        others = itertools.chain([named] if named != usual else [], usual_names(api_name))
        for count, name in enumerate(others):
            used = given(mark_of(name, api_name, kind))
            is_given = used or given.has_name(name)
            if not used and (is_given or wanted[usual] > 1):
                # The field may have had another type: it keeps its name beside one that wants it too.
                used = max(given(mark_of(name, api_name, other)) for other in KINDS)
            if used:
                claims.append((-used, count, api_name, name))
            if used > 1 or (count >= MOST_COLLISIONS and not is_given):
                break
    found: dict[str, str] = {}
    taken: set[str] = set()
    for *_, api_name, name in sorted(claims):
        if api_name not in found and name not in taken:
            found[api_name] = name
            taken.add(name)
    return found
