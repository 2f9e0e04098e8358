"""The picker's screens: objects, and the fields of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

from rich.text import Text
from textual.app import App, ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import DataTable, Input, Static

from sfsource.errors import SfsourceError
from sfsource.pick.dialogs import Presets, Question
from sfsource.pick.presets import PRESETS
from sfsource.pick.rows import cost_line, field_cells, found, object_cells
from tap_sfsource.errors import TapError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from textual.binding import BindingType

    from sfsource.pick.choice import Choice
    from sfsource.pick.cost import Costs
    from sfsource.pick.objects import FieldItem, ObjectItem
    from tap_sfsource.catalog.plan import SObjectPlan

_PADDING: Final = 2
_SCROLLBAR: Final = 2
_LEAST: Final = 8

_CSS = """
Screen { layout: vertical; }
#title { height: 1; text-style: bold; }
#search { height: 1; border: none; padding: 0; background: $surface; }
#search:focus { border: none; }
DataTable { height: 1fr; }
#cost { height: 1; }
#help { height: 1; color: $text-muted; }
ModalScreen { align: center middle; }
#box { width: 50; height: auto; max-height: 12; border: round $primary; padding: 0 1; background: $surface; }
OptionList { border: none; height: auto; }
"""


class Search(Input):
    """What is searched for. The keys that leave it go before the queue, so that the next key is already the list's."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "submit", priority=True),
        Binding("down", "submit", priority=True),
    ]

    async def action_submit(self) -> None:
        """Go to what was found."""
        self.screen.set_focus(self.screen.query_one(DataTable))


class Listing(Screen[None]):
    """A table with a search above it, and a line of costs and one of keys below it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        # Before the list has the key, so that what is typed behind it is already the search's.
        Binding("slash", "search", priority=True),
        Binding("space", "pick"),
        Binding("escape", "back", priority=True),
        Binding("q", "back"),
    ]
    AUTO_FOCUS = "DataTable"
    keys: ClassVar[str] = ""

    def __init__(self, title: str, columns: Sequence[tuple[str, int]]) -> None:
        super().__init__()
        self._title = title
        self._columns = columns
        self._search = ""

    def compose(self) -> ComposeResult:
        """Make the lines."""
        yield Static(self._title, id="title", markup=False)
        yield Search(placeholder="/ searches by name and label", id="search", compact=True)
        yield DataTable(cursor_type="row", zebra_stripes=False)
        yield Static("", id="cost", markup=False)
        yield Static(self.keys, id="help", markup=False)

    @property
    def picker(self) -> Picker:
        """The app."""
        assert isinstance(self.app, Picker)
        return self.app

    @property
    def table(self) -> DataTable[Text]:
        """The table."""
        return self.query_one(DataTable)

    @property
    def current(self) -> str | None:
        """The key of the line that the cursor is on, of those that are searched for by now."""
        self.search()
        if not self.table.row_count:
            return None
        return self.table.coordinate_to_cell_key(self.table.cursor_coordinate).row_key.value

    def on_mount(self) -> None:
        """Fill the table."""
        fixed = sum(width + _PADDING for _, width in self._columns) + _SCROLLBAR
        for heading, width in self._columns:
            self.table.add_column(
                heading, width=width or max(_LEAST, self.app.size.width - fixed), key=heading
            )
        self.fill()

    def fill(self) -> None:
        """Show the lines that are searched for."""
        self.table.clear()
        for key, cells in self.lines(self._search):
            self.table.add_row(*map(Text, cells), key=key)
        self.tell()

    def lines(self, search: str) -> list[tuple[str, tuple[str, ...]]]:
        """Key and cells of each line."""
        raise NotImplementedError

    def tell(self) -> None:
        """Renew the line of costs."""
        self.query_one("#cost", Static).update(self.picker.cost_line())

    def renew(self, key: str, cells: Sequence[str]) -> None:
        """Show a line anew."""
        for (heading, _), cell in zip(self._columns, cells, strict=True):
            self.table.update_cell(key, heading, Text(cell))
        self.tell()

    def action_search(self) -> None:
        """Type what is searched for."""
        box = self.query_one("#search", Input)
        if box.has_focus:
            box.insert_text_at_cursor("/")
        self.set_focus(box)

    def on_input_changed(self) -> None:
        """Search while it is typed."""
        self.search()

    def search(self) -> None:
        """Show what is searched for, if that is not shown yet."""
        typed = self.query_one("#search", Input).value
        if typed != self._search:
            self._search = typed
            self.fill()

    def leave_search(self) -> bool:
        """Leave the search, and forget it; false where nothing is searched for."""
        box = self.query_one("#search", Input)
        if not box.has_focus and not box.value:
            return False
        box.value = ""
        self.search()
        self.set_focus(self.table)
        return True

    def action_back(self) -> None:
        """Leave the search, else the screen."""
        if not self.leave_search():
            self.leave()

    def leave(self) -> None:
        """Leave the screen."""
        raise NotImplementedError

    def action_pick(self) -> None:
        """Pick the line, or drop it."""
        raise NotImplementedError


class Objects(Listing):
    """The objects of the org."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "presets"),
        Binding("n", "new_fields"),
        Binding("w", "write"),
    ]
    keys = "space pick  enter fields  / search  p preset  n new fields  w write  q quit"

    def __init__(self, title: str) -> None:
        columns = (("   ", 3), ("object", 26), ("label", 0), ("rows".rjust(11), 11), ("calls".rjust(6), 6))
        super().__init__(title, columns)

    def lines(self, search: str) -> list[tuple[str, tuple[str, ...]]]:
        """See `Listing.lines`."""
        return [
            (name, self.picker.object_cells(name))
            for name, item in self.picker.choice.objects.items()
            if found(search, name, item.label, item.stream)
        ]

    def action_pick(self) -> None:
        """See `Listing.action_pick`."""
        name = self.current
        if name is None:
            return
        if reason := self.picker.choice.objects[name].unsupported:
            self.query_one("#cost", Static).update(f"{name}: {reason}")
            return
        self.picker.choice.toggle(name)
        self.renew(name, self.picker.object_cells(name))

    def on_data_table_row_selected(self) -> None:
        """Look at an object's fields."""
        name = self.current
        if name is None:
            return
        item = self.picker.choice.objects[name]
        if item.unsupported:
            self.query_one("#cost", Static).update(f"{name}: {item.unsupported}")
            return
        try:
            fields = self.picker.look_at(item)
        except (TapError, SfsourceError) as error:
            self.query_one("#cost", Static).update(" ".join(str(error).split()))
            return
        self.app.push_screen(Fields(item, fields), lambda _: self.renew(name, self.picker.object_cells(name)))

    def action_presets(self) -> None:
        """Start from a preset."""
        self.app.push_screen(Presets(), self._take_preset)

    def _take_preset(self, name: str | None) -> None:
        if name is not None:
            self.picker.choice.pick_only(PRESETS[name])
            self.fill()

    def action_new_fields(self) -> None:
        """Say what becomes of fields that the org gets later."""
        told = self.picker.choice.next_new_fields()
        self.query_one("#cost", Static).update(f"Fields that the org gets later: {told}")

    def action_write(self) -> None:
        """Leave with what is picked."""
        self.app.exit(True)

    def leave(self) -> None:
        """See `Listing.leave`."""
        if self.picker.choice.changed:
            self.app.push_screen(Question("Leave without writing?  y / n"), self._answered)
        else:
            self.app.exit(False)

    def _answered(self, answer: bool | None) -> None:
        if answer:
            self.app.exit(False)


