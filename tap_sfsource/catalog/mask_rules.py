"""Which fields are masked: the setting `mask`. Their values are masked where rows are made (`tap_sfsource.rows.masking`)."""

from __future__ import annotations

import dataclasses
import functools
import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from tap_sfsource.catalog.masks import Mask
from tap_sfsource.catalog.misspelt import nearest
from tap_sfsource.catalog.naming import collection_name, column_name
from tap_sfsource.catalog.patterns import is_pattern, matches
from tap_sfsource.catalog.plan import NAME
from tap_sfsource.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from tap_sfsource.api.describe import SObject
    from tap_sfsource.catalog.columns import Column
    from tap_sfsource.catalog.plan import SObjectPlan
    from tap_sfsource.config import Settings

Described = Mapping[str, tuple[str, "SObject"]]
"""Objects by API name, each with its stream."""

logger = logging.getLogger("tap-sfsource.catalog")

DROPPED: Final = "the setting mask drops it"
_KEEP: Final = "keep"
_DROP: Final = "drop"
_SHORT_SALT: Final = 16
_OWNER: Final = "Type"
_NOT_OF_OWNER: Final = frozenset({"Id", _OWNER})


class MaskRules:
    """The setting `mask`."""

    def __init__(self, settings: Settings) -> None:
        self._rules = [(*name.partition(".")[::2], kind) for name, kind in settings.mask.items()]
        self._salt = settings.mask_salt or ""

    def __bool__(self) -> bool:
        return bool(self._rules)

    def check_salt(self) -> None:
        """Make sure that hashes have a salt.

        Raises:
            ConfigError: They have none.
        """
        if not any(kind == "hash" for *_, kind in self._rules):
            return
        if not self._salt:
            raise ConfigError(
                "mask_salt",
                "it is not set, and the setting mask has hashes, which anybody could find out without a secret",
                "Set it to a random text that nobody else knows, such as that of: openssl rand -hex 32",
            )
        if len(self._salt) < _SHORT_SALT:
            logger.warning(
                "Setting mask_salt: it is short, so hashes of short values can be found out. Set it to a longer random text."
            )

    def kind_of(self, api_name: str, stream_name: str, column: str, name: str) -> tuple[str, bool]:
        """What the rules say of a field, empty for nothing, and whether a rule names the field without wildcards.

        A rule without wildcards goes before one with some, a later one of either before an earlier one.
        """
        found = [
            (not is_pattern(sobject + field), not is_pattern(field), kind)
            for sobject, field, kind in self._rules
            if matches([sobject], api_name, stream_name) and matches([field], column, name)
        ]
        if not found:
            return "", False
        exact = [rule for rule in found if rule[0]]
        _, named, kind = (exact or found)[-1]
        return ("" if kind == _KEEP else kind), named

    def hide(self, api_name: str, field: str) -> bool:
        """Whether the rules hide a field, given by API names, also of an object that is not read."""
        return bool(self.kind_of(api_name, collection_name(api_name), field, column_name(field))[0])

    def hide_some_of(self, api_name: str) -> bool:
        """Whether the rules hide fields of an object."""
        return any(
            kind != _KEEP and matches([sobject], api_name, collection_name(api_name))
            for sobject, _, kind in self._rules
        )

    def mask(self, kind: str) -> Mask:
        """The mask of a kind."""
        return Mask(kind, self._salt if kind == "hash" else "")

    def of_name(self, column: Column) -> Callable[[str], Mask | None] | None:
        """What a name's field is masked with, by the API name of the object that has the name; None without rules for it.

        An empty API name stands for an object that is not known: any rule for the field counts then.
        """
        rules = [
            (sobject, field, kind)
            for sobject, field, kind in self._rules
            if matches([field], column.api_name, column.property)
        ]
        if not any(kind != _KEEP for *_, kind in rules):
            return None

        @functools.cache
        def of_object(api_name: str) -> Mask | None:
            kinds = {kind for *_, kind in rules if kind != _KEEP}
            if api_name:
                kinds = {
                    self.kind_of(api_name, collection_name(api_name), column.api_name, column.property)[0]
                } - {""}
            kind = "hash" if kinds == {"hash"} else "null" if kinds else ""
            return self.mask(kind) if kind else None

        return of_object

    def mark_of(self, columns: Sequence[Column]) -> str:
        """Tells the rules for fields of such names, whichever object has them, from others; empty for none."""
        rules = [
            rule
            for rule in self._rules
            if any(matches([rule[1]], column.api_name, column.property) for column in columns)
        ]
        return f"{rules} {self.mask('hash').mark}" if rules else ""

    def check_fields(self, described: Described) -> None:
        """Make sure that each name for these objects means a field; they come by API name, with their streams.

        Raises:
            ConfigError: One means none: what it was to hide would go out.
        """
        for sobject, field, names in self._without_match(described):
            if not is_pattern(sobject + field):
                raise ConfigError(
                    "mask",
                    f"{sobject}.{field} matches no field that the user may see, so it would hide nothing",
                    f"Correct or remove it.{nearest(field, names)}",
                )

    def warn_of_patterns(self, described: Described) -> None:
        """Say which patterns mean no field of what the run reads."""
        for sobject, field, _ in self._without_match(described):
            if is_pattern(sobject + field):
                logger.warning("Setting mask: %s.%s matches no field that the user may see.", sobject, field)

    def _without_match(self, described: Described) -> Iterator[tuple[str, str, dict[str, str]]]:
        """Rules for some of the objects that mean none of their fields, with the fields' names."""
        for pattern, field, _ in self._rules:
            found = [
                sobject for name, (stream, sobject) in described.items() if matches([pattern], name, stream)
            ]
            names = {each.name: column_name(each.name) for sobject in found for each in sobject.fields}
            if found and not any(matches([field], name, column) for name, column in names.items()):
                yield pattern, field, names


