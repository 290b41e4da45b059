"""What the tools that change a file answer: short facts the model can act on."""

from collections.abc import Callable, Sequence

from studio.agent.planned import asked_of, plan_of
from studio.agent.prompts import prompt
from studio.agent.tool import ToolContext
from studio.book.manuscript import Written
from studio.book.merge import Conflict

_VERBS = {"create": "wrote", "overwrite": "rewrote", "append": "added to", "edit": "edited"}
_ROOM = 8_000  # characters that conflicts quoted in full may take


def answer_of(context: ToolContext, file: str) -> Callable[[Written], str]:
    """What a write of this file will answer, and answer again after a crash: it is told by what is known before it."""
    was_asked = context.chapters.is_asked_to_grow(file)
    return lambda written: written_answer(context, written, ask=not was_asked)


def written_answer(context: ToolContext, written: Written, *, ask: bool) -> str:
    """Which file, how many words it has now, what the plan asks, what of the author's stayed.

    Args:
        ask: whether a chapter that is too short may be asked to grow.
    """
    parts = [f"{_VERBS[written.mode]} {written.file}: {written.words:,} words"]
    who, target = asked_of(plan_of(context.folder), context.settings, written.file, written.text)
    if target is not None:
        parts.append(f"{who} {target}")
    lines = ["; ".join(parts) + "."]
    if written.continued:
        lines.append("It goes on from the text kept when your earlier reply was cut.")
    if written.merged:
        lines.append(
            "The author had changed this file since you last read it: both texts were merged by sentence. "
            "read_file gives you the text as it stands."
        )
    lines.extend(not_taken(written.conflicts))
    if ask and target is not None and written.mode != "edit" and target.is_missed_by(written.words):
        lines.append(prompt("expand", share=100 * written.words // target.low))
    return "\n".join(lines)


def not_taken(conflicts: Sequence[Conflict]) -> list[str]:
    """What of the agent's own stands nowhere because the author changed the same words, and the author's instead.

    Where that is a book of its own, the last ones are only counted: read_file shows the author's text.
    """
    lines: list[str] = []
    room = _ROOM
    for conflict in conflicts:
        author, agent = conflict.author.strip(), conflict.agent.strip()
        stays = f"the author's stay: «{author}»" if author else "the author took them out"
        line = f"Where you both changed the same words, {stays}, not yours: «{agent}»."
        room -= len(line)
        if room < 0 and lines:
            lines.append(f"… and {len(conflicts) - len(lines):,} more places, where the author's words stay as well.")
            break
        lines.append(line)
    return lines
