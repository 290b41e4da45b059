"""search_files: where words stand in the book."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.tool import Tool, ToolContext, ToolRefused
from studio.book.texts import texts

_MOST = 40  # hits answered
_AROUND = 80  # characters of context on each side


class Arguments(Struct, frozen=True):
    """What the model sends."""

    query: Annotated[str, Meta(description="Words to look for, as they stand; upper and lower case are the same.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """Each hit as `file:line: …words around it…`."""
    wanted = arguments.query.strip().casefold()
    if not wanted:
        raise ToolRefused("The query is empty; call search_files with the words to look for.")
    hits = [
        f"{name}:{number}: {_excerpt(line, wanted)}"
        for name, text in texts(context.folder)
        for number, line in enumerate((text or "").splitlines(), 1)
        if wanted in line.casefold()
    ]
    if not hits:
        return f"«{arguments.query.strip()}» stands nowhere in the book."
    more = [f"… and {len(hits) - _MOST} more lines"] if len(hits) > _MOST else []
    return "\n".join(hits[:_MOST] + more)


def _excerpt(line: str, wanted: str) -> str:
    # casefold can change lengths (ß), so the position is near enough for an excerpt, not exact.
    at = line.casefold().find(wanted)
    start, end = max(0, at - _AROUND), at + len(wanted) + _AROUND
    return ("…" if start else "") + line[start:end].strip() + ("…" if end < len(line) else "")


TOOL = Tool("search_files", "Find words in all files of the book.", Arguments, carry_out)
