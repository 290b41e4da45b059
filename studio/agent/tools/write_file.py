"""write_file: the agent's prose goes to disk, merged with whatever the author did meanwhile."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from studio.agent.tool import Tool, ToolContext
from studio.agent.tools.answers import answer_of


class Arguments(Struct, frozen=True):
    """What the model sends."""

    filename: Annotated[str, Meta(description="Name inside the book's folder, e.g. chapter_01.md or bible/people.md.")]
    content: Annotated[str, Meta(description="The text, Markdown; the whole text for create and overwrite.")]
    mode: Annotated[
        Literal["create", "append", "overwrite"],
        Meta(
            description="create: a new file. append: add exactly at the end of the file. overwrite: replace its text."
        ),
    ] = "create"


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """Write, and say what stands on disk now."""
    file = context.folder.name(arguments.filename)
    answer = answer_of(context, file)
    written = await context.manuscript.write(context.write_id, file, arguments.content, arguments.mode, answer)
    return answer(written)


TOOL = Tool(
    "write_file",
    "Write a file of the book. The prose is shown to the author while it arrives.",
    Arguments,
    carry_out,
)
