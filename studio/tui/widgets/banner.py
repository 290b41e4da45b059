"""What the author has to know before anything else: a question, a pause, an end, a book held elsewhere."""

import re

from rich.cells import cell_len
from textual.content import Content
from textual.widgets import Static

from studio.agent.progress import Progress
from studio.tui.countdown import again
from studio.tui.fit import fit, shown

_DIGIT = re.compile("[0-9]")
_LONGEST = 1_200  # characters of a question or an error
_BESIDE = 170  # cells of a question while the run goes on: the desk is for reading what it writes
_WHY, _BOTH = 220, 310  # cells of a pause's reason, and with the question below it: what goes on has to find room too
_FAULT = 280  # cells of a fault: the line below it, with what the author can do, has to find room on the smallest desk


class Banner(Static):
    """Some lines above the steering line; not there when there is nothing to say."""

    DEFAULT_CSS = """
    Banner {
        display: none; height: auto; max-height: 8; padding: 0 2;
        background: $panel; color: $foreground; border-left: thick $warning;
        &.bad { border-left: thick $error; }
        &.good { border-left: thick $success; }
    }
    """

    def __init__(self, *, held_by: str, id: str | None = None) -> None:
        super().__init__("", id=id, markup=False)
        self._held_by = held_by
        self._said: tuple[str, str, str] | None = None

    def show(self, progress: Progress, *, asked: str, left: int, ended: bool, answering: bool = False) -> None:
        """Say what there is to say.

        Args:
            asked: as for the gauge, and `left` too.
            ended: nothing works on the book any more.
            answering: the author is at the line that answers.
        """
        said = self._message(progress, asked or again(left), ended, answering)
        if said == self._said:
            return
        # A countdown changes digits only: each takes one cell as before, and the desk need not be laid out anew.
        same_size = said is not None and self._said is not None and _sizes(said) == _sizes(self._said)
        self._said = said
        self.display = said is not None
        if said is not None:
            look, head, text = said
            self.set_class(look == "bad", "bad")
            self.set_class(look == "good", "good")
            tint = {"bad": "$error", "good": "$success"}.get(look, "$warning")
            text = text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
            self.update(Content.assemble((head, f"bold {tint}"), "  ", shown(text)), layout=not same_size)

    def _message(self, progress: Progress, when: str, ended: bool, answering: bool) -> tuple[str, str, str] | None:
        """(look, heading, text), or None; `when`: what is said of a call that failed."""
        if self._held_by:
            return "", "read only", f"{self._held_by} You can read along; keys that change something do nothing here."
        if progress.state == "finished":
            return "good", "■ finished", f"{progress.detail}  —  q leaves."
        if progress.state == "failed":
            return "bad", "! failed", f"{progress.detail}  —  Everything is kept; q leaves."
        if ended:
            return "", "■ stopped", "The run has ended; everything is saved. q leaves."
        if progress.questions.waiting:
            return "", "? the agent asks", f"{progress.question}\n(i, your answer, Enter)"
        question = _queued(progress)
        if progress.state == "paused" and progress.paused_by == "fault":
            return "bad", "‖ paused", f"{_fault(progress)}\nr tries again, b another backend."
        if progress.state == "paused" and progress.paused_by == "disk":
            return "bad", "‖ paused", f"{_fault(progress)}\nIt goes on by itself when the disk takes it; r tries now."
        if progress.disk_fault:
            said = fit(" ".join(progress.disk_fault.split()), _FAULT)
            return "bad", "! disk", f"{said}\nThe run pauses after this reply; keep the studio open."
        if question and answering:
            return "", question, progress.question
        if progress.state == "paused" and question:
            why, asked = (" ".join(text.split()) for text in (progress.detail, progress.question))
            why = fit(why, _WHY)
            below = f"{question}  {fit(asked, _BOTH - cell_len(why))}\n(i answers, Tab there turns it to a note)"
            return "", "‖ paused", f"{why}  —  Space goes on.\n{below}"
        if progress.state == "paused":
            return "", "‖ paused", f"{progress.detail}  —  Space goes on."
        if progress.state == "turn":
            return "", "› your turn", "i answers; G, or the word go, has the book written."
        if progress.state == "retrying":
            return "bad", "! retrying", f"{_fault(progress)}\n{when} — r tries now, b another backend, Space pauses"
        if question:
            short = fit(" ".join(progress.question.split()), _BESIDE)
            return "", question, f"{short}  —  i answers; the agent goes on."
        return None


def _sizes(said: tuple[str, str, str]) -> tuple[str, ...]:
    return tuple(_DIGIT.sub("0", part) for part in said)


def _queued(progress: Progress) -> str:
    """`? 1 of 3`: the heading of the oldest question; "" = none is open."""
    count = len(progress.questions.open)
    return f"? 1 of {count}" if count > 1 else "? the agent asks" if count else ""


def _fault(progress: Progress) -> str:
    """The fault's sentence, however much a server had to say."""
    return fit(" ".join(progress.detail.split()), _FAULT)
