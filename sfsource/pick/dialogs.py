"""What the picker asks on top of a screen."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding
from textual.containers import Vertical
from textual.screen import ModalScreen
from textual.widgets import OptionList, Static

from sfsource.pick.presets import PRESETS

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.binding import BindingType


class Presets(ModalScreen[str | None]):
    """Selections to start from."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,q", "dismiss_none")]

    def compose(self) -> ComposeResult:
        """Make the list."""
        with Vertical(id="box"):
            yield Static("Pick only (enter takes it, q leaves):", markup=False)
            yield OptionList(*PRESETS)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Take a preset."""
        self.dismiss(str(event.option.prompt))

    def action_dismiss_none(self) -> None:
        """Take none."""
        self.dismiss(None)


class Question(ModalScreen[bool]):
    """A question that y or n answers."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "answer(True)"),
        Binding("n,escape,q", "answer(False)"),
    ]

    def __init__(self, text: str) -> None:
        super().__init__()
        self._text = text

    def compose(self) -> ComposeResult:
        """Ask."""
        with Vertical(id="box"):
            yield Static(self._text, markup=False)

    def action_answer(self, yes: bool) -> None:
        """Answer."""
        self.dismiss(yes)
