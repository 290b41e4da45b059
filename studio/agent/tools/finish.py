"""finish: the agent says that the book is done."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.planned import listed, missing, name_of, wanted_of
from studio.agent.prompts import prompt
from studio.agent.tool import Tool, ToolContext, ToolRefused
from studio.book.names import is_chapter


class Arguments(Struct, frozen=True):
    """What the model sends."""

    summary: Annotated[str, Meta(description="The book in a few sentences, and what the author should look at.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """The summary, if there is a book; a book that lacks chapters is told of once, and then taken as it is."""
    if not any(is_chapter(name) for name in context.folder.names()):
        raise ToolRefused("No chapter is written yet; write chapter_01.md with write_file, or ask_author what to do.")
    plan = wanted_of(context.folder, context.settings)
    lacking = missing(plan, context.folder.names(), context.ledger.taken_by_author())
    if lacking and not context.finish_refused:
        raise ToolRefused(prompt("unfinished", planned=len(plan), missing=listed(lacking), next=name_of(lacking[0])))
    return arguments.summary.strip() or "The book is finished."


TOOL = Tool("finish", "Say that the book is done. Ends the run.", Arguments, carry_out)
