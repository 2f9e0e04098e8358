"""What is picked: objects, fields, masks; read from a catalog, and written as one that holds the selection only."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, Final

from tap_sfsource.catalog.keys import API_NAME
from tap_sfsource.catalog.naming import COLLECTIONS
from tap_sfsource.catalog.selection import StreamSelection, read_catalog
from tap_sfsource.catalog.types import TEXT_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sfsource.pick.objects import FieldItem, ObjectItem

MASKS: Final = ("", "hash", "null", "drop", "keep")
"""What a field's values become, in the order in which a key goes through them; empty: what patterns say."""

NEW_FIELDS: Final = ("include", "exclude")


@dataclass
class Choice:
    """What is picked.

    Attributes:
        selected: API names of objects.
        fields: API names of objects whose fields were looked at to those that are read.
        masks: `Object.Field`, or a pattern, to what its values become.
        new_fields: What becomes of fields that the org gets later; empty where settings say it by object.
        others: Entries of the catalog that are of no object of the org; they stay.
    """

    objects: Mapping[str, ObjectItem]
    selected: set[str] = field(default_factory=set)
    fields: dict[str, set[str]] = field(default_factory=dict)
    masks: dict[str, str] = field(default_factory=dict)
    new_fields: str = NEW_FIELDS[0]
    others: list[dict[str, Any]] = field(default_factory=list)
    _known: dict[str, list[FieldItem]] = field(default_factory=dict, repr=False)
    _given: dict[str, tuple[StreamSelection, dict[str, Any]]] = field(default_factory=dict, repr=False)
    _before: Any = field(default=None, repr=False)

    def begin(self) -> None:
        """What is picked now is no change."""
        self._before = self._state()

    @property
    def changed(self) -> bool:
        """Whether anything is picked otherwise than at the beginning."""
        return bool(self._state() != self._before)

    def take_catalog(self, catalog: Mapping[str, Any]) -> None:
        """Pick what a catalog selects. Raises CatalogError."""
        by_stream = {item.stream: name for name, item in self.objects.items()}
        for selection, entry in zip(read_catalog(catalog), catalog["streams"], strict=True):
            api_name = selection.api_name or by_stream.get(selection.stream_name) or selection.stream_name
            if api_name not in self.objects:
                self.others.append(entry)
                continue
            self._given[api_name] = (selection, entry)
            if selection.selected:
                self.selected.add(api_name)

    def toggle(self, api_name: str) -> None:
        """Pick an object, or drop it."""
        self.selected ^= {api_name}

    def pick_only(self, api_names: Iterable[str]) -> None:
        """Pick these objects, as far as the org has them, and no others."""
        self.selected = {
            name for name in api_names if name in self.objects and not self.objects[name].unsupported
        }

    def look_at(self, api_name: str, fields: Sequence[FieldItem]) -> None:
        """Take an object's fields, which have been described."""
        if api_name in self.fields:
            return
        self._known[api_name] = list(fields)
        given = self._given.get(api_name)
        self.fields[api_name] = {
            part.api_name
            for part in fields
            if part.automatic or (not part.unsupported and _is_read(part, given[0] if given else None))
        }
        if self._before is not None:
            # To look is no change.
            self._before["fields"][api_name] = set(self.fields[api_name])

    def toggle_field(self, api_name: str, part: FieldItem) -> None:
        """Read a field, or leave it out; what is always read stays."""
        if not part.automatic and not part.unsupported:
            self.fields[api_name] ^= {part.api_name}

    def set_all_fields(self, api_name: str, *, read: bool) -> None:
        """Read all fields of an object, or those only that are always read."""
        self.fields[api_name] = {
            part.api_name
            for part in self._known[api_name]
            if part.automatic or (read and not part.unsupported and part.default)
        }

    def mask_next(self, api_name: str, part: FieldItem) -> None:
        """Give a field the next mask; what rows are told apart by has none."""
        if part.automatic or part.unsupported:
            return
        name = f"{api_name}.{part.api_name}"
        following = MASKS[(MASKS.index(self.masks.get(name, "")) + 1) % len(MASKS)]
        if following:
            self.masks[name] = following
        else:
            del self.masks[name]

    def mask_of(self, api_name: str, part: FieldItem) -> str:
        """What a field's values become: by its own name, else by the last pattern that means it; empty for no mask."""
        name = f"{api_name}.{part.api_name}"
        by_pattern = [
            kind for pattern, kind in self.masks.items() if fnmatchcase(name.lower(), pattern.lower())
        ]
        return self.masks.get(name) or (by_pattern[-1] if by_pattern else "")

    def next_new_fields(self) -> str:
        """Choose the other thing that can become of fields that the org gets later."""
        self.new_fields = NEW_FIELDS[1] if self.new_fields == NEW_FIELDS[0] else NEW_FIELDS[0]
        return self.new_fields

    def mask_personal(self, api_name: str) -> None:
        """Mask every field of an object that may be about a person and has no mask yet: texts by hashes, others by null."""
        for part in self._known[api_name]:
            if (
                part.personal
                and not part.automatic
                and not part.unsupported
                and not self.mask_of(api_name, part)
            ):
                self.masks[f"{api_name}.{part.api_name}"] = "hash" if part.type in TEXT_TYPES else "null"

    def settings(self) -> dict[str, Any]:
        """The tap's settings that are picked here."""
        new_fields = {"new_fields": self.new_fields} if self.new_fields else {}
        return {"mask": dict(self.masks), **new_fields}

    def catalog(self) -> dict[str, Any]:
        """A catalog that holds the selection only, in the order of the streams' names; entries of no object come last."""
        picked = sorted((self.objects[name] for name in self.selected), key=lambda item: item.stream)
        others = [
            {"tap_stream_id": selection.stream_name, "metadata": _kept(selection, entry)}
            for entry in self.others
            for selection in read_catalog({"streams": [entry]})
            if selection.selected
        ]
        return {"streams": [*(self._entry(item) for item in picked), *others]}

    def select_lines(self) -> list[str]:
        """The same as lines of Meltano's `select`."""
        lines: list[str] = []
        for entry in self.catalog()["streams"]:
            stream = entry["tap_stream_id"]
            marks = [
                (part["breadcrumb"][1], part["metadata"].get("selected"))
                for part in entry["metadata"]
                if len(part["breadcrumb"]) > 1
            ]
            if ("*", False) in marks:
                lines += [f"{stream}.{name}" for name, read in marks if read]
            else:
                lines += [f"{stream}.*", *(f"!{stream}.{name}" for name, read in marks if read is False)]
        return lines

    def _entry(self, item: ObjectItem) -> dict[str, Any]:
        given = self._given.get(item.api_name)
        root: dict[str, Any] = {"selected": True} if given is None else _kept_root(*given)
        if item.api_name not in COLLECTIONS:
            root[API_NAME] = item.api_name
        return {
            "tap_stream_id": item.stream,
            "metadata": [{"breadcrumb": [], "metadata": root}, *self._marks(item.api_name)],
        }

    def _marks(self, api_name: str) -> list[dict[str, Any]]:
        before = self._before["fields"].get(api_name) if self._before else None
        given = self._given.get(api_name)
        looked_at = api_name in self.fields
        if given is not None and (not looked_at or self.fields[api_name] == before):
            return _kept_marks(*given)
        if not looked_at:
            return []
        read = self.fields[api_name]
        usual = [part for part in self._known[api_name] if not part.automatic and not part.unsupported]
        off = [part for part in usual if part.default and part.api_name not in read]
        on = [part for part in usual if part.api_name in read]
        if len(off) > len(on):
            return [_mark("*", selected=False), *(_mark(part.property, selected=True) for part in on)]
        more = [part for part in on if not part.default]
        return [
            *(_mark(part.property, selected=False) for part in off),
            *(_mark(part.property, selected=True) for part in more),
        ]

    def _state(self) -> dict[str, Any]:
        return copy.deepcopy(
            {
                "selected": self.selected,
                "fields": self.fields,
                "masks": self.masks,
                "new_fields": self.new_fields,
            }
        )


