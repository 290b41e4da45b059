"""What the tools that change a file answer: short facts the model can act on."""

from collections.abc import Sequence

from studio.agent.progress import is_chapter
from studio.agent.tool import ToolContext
from studio.book.manuscript import Written
from studio.book.merge import Conflict

_VERBS = {"create": "wrote", "overwrite": "rewrote", "append": "added to", "edit": "edited"}
_ROOM = 8_000  # characters that conflicts quoted in full may take


def written_answer(context: ToolContext, written: Written) -> str:
    """Which file, how many words it has now, what the book asks, what of the author's stayed."""
    parts = [f"{_VERBS[written.mode]} {written.file}: {written.words:,} words"]
    asked = context.settings.words_per_chapter
    if asked and is_chapter(written.file):
        parts.append(f"the book asks {asked} a chapter")
    lines = ["; ".join(parts) + "."]
    if written.continued:
        lines.append("It goes on from the text kept when your earlier reply was cut.")
    if written.merged:
        lines.append(
            "The author had changed this file since you last read it: both texts were merged by sentence. "
            "read_file gives you the text as it stands."
        )
    lines.extend(not_taken(written.conflicts))
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
