"""list_files: what the book consists of, with word counts, who touched what last, and where the plan stands."""

from studio.agent.planned import asked_of, plan_of, unwritten
from studio.agent.tool import NoArguments, Tool, ToolContext
from studio.book.names import is_chapter
from studio.book.outline import board
from studio.book.texts import texts
from studio.book.words import count_words


def listing(context: ToolContext) -> str:
    """One line a file, in reading order, then what is still to come."""
    lines = []
    found = list(texts(context.folder))
    plan = plan_of(context.folder)
    held = {name: text for name, text in found if text is not None and is_chapter(name)}
    words = {name: count_words(text) for name, text in held.items()}
    entries = board(plan, words, context.chapters.reviewed(), held)
    status = {entry.file: entry.status for entry in entries if plan and entry.chapter in plan}
    for name, text in found:
        if text is None:
            lines.append(f"{name}: not UTF-8 text, left alone until the author saves it as such")
            continue
        who = context.ledger.touched_by(name) or "author"
        asks, target = asked_of(plan, context.settings, name, text)
        count = words[name] if name in words else count_words(text)
        lines.append(
            f"{name}: {count:,} words, last touched by {'you' if who == 'agent' else 'the author'}"
            + (", locked by the author" if context.manuscript.is_locked(name) else "")
            + (f"; {asks} {target}" if target is not None else "")
            + (f"; {status[name]}" if name in status else "")
        )
    lines.extend(
        f"{partial.file}: {partial.words:,} words kept from a reply that was cut; go on with mode append"
        for partial in context.ledger.partials()
    )
    if lines and (left := unwritten(entries)):
        lines.append(left)
    return "\n".join(lines) or "The book has no files yet."


async def carry_out(context: ToolContext, arguments: NoArguments) -> str:
    """The listing."""
    return listing(context)


TOOL = Tool(
    "list_files", "List the files of the book with word counts and who touched them last.", NoArguments, carry_out
)
