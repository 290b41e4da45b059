"""What the tools that change a file answer: short facts the model can act on."""

from collections.abc import Callable

from studio.agent.plan import asked_of, plan_of
from studio.agent.prompts import prompt
from studio.agent.tool import ToolContext
from studio.book.manuscript import Written

_VERBS = {"create": "wrote", "overwrite": "rewrote", "append": "added to", "edit": "edited"}
_SHOWN = 5  # conflicts quoted in full


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
    lines.extend(
        f"Where you both changed the same words, the author's stay: «{conflict.author.strip()}», "
        f"not yours: «{conflict.agent.strip()}»."
        for conflict in written.conflicts[:_SHOWN]
    )
    if len(written.conflicts) > _SHOWN:
        lines.append(f"… and {len(written.conflicts) - _SHOWN} more places.")
    if ask and target is not None and written.mode != "edit" and target.is_missed_by(written.words):
        lines.append(prompt("expand", share=100 * written.words // target.low))
    return "\n".join(lines)