def _is_read(part: FieldItem, selection: StreamSelection | None) -> bool:
    return (
        part.default
        if selection is None
        else selection.reads(part.api_name, part.property, default=part.default)
    )


def _kept_marks(selection: StreamSelection, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The marks of an entry as they are; of one with a schema those of the properties that are left out."""
    if not selection.is_full:
        return [copy.deepcopy(part) for part in entry.get("metadata") or () if part.get("breadcrumb")]
    kinds = {
        name: mark
        for name, mark in selection.exact.items()
        if mark.inclusion not in {"unsupported", "automatic"}
    }
    off = [name for name, mark in kinds.items() if mark.verdict is False]
    on = [name for name, mark in kinds.items() if mark.verdict]
    if len(off) > len(on):
        return [_mark("*", selected=False), *(_mark(name, selected=True) for name in on)]
    return [_mark(name, selected=False) for name in off]


def _kept(selection: StreamSelection, entry: Mapping[str, Any]) -> list[dict[str, Any]]:
    return [
        {"breadcrumb": [], "metadata": _kept_root(selection, entry)},
        *_kept_marks(selection, entry),
    ]


def _kept_root(selection: StreamSelection, entry: Mapping[str, Any]) -> dict[str, Any]:
    """The marks of an entry's stream; of one with a schema nothing but that it is selected."""
    parts = [part for part in entry.get("metadata") or () if not part.get("breadcrumb")]
    return {**(parts[0]["metadata"] if parts and not selection.is_full else {}), "selected": True}


def _mark(name: str, *, selected: bool) -> dict[str, Any]:
    return {"breadcrumb": ["properties", name], "metadata": {"selected": selected}}