def masked_plan(plan: SObjectPlan, rules: MaskRules) -> SObjectPlan:
    """The plan with masks on its columns; dropped ones are unsupported.

    Raises:
        ConfigError: A rule names a column that the sync needs as it is.
    """
    if not rules:
        return plan
    columns = tuple(_masked(plan, column, rules) for column in plan.columns)
    if plan.api_name != NAME:
        return dataclasses.replace(plan, columns=columns)
    columns = tuple(_with_owner(column, rules, columns) for column in columns)
    return dataclasses.replace(plan, columns=columns, names_masked=rules.mark_of(columns))


def _masked(plan: SObjectPlan, column: Column, rules: MaskRules) -> Column:
    kind, named = rules.kind_of(plan.api_name, plan.stream_name, column.api_name, column.property)
    if not kind:
        return column
    if column.automatic or column.api_name in {"Id", "IsDeleted"}:
        if named:
            raise ConfigError(
                "mask",
                f"{plan.api_name}.{column.api_name} cannot be masked: the sync finds rows, changes and deletions by it",
                "Remove it; a stream map can still change how it goes out.",
            )
        return column
    if kind == _DROP:
        return dataclasses.replace(column, unsupported=column.unsupported or DROPPED)
    mask = rules.mask(kind)
    return dataclasses.replace(column, mask=mask, schema=mask.schema(column.schema))


def _with_owner(column: Column, rules: MaskRules, columns: Sequence[Column]) -> Column:
    """A name's field is masked as the object's that has the name, which its type tells."""
    if column.api_name == _OWNER:
        owned = any(rules.of_name(other) for other in columns if other.api_name not in _NOT_OF_OWNER)
        return dataclasses.replace(column, automatic=column.automatic or owned)
    if column.api_name in _NOT_OF_OWNER or column.mask is not None:
        return column
    of_owner = rules.of_name(column)
    if of_owner is None:
        return column
    return dataclasses.replace(column, mask_of_owner=of_owner)
