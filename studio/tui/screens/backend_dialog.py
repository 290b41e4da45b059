"""The dialog that switches the backend."""

from typing import ClassVar, NamedTuple

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from studio.agent.commands import BackendCard, BackendChoice
from studio.tui.fit import one_line, pad
from studio.tui.screens.dialog import Dialog
from studio.tui.widgets.line_field import LineField
from studio.tui.widgets.tick_field import TickField


class Switch(NamedTuple):
    """What the author decided."""

    choice: BackendChoice
    cut: bool  # cut the reply in flight instead of awaiting its end


class BackendDialog(Dialog[Switch]):
    """Which backend answers from the next step on, and whether the reply in flight ends first."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("enter", "switch", "Switch", show=False)]

    def __init__(self, cards: list[BackendCard], current: str) -> None:
        super().__init__()
        self._cards = cards
        self._current = current

    def compose(self) -> ComposeResult:
        """The presets, then what may be said of the one chosen."""
        with Vertical() as box:
            box.border_title = Content("Another backend, after the reply in flight")
            box.border_subtitle = Content("Enter switches · Tab next field · Space ticks · Esc leaves")
            yield OptionList(*(Option(self._row(card), id=card.name) for card in self._cards), markup=False)
            yield Static("\nModel (empty: the backend's own)", markup=False)
            yield LineField(id="model")
            yield Static("Address (empty: the backend's own)", markup=False)
            yield LineField(id="base-url", placeholder="http://127.0.0.1:8080/v1")
            yield TickField("at once: cut the reply, keep what arrived", id="cut")
            yield Static("", classes="problem", markup=False)

    def _row(self, card: BackendCard) -> Content:
        wide = max(cell_len(one_line(card.name)) for card in self._cards)
        mark, tint = ("●", "$success") if card.ready else ("○", "$text-muted")
        return Content.assemble((f"{mark} ", tint), pad(card.name, wide), "  ", (one_line(card.summary), "$text-muted"))

    def on_mount(self) -> None:
        """Begin at the one in use."""
        names = [card.name for card in self._cards]
        if self._current in names:
            self.query_one(OptionList).highlighted = names.index(self._current)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Enter on a backend."""
        event.stop()
        self.action_switch()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Enter in a field."""
        event.stop()
        self.action_switch()

    def action_switch(self) -> None:
        """Enter anywhere else."""
        number = self.query_one(OptionList).highlighted
        if number is None:
            return
        card = self._cards[number]
        model = self.query_one("#model", LineField).value.strip()
        base_url = self.query_one("#base-url", LineField).value.strip()
        if card.needs_base_url and not base_url:
            self.query_one(".problem", Static).update(Content(f"{one_line(card.name)} needs an address."))
            self.query_one("#base-url").focus()
            return
        choice = BackendChoice(backend=card.name, model=model or None, base_url=base_url or None)
        self.dismiss(Switch(choice, cut=self.query_one(TickField).ticked))
