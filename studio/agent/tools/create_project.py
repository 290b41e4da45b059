"""create_project: gives the book its title. The folder exists already."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.tool import Tool, ToolContext, ToolRefused
from studio.book.layout import load_settings, update_settings
from studio.events import TitleGiven


class Arguments(Struct, frozen=True):
    """What the model sends."""

    project_name: Annotated[str, Meta(description="The title of the book.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """Set the title, unless the author has set one in book.yaml."""
    title = " ".join(arguments.project_name.split())
    if not title:
        raise ToolRefused("The title is empty; call create_project again with the title of the book.")
    given = load_settings(context.folder.root).title
    if given and given != title:
        context.record(TitleGiven(title=given))
        return f"The author has titled this book “{given}”; that title stays. Go on with outline.md."
    update_settings(context.folder.root, title=title)
    context.record(TitleGiven(title=title))
    return f"The book is titled “{title}”. Its folder is ready; go on with outline.md."


TOOL = Tool("create_project", "Set the title of the book. Call it first, once.", Arguments, carry_out)
