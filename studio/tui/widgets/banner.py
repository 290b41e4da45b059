"""What the author has to know before anything else: a question, a pause, an end, a book held elsewhere."""

from textual.content import Content
from textual.widgets import Static

from studio.agent.progress import Progress
from studio.tui.fit import shown

_LONGEST = 1_200  # characters of a question or an error


class Banner(Static):
    """Some lines above the steering line; not there when there is nothing to say."""

    DEFAULT_CSS = """
    Banner {
        display: none; height: auto; max-height: 8; padding: 0 2; margin: 0 1;
        background: $panel; color: $foreground; border-left: thick $warning;
        &.bad { border-left: thick $error; }
        &.good { border-left: thick $success; }
    }
    """

    def __init__(self, *, held_by: str, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._held_by = held_by
        self._said: tuple[str, str, str] | None = None

    def show(self, progress: Progress, *, asked: str, ended: bool) -> None:
        """Say what there is to say; `asked` as for the gauge, `ended` once nothing works on the book any more."""
        said = self._message(progress, asked, ended)
        if said == self._said:
            return
        self._said = said
        self.display = said is not None
        if said is not None:
            look, head, text = said
            self.set_class(look == "bad", "bad")
            self.set_class(look == "good", "good")
            tint = {"bad": "$error", "good": "$success"}.get(look, "$warning")
            text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
            self.update(Content.assemble((head, f"bold {tint}"), "  ", shown(text)))

    def _message(self, progress: Progress, asked: str, ended: bool) -> tuple[str, str, str] | None:
        """(look, heading, text), or None."""
        if self._held_by:
            return "", "read only", f"{self._held_by} You can read along; keys that change something do nothing here."
        if progress.state == "finished":
            return "good", "■ finished", f"{progress.detail}  —  q leaves."
        if progress.state == "failed":
            return "bad", "! failed", f"{progress.detail}  —  Everything is kept; q leaves."
        if ended:
            return "", "■ stopped", "The run has ended; everything is saved. q leaves."
        if progress.question:
            return "", "? the agent asks", f"{progress.question}\n(i, your answer, Enter)"
        if progress.state == "paused":
            return "", "‖ paused", f"{progress.detail}  —  Space goes on."
        if progress.state == "retrying":
            return "bad", "! retrying", progress.detail
        return None
