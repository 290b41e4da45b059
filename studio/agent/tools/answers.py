"""What the tools that change a file answer: short facts the model can act on."""

from studio.agent.progress import is_chapter
from studio.agent.tool import ToolContext
from studio.book.manuscript import Written

_VERBS = {"create": "wrote", "overwrite": "rewrote", "append": "added to", "edit": "edited"}
_SHOWN = 5  # conflicts quoted in full


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
    lines.extend(
        f"Where you both changed the same words, the author's stay: «{conflict.author.strip()}», "
        f"not yours: «{conflict.agent.strip()}»."
        for conflict in written.conflicts[:_SHOWN]
    )
    if len(written.conflicts) > _SHOWN:
        lines.append(f"… and {len(written.conflicts) - _SHOWN} more places.")
    return "\n".join(lines)
