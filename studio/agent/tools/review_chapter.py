"""review_chapter: a critique by the rubric, from a reader who has not seen the conversation; a worse text goes back."""

from collections.abc import Iterator
from typing import Annotated

from msgspec import Meta, Struct

from studio.agent.guided.review import head_of
from studio.agent.prompts import prompt, rubric
from studio.agent.reviews.critique import DROP, MOST_CHANGES, Critique, figures, lost, read_critique, report
from studio.agent.reviews.scores import mean
from studio.agent.tool import Tool, ToolContext, ToolRefused
from studio.backends.backend import Message
from studio.book.journal import sha256_of
from studio.book.layout import load_settings, reading_order
from studio.book.names import OUTLINE, is_chapter
from studio.book.texts import readable
from studio.book.words import count_words
from studio.errors import BookError, BookUnsaved, ContextOverflow
from studio.events import ChapterReviewed

REVIEWS = "notes/reviews"

_BIBLE_WORDS = 6_000
_TAIL = 1_500  # characters of the chapter before


class Arguments(Struct, frozen=True):
    """What the model sends."""

    filename: Annotated[str, Meta(description="The chapter to review.")]


async def carry_out(context: ToolContext, arguments: Arguments) -> str:
    """Have the chapter read, keep the review, take a revision back that made it worse, and say what comes next."""
    file = context.folder.name(arguments.filename)
    review = context.chapters.made_by(context.write_id)
    if review is None or review.file != file:  # else a crash came between the reading and its answer
        review = await _read(context, file, _most_rounds(context))
    reply, chapter = context.text_of(review.reply), context.text_of(review.sha256)
    critique = read_critique(reply, rubric(), chapter)
    kept = await _keep(context, review, report(critique, reply, review.file, review.round, head_of(reply)))
    said = _said(review, critique, reply, kept, _most_rounds(context))
    better = context.chapters.better_than(review.file, review)
    if better is None or lost(better.scores, review.scores) <= DROP:
        return f"{said}\n{_next(review, _most_rounds(context))}"
    return await _take_back(context, review, better, said)


def _most_rounds(context: ToolContext) -> int:
    return load_settings(context.folder.root).review_rounds


async def _read(context: ToolContext, file: str, most: int) -> ChapterReviewed:
    """One reading, recorded in the moment it arrives: it is paid for."""
    if not is_chapter(file):
        raise ToolRefused(f"{file} is no chapter; review_chapter reads chapters, e.g. chapter_01.md.")
    text = await context.manuscript.read(file)
    if not text or not text.strip():
        raise ToolRefused(f"There is no text in {file} to review; list_files shows what there is.")
    rounds = context.chapters.rounds(file)
    _refuse_another(file, sha256_of(text), rounds, most)
    reply = await _ask(context, file, text)
    critique = read_critique(reply, rubric(), text)
    event = context.record(
        ChapterReviewed(
            file=file,
            sha256=sha256_of(text),
            round=len(rounds) + 1,
            scores=critique.counted,
            report=_report_name(context, file, len(rounds) + 1),
            reply=sha256_of(reply),
            id=context.write_id,
            rounds=most,
        ),
        reply,
        text,
    )
    assert isinstance(event, ChapterReviewed)
    return event


def _refuse_another(file: str, sha256: str, rounds: list[ChapterReviewed], most: int) -> None:
    if len(rounds) >= most:
        times = "once" if len(rounds) == 1 else f"{len(rounds)} times"
        said = f"{file} was read {times}" if rounds else "no chapter is reviewed"
        raise ToolRefused(
            f"There is no further review: {said}, and this book allows {most} rounds a chapter (review_rounds in "
            "book.yaml, the author's to set). Mend what you still see by edit_file, or go on with the book."
        )
    same = next((one for one in rounds if one.sha256 == sha256), None)
    if same is not None:
        raise ToolRefused(
            f"{file} has not changed since round {same.round}, so it was not read again; that review is {same.report}. "
            "Revise the chapter by edit_file first, or go on with the book."
        )


def _report_name(context: ToolContext, file: str, number: int) -> str:
    """A name for the report that nobody has used; the author may have a file there."""
    used = {name.casefold() for name in (*context.folder.names(), *context.ledger.taken_by_author())}
    stem = file.removesuffix(".md")
    while f"{REVIEWS}/{stem}-{number}.md".casefold() in used:
        number += 1
    return f"{REVIEWS}/{stem}-{number}.md"


# --- the reading --------------------------------------------------------------------------------------------------


async def _ask(context: ToolContext, file: str, text: str) -> str:
    """The reader's answer; where the window is small, with less around the chapter."""
    if context.reader is not None:
        return await context.reader(file, text)
    for messages in _requests(context, file, text):
        if context.fits(messages):
            try:
                return await context.consult(f"review of {file}", messages)
            except ContextOverflow:
                continue  # the server counts more than we do
    raise ToolRefused(
        f"{file} with its {count_words(text):,} words is too long to be reviewed in this model's window. Read it "
        "again yourself, by read_file, and go on."
    )


