"""The desk's first line: the book, what the run is doing and who writes it, and the step."""

from rich.cells import cell_len
from textual.content import Content
from textual.widget import Widget

from studio.agent.progress import Progress
from studio.tui.fit import fit, one_line
from studio.tui.widgets.gauge import state_words

_TITLE = 20  # cells that the title keeps beside what the model is called


class DeskHeader(Widget):
    """One line."""

    DEFAULT_CSS = """
    DeskHeader { height: 1; padding: 0 2; background: $surface; }
    """

    def __init__(self, book: str, *, id: str | None = None) -> None:
        """`book`: its folder's name, shown until it has a title."""
        super().__init__(id=id)
        self._book = book
        self._content = Content("")

    def show(self, progress: Progress, *, asked: str, left: int) -> None:
        """Draw it anew; `asked` and `left` as for the gauge."""
        content = header_line(progress, self._book, self.size.width, asked=asked, left=left)
        if not content.is_same(self._content):
            self._content = content
            self.refresh()

    def render(self) -> Content:
        """The line."""
        return self._content


def header_line(progress: Progress, book: str, width: int, *, asked: str = "", left: int = 0) -> Content:
    """The title left, `writing · model @ backend` in the middle; right the open questions, the gate and the step."""
    state, tint = state_words(progress, asked, left)
    where = one_line(f"{progress.model} @ {progress.backend}") if progress.backend else ""
    count = len(progress.questions.open)
    marks = [
        f"? {count}" if count else "",
        f"gate: {one_line(progress.gate)}" if progress.gate != "free" else "",
        f"step {progress.step}/{progress.limit}" if progress.limit else "",
    ]
    step = " · ".join(mark for mark in marks if mark)
    named = min(cell_len(one_line(progress.title or book)), _TITLE)
    room = min(width // 2, width - cell_len(step) - named - 6) - cell_len(state)
    where = fit(f" · {where}" if state and where else where, max(0, room))
    middle = cell_len(state) + cell_len(where)
    title = fit(progress.title or book, max(8, width - middle - len(step) - 6))
    used = cell_len(title) + middle + len(step)
    left = max(3, min((width - middle) // 2 - cell_len(title), width - used - 3))
    right = max(1, width - used - left)
    return Content.assemble(
        (title, "bold $primary"), " " * left, (state, f"bold {tint}"), (where, "$text-muted"), " " * right, step
    )
