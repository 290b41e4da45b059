"""read_file: the agent looks at a file as it stands on disk, the author's changes included."""

from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.prompts import prompt
from studio.agent.tool import Tool, ToolContext, ToolRefused
from studio.book.journal import sha256_of
from studio.events import FileRead


class Arguments(Struct, frozen=True):
    """What the model sends."""

    filename: Annotated[str, Meta(description="Name inside the book's folder.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """The whole text; from here on a write of the agent's is made on this version."""
    file = context.folder.name(arguments.filename)
    text = await context.manuscript.read(file)
    kept = context.manuscript.partial_text(file)
    if text is None and kept is None:
        names = ", ".join(context.folder.names()) or "none yet"
        raise ToolRefused(f"There is no file {file}. The files of the book: {names}.")
    shown = context.bound(text or "")
    if text is not None and shown == text:  # of what it has not seen whole, it knows what it knew
        context.record(FileRead(file=file, sha256=sha256_of(text)))
    if authors := context.authors(file, text or ""):
        shown += "\n\n" + prompt("authors_sentences", sentences="\n".join(f"- {one}" for one in authors))
    if kept is None:
        return shown or f"({file} is empty)"
    return shown + "\n\n[Kept from your reply that was cut, and not in the file until you go on with append:]\n" + kept


TOOL = Tool("read_file", "Read a file of the book as it stands on disk now.", Arguments, carry_out)
