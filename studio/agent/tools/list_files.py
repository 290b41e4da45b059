"""list_files: what the book consists of, with word counts and who touched what last."""

from studio.agent.tool import NoArguments, Tool, ToolContext
from studio.book.texts import texts
from studio.book.words import count_words


def listing(context: ToolContext) -> str:
    """One line a file, in reading order."""
    lines = []
    for name, text in texts(context.folder):
        if text is None:
            lines.append(f"{name}: not UTF-8 text, left alone until the author saves it as such")
            continue
        who = context.ledger.touched_by(name) or "author"
        lines.append(
            f"{name}: {count_words(text):,} words, last touched by {'you' if who == 'agent' else 'the author'}"
            + (", locked by the author" if context.manuscript.is_locked(name) else "")
        )
    lines.extend(
        f"{partial.file}: {partial.words:,} words kept from a reply that was cut; go on with mode append"
        for partial in context.ledger.partials()
    )
    return "\n".join(lines) or "The book has no files yet."


async def carry_out(context: ToolContext, arguments: NoArguments) -> str:
    """The listing."""
    return listing(context)


TOOL = Tool(
    "list_files", "List the files of the book with word counts and who touched them last.", NoArguments, carry_out
)
