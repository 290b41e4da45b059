"""review_chapter: a critique by the rubric, from a reader who has not seen the conversation."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.prompts import prompt
from studio.agent.tool import Tool, ToolContext, ToolRefused
from studio.backends.backend import Message


class Arguments(Struct, frozen=True):
    """What the model sends."""

    filename: Annotated[str, Meta(description="The chapter to review.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """One model call with the rubric, the outline and the chapter, and nothing else."""
    file = context.folder.name(arguments.filename)
    text = await context.manuscript.read(file)
    if not text or not text.strip():
        raise ToolRefused(f"There is no text in {file} to review; list_files shows what there is.")
    outline = await context.manuscript.read("outline.md") if file != "outline.md" else None
    request = (f"# The outline of the book\n\n{outline}\n\n---\n\n" if outline else "") + f"# {file}\n\n{text}"
    messages = [Message(role="system", text=prompt("review")), Message(role="user", text=request)]
    return await context.consult(f"review of {file}", messages)


TOOL = Tool(
    "review_chapter", "Have a chapter read by an editor with fresh eyes; answers a critique.", Arguments, carry_out
)