def _requests(context: ToolContext, file: str, text: str) -> Iterator[list[Message]]:
    """What the reader is shown, from all there is to the chapter alone."""
    criteria = "\n".join(f"- {name}: {question}" for name, question in rubric().items())
    system = Message(role="system", text=prompt("review", criteria=criteria))
    outline = _section("The outline of the book", readable(context.folder, OUTLINE))
    bible = "".join(_section(name, body) for name, body in _bible(context))
    tail = _section("How the chapter before ends", _tail(context, file))
    for parts in ([outline, bible, tail], [outline, tail], [tail], []):
        around = "".join(parts)
        yield [system, Message(role="user", text=f"{around}# {file}, the chapter to read\n\n{text}")]


def _section(title: str, body: str) -> str:
    return f"# {title}\n\n{body.strip()}\n\n---\n\n" if body.strip() else ""


def _bible(context: ToolContext) -> Iterator[tuple[str, str]]:
    room = _BIBLE_WORDS
    for name in context.folder.names():
        if name.startswith("bible/"):
            body = readable(context.folder, name)
            room -= count_words(body)
            if room < 0:
                return
            yield name, body


def _tail(context: ToolContext, file: str) -> str:
    names = [name for name in context.folder.names() if is_chapter(name)]
    order = reading_order(names, context.settings.order)
    before = order[: order.index(file)] if file in order else []
    text = readable(context.folder, before[-1]).strip() if before else ""
    return text if len(text) <= _TAIL else "…" + text[-_TAIL:]


# --- what comes of it ---------------------------------------------------------------------------------------------


async def _keep(context: ToolContext, review: ChapterReviewed, text: str) -> str:
    """Write the report, once; returns where it is, or why it is nowhere."""
    try:
        name = context.folder.name(review.report)
        if not context.ledger.disk(name):
            await context.manuscript.write(f"{context.write_id}.report", name, text, "create", lambda written: "")
    except BookUnsaved:
        raise
    except BookError as error:  # the author locked the folder, or took the report away
        return f"It could not be kept as {review.report}: {error}"
    return f"The whole review: {name}."


def _said(review: ChapterReviewed, critique: Critique, reply: str, kept: str, most: int) -> str:
    average = mean(review.scores)
    head = f"{review.file}, round {review.round} of {max(most, review.round)}"
    if not critique.scores:
        head += ": no scores could be read in the review"
    elif average is None:
        head += f": no score counts, none has a passage that stands in the chapter ({figures(critique, rubric())})"
    else:
        head += f": {average:.1f} of 10 ({figures(critique, rubric())})"
    lines = [f"{head}. {kept}"]
    if critique.changes:
        lines.append("What would help most:")
        lines += [f"{number}. {change}" for number, change in enumerate(critique.changes[:MOST_CHANGES], 1)]
    elif not critique.scores:
        lines.append(f"The reader said: {reply.strip()[:2_000] or '(nothing)'}")
    return "\n".join(lines)


def _next(review: ChapterReviewed, most: int) -> str:
    left = most - review.round
    if left > 0:
        return (
            f"Revise {review.file} by edit_file with this in mind, leaving what is good as it is, then call "
            f"review_chapter once more; {left} round{'s are' if left > 1 else ' is'} left. A revision that scores more "
            f"than {DROP} lower is undone."
        )
    return "That was the last round for this chapter: go on with the book."


async def _take_back(context: ToolContext, review: ChapterReviewed, better: ChapterReviewed, said: str) -> str:
    """Put the chapter back as it was in the better round, unless the author has had a hand in it since."""
    worse = f"This is {lost(better.scores, review.scores):.1f} below round {better.round} ({mean(better.scores):.1f})"
    after = _next(review, _most_rounds(context))
    try:
        text = await context.manuscript.read(review.file)
        if context.chapters.is_edited_since(review.file, better):
            return f"{said}\n{worse}, but the author has edited the chapter since, so it stays as it is. {after}"
        if text is None or sha256_of(text) != review.sha256:
            return f"{said}\n{worse}, but the chapter has changed since it was read, so it stays as it is. {after}"
        back = context.text_of(better.sha256)
        answer = (
            f"{said}\n{worse}: your revision was undone, and {review.file} stands again as it was read in round "
            f"{better.round}, with {count_words(back):,} words. read_file it before you change it again. {after}"
        )
        await context.manuscript.edit(context.write_id, review.file, text, back, lambda written: answer)
    except BookUnsaved:
        raise
    except BookError as error:  # locked since, saved by the author in this moment, or its version is gone
        return f"{said}\n{worse}, but it could not be undone: {error} {after}"
    return answer


TOOL = Tool(
    "review_chapter",
    "Have a chapter read by an editor with fresh eyes; answers scores and the changes that would help most.",
    Arguments,
    carry_out,
)
