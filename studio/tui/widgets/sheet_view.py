"""A file of the bible to be read: its sections side by side where it has them, else as one page."""

import asyncio

from textual.app import ComposeResult
from textual.containers import Container, VerticalScroll
from textual.content import Content

from studio.agent.board import Sheet
from studio.tui.fit import one_line
from studio.tui.sheet_looks import sections_of
from studio.tui.widgets.page import Page

_NARROW = 46  # cells of a section, at least
_MOST = 4  # side by side


class SheetView(VerticalScroll):
    """Takes the keys to scroll by."""

    DEFAULT_CSS = """
    SheetView {
        border: round $border-blurred;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        background: $background;
        padding: 0 1;
        scrollbar-size-vertical: 1;
        scrollbar-color: $border-blurred;
        scrollbar-background: $background;
        &:focus { border: round $border; border-title-color: $foreground; border-title-style: bold; }
    }
    SheetView #page { max-width: 100; padding: 1 1; }
    SheetView #sections { layout: grid; grid-size: 3; grid-rows: auto; grid-gutter: 0 1; height: auto; }
    SheetView .section {
        padding: 0 1;
        border: round $border-blurred; border-title-color: $primary; border-title-style: bold;
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._shown: Sheet | None = None
        self._showing = asyncio.Lock()

    def compose(self) -> ComposeResult:
        """What stands before the sections, and they."""
        yield Page(id="page")
        yield Container(id="sections")

    async def show(self, sheet: Sheet) -> None:
        """Show a file; the one that is shown already stays where the author is reading it."""
        async with self._showing:
            if sheet != self._shown:
                await self._show(sheet)

    async def _show(self, sheet: Sheet) -> None:
        is_another = self._shown is None or sheet.name != self._shown.name
        self._shown = None  # until all of it stands: this may be cut short
        before, sections = sections_of(sheet.text)
        if len(sections) < 2:
            before, sections = sheet.text, []
        self.border_title = Content(one_line(sheet.name))
        page = self.query_one("#page", Page)
        page.show(before if before.strip() else "Nothing stands here yet.")
        page.display = bool(before.strip()) or not sections
        box = self.query_one("#sections", Container)
        box.display = bool(sections)
        await box.remove_children()
        panels = []
        for name, text in sections:
            panel = Page(text, classes="section")
            panel.border_title = Content(one_line(name))
            panels.append(panel)
        await box.mount_all(panels)
        self._shown = sheet
        self._arrange()
        if is_another:
            self.scroll_home(animate=False)

    def on_resize(self) -> None:
        """As many side by side as there is room for."""
        self._arrange()

    def _arrange(self) -> None:
        box = self.query_one("#sections", Container)
        columns = max(1, min(_MOST, (self.size.width - 2) // _NARROW, len(box.children) or 1))
        box.styles.grid_size_columns = columns