class Fields(Listing):
    """The fields of one object."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("m", "mask"),
        Binding("a", "all"),
        Binding("p", "mask_personal"),
    ]
    keys = "space pick  a all/none  m mask (hash null drop keep)  p PII  / search  q back"

    def __init__(self, item: ObjectItem, fields: Sequence[FieldItem]) -> None:
        columns = (("   ", 3), ("field", 22), ("type", 9), ("mask", 4), ("known", 12), ("label", 0))
        super().__init__(f"{item.api_name} · {item.label}", columns)
        self._item = item
        self._fields = {part.api_name: part for part in fields}

    def lines(self, search: str) -> list[tuple[str, tuple[str, ...]]]:
        """See `Listing.lines`."""
        return [
            (name, self._cells(part))
            for name, part in self._fields.items()
            if found(search, name, part.label, part.type, part.personal and f"pii {part.personal}")
        ]

    def _cells(self, part: FieldItem) -> tuple[str, ...]:
        return field_cells(self._item, part, self.picker.choice)

    def action_pick(self) -> None:
        """See `Listing.action_pick`."""
        self._change(self.picker.choice.toggle_field)

    def action_mask(self) -> None:
        """Give the field the next mask."""
        self._change(self.picker.choice.mask_next)

    def _change(self, change: Callable[[str, FieldItem], None]) -> None:
        name = self.current
        if name is None:
            return
        part = self._fields[name]
        change(self._item.api_name, part)
        self.renew(name, self._cells(part))

    def action_all(self) -> None:
        """Read all fields, or as few as can be."""
        choice = self.picker.choice
        usual = {name for name, part in self._fields.items() if part.default and not part.unsupported}
        choice.set_all_fields(self._item.api_name, read=not usual <= choice.fields[self._item.api_name])
        self.fill()

    def action_mask_personal(self) -> None:
        """Mask every field that may be about a person and has no mask yet."""
        self.picker.choice.mask_personal(self._item.api_name)
        self.fill()

    def leave(self) -> None:
        """See `Listing.leave`."""
        self.dismiss()


class Picker(App[bool]):
    """The picker; it ends with true where what is picked is to be written."""

    CSS = _CSS
    ENABLE_COMMAND_PALETTE = False

    def __init__(
        self,
        title: str,
        choice: Choice,
        costs: Costs,
        describe: Callable[[ObjectItem], tuple[SObjectPlan, list[FieldItem]]],
        daily_calls: int,
    ) -> None:
        super().__init__()
        self._heading = title
        self.choice = choice
        self.costs = costs
        self._describe = describe
        self._daily_calls = daily_calls
        self._described: dict[str, list[FieldItem]] = {}

    def on_mount(self) -> None:
        """Show the objects."""
        self.push_screen(Objects(self._heading))

    def look_at(self, item: ObjectItem) -> list[FieldItem]:
        """The fields of an object, described when it is first looked at. Raises TapError."""
        if item.api_name not in self._described:
            plan, fields = self._describe(item)
            self._described[item.api_name] = fields
            self.costs.know(plan)
            self.choice.look_at(item.api_name, fields)
        return self._described[item.api_name]

    def object_cells(self, name: str) -> tuple[str, ...]:
        """The line of an object."""
        return object_cells(self.choice.objects[name], self.choice, self.costs.alone(name))

    def cost_line(self) -> str:
        """What is picked, and its cost."""
        first, day = self.costs.of(self.choice.selected, self.choice.fields)
        return cost_line(self.choice, first, day, self._daily_calls)
