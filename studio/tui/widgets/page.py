"""A page of Markdown, set for reading at whatever width it has."""

from textual.content import Content
from textual.geometry import Size
from textual.widget import Widget

from studio.tui.sheet_looks import told_page


class Page(Widget):
    """As high as its text."""

    DEFAULT_CSS = """
    Page { width: 100%; height: auto; color: $foreground; }
    """

    def __init__(self, text: str = "", *, id: str | None = None, classes: str | None = None) -> None:
        super().__init__(id=id, classes=classes)
        self._text = text
        self._set: tuple[int, Content] = (-1, Content(""))

    def show(self, text: str) -> None:
        """Another text."""
        if text != self._text:
            self._text, self._set = text, (-1, Content(""))
            self.refresh(layout=True)

    def _told(self, width: int) -> Content:
        if self._set[0] != width:
            self._set = width, told_page(self._text, width)
        return self._set[1]

    def get_content_height(self, container: Size, viewport: Size, width: int) -> int:
        """Its rows."""
        return self._told(width).plain.count("\n") + 1

    def render(self) -> Content:
        """The text."""
        return self._told(self.content_size.width)
