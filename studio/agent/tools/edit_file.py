"""edit_file: one passage of a file is replaced, the rest stays byte for byte."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.tool import Tool, ToolContext
from studio.agent.tools.answers import answer_of


class Arguments(Struct, frozen=True):
    """What the model sends."""

    filename: Annotated[str, Meta(description="Name inside the book's folder.")]
    old_text: Annotated[str, Meta(description="The passage to replace, exactly as it stands in the file, once only.")]
    new_text: Annotated[str, Meta(description="What stands there instead; empty to remove the passage.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """Replace, and say what stands on disk now."""
    file = context.folder.name(arguments.filename)
    answer = answer_of(context, file)
    written = await context.manuscript.edit(context.write_id, file, arguments.old_text, arguments.new_text, answer)
    return answer(written)


TOOL = Tool("edit_file", "Replace one passage of a file by another.", Arguments, carry_out)
