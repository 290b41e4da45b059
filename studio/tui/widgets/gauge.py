"""The gauge: how full the window is, how far the run is, what it cost, and what it is doing."""

from textual.content import Content
from textual.widget import Widget

from studio.agent.progress import Progress
from studio.tui.countdown import again
from studio.tui.fit import one_line

STATES = {  # words for each state of a run that has always the same, and their colour
    "new": ("", "$text-muted"),
    "preparing": ("◌ preparing", "$accent"),
    "thinking": ("● thinking", "$accent"),
    "writing": ("✎ writing", "$success"),
    "working": ("● working", "$accent"),
    "paused": ("‖ paused", "$warning"),
    "asking": ("? waiting for you", "$warning"),
    "turn": ("› your turn", "$warning"),
    "finished": ("■ finished", "$success"),
    "failed": ("! failed", "$error"),
}


def state_words(progress: Progress, asked: str, left: int) -> tuple[str, str]:
    """(what the run is doing, its colour).

    Args:
        asked: what the author asked for and the run has not reached yet.
        left: seconds until a call that failed is made again.
    """
    if asked:
        return one_line(asked), "$warning"
    if progress.state == "retrying":
        return f"! {again(left)}", "$error"
    return STATES.get(progress.state, (one_line(progress.state), "$foreground"))


class Gauge(Widget):
    """One line, drawn anew at each `show`."""

    DEFAULT_CSS = """
    Gauge { height: 1; padding: 0 2; background: $surface; color: $foreground; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._content = Content("")

    def show(self, progress: Progress, *, estimate: int, speed: float, asked: str, left: int) -> None:
        """Draw the state.

        Args:
            estimate: tokens that came since the conversation was last counted.
            speed: tokens a second, 0 = nothing streams.
            asked: what the author asked for and the run has not reached yet.
            left: seconds until a call that failed is made again.
        """
        content = gauge_line(progress, self.size.width, estimate=estimate, speed=speed, asked=asked, left=left)
        if not content.is_same(self._content):
            self._content = content
            self.refresh()

    def render(self) -> Content:
        """The line."""
        return self._content


def gauge_line(
    progress: Progress, width: int, *, estimate: int = 0, speed: float = 0, asked: str = "", left: int = 0
) -> Content:
    """`Context ▓▓░░ 45,234 / 200,000 (22.6 %)`, the memory, step, words, cost, speed; at the right the state.

    What finds no room in `width` cells is left out, the least important first.
    """
    used = progress.context_tokens + estimate
    most = 1000 * progress.context  # figures of a server, or of a record that anyone made
    share = min(used, most) / progress.context if progress.context else 0.0
    window = f"{used:,} / {progress.context:,} ({share * 100:.1f} %)"
    words, tint = state_words(progress, asked, left)
    ahead = progress.pace.ahead()
    facts = {
        "memory": f"memory {progress.memory * 100:.0f} %" if progress.memory is not None else "",
        "step": f"step {progress.step}/{progress.limit}" if progress.limit else "",
        "words": f"{progress.total_words:,} words",
        "cost": _cost(progress),
        "ahead": ahead.words() if ahead else "",
        "speed": f"{speed:.0f} tok/s" if speed and progress.state in ("thinking", "writing") else "",
    }
    label, bar, gap = "Context ", 24, "   "
    # Shorter, step by step, until it fits.
    for shorter in ("", "gap", "bar", "ahead", "label", "speed", "bar again", "step", "memory", "words"):
        match shorter:
            case "gap":
                gap = "  "
            case "bar":
                bar = 12
            case "bar again":
                bar = 6
            case "label":
                label = ""
            case _:
                facts.pop(shorter, None)
        kept = [fact for fact in facts.values() if fact]
        tail = "".join(gap + fact for fact in kept)
        taken = len(label) + bar + 1 + len(window) + len(tail)
        if taken + len(gap) + len(words) <= width:
            break
    colour = "$error" if share > 0.9 else "$warning" if share > 0.75 else "$accent"
    filled = min(bar, round(share * bar)) or (1 if used else 0)
    return Content.assemble(
        (label, "$text-muted"),
        ("▓" * filled, colour),
        ("░" * (bar - filled), "$border-blurred"),
        f" {window}",
        (tail, "$text-muted"),
        " " * max(len(gap), width - taken - len(words)),
        (words, f"bold {tint}"),
    )


def _cost(progress: Progress) -> str:
    if progress.cost is None:
        return "cost unknown"
    if progress.backend == "embedded" or (progress.cost == 0 and progress.step > 1):
        return "free"
    return f"${progress.cost:.2f}"
