"""The last line of a screen: which keys do what, as many as there is room for; a click does the same."""

from collections.abc import Iterable

from rich.cells import cell_len
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widget import Widget

_LAST = 2  # keys at the end that always stay: help and quit
_GAPS = ("   ", "  ", " ")


class KeyLine(Widget):
    """One line, made from bindings: those with `show`, in order."""

    DEFAULT_CSS = """
    KeyLine { height: 1; padding: 0 2; background: $background; }
    """

    def __init__(self, bindings: Iterable[BindingType], *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._drawn: list[Binding] = []
        self._places: list[tuple[int, int, str]] = []  # (first cell, last cell, action) of each key drawn
        self.show(bindings)

    def show(self, bindings: Iterable[BindingType]) -> None:
        """Other keys."""
        self._drawn = [binding for binding in bindings if isinstance(binding, Binding) and binding.show]
        self.refresh()

    def render(self) -> Content:
        """The keys."""
        kept, gap = self._fitting(self.size.width)
        parts: list[Content | str | tuple[str, str]] = []
        self._places = []
        at = 0
        for binding in kept:
            key, what = _label(binding)
            end = at + cell_len(f"{key} {what}")
            self._places.append((at, end, binding.action))
            parts += [(key, "bold $primary"), (f" {what}", "$text-muted"), gap]
            at = end + len(gap)
        return Content.assemble(*parts[:-1])

    def _fitting(self, width: int) -> tuple[list[Binding], str]:
        kept = list(self._drawn)
        while True:
            taken = sum(cell_len(" ".join(_label(binding))) for binding in kept)
            for gap in _GAPS:
                if taken + len(gap) * (len(kept) - 1) <= width or len(kept) <= _LAST:
                    return kept, gap
            del kept[-_LAST - 1]

    async def on_click(self, event: events.Click) -> None:
        """As if the key had been pressed."""
        at = event.x - self.styles.padding.left
        for first, last, action in self._places:
            if first <= at < last:
                await self.app.run_action(action, default_namespace=self.screen)
                return


def _label(binding: Binding) -> tuple[str, str]:
    return binding.key_display or binding.key, binding.description
