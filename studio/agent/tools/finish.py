"""finish: the agent says that the book is done."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.progress import is_chapter
from studio.agent.tool import Tool, ToolContext, ToolRefused


class Arguments(Struct, frozen=True):
    """What the model sends."""

    summary: Annotated[str, Meta(description="The book in a few sentences, and what the author should look at.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """The summary, if there is a book."""
    if not any(is_chapter(name) for name in context.folder.names()):
        raise ToolRefused("No chapter is written yet; write chapter_01.md with write_file, or ask_author what to do.")
    return arguments.summary.strip() or "The book is finished."


TOOL = Tool("finish", "Say that the book is done. Ends the run.", Arguments, carry_out)
