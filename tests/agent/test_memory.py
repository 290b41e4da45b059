"""What a compressed conversation holds, whatever the window: the author's words first, everything else as it fits."""

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.agent.memory.message import (
    Material,
    chapters_of,
    compressed_message,
    in_parts,
    next_entry,
    outline_excerpt,
    room_of,
    shortened,
    split_notes,
    tail_of,
)
from studio.agent.memory.summary import MADE_HERE, fault, fitting, mechanical_summary, request
from studio.backends.backend import Message, Reply

HEADINGS = 200  # tokens that the message's own words and its headings may take beside what is measured


def tokens_of(text: str) -> int:
    return math.ceil(len(text) / 4)


def count(messages: Sequence[Message]) -> int:
    return sum(4 + tokens_of(one.text) + sum(tokens_of(call.arguments) for call in one.tool_calls) for one in messages)


def edit(number: int, lines: int, file: str = "chapter_01.md") -> ev.AuthorEdited:
    diff = "\n".join(f"+The author's line {number}.{line} stands." for line in range(lines))
    return ev.AuthorEdited(file=file, sha256="x", words=lines, diff=diff, seq=number)


texts = st.text(st.characters(codec="utf-8"), max_size=4_000)
files = st.lists(
    st.tuples(st.sampled_from(["outline.md", "bible/a.md", "bible/b.md", "chapter_01.md", "chapter_2.md"]), texts),
    max_size=5,
    unique_by=lambda one: one[0],
)


@given(
    window=st.sampled_from([8_192, 32_768, 200_000]),
    notes=st.lists(texts, max_size=12),
    edits=st.lists(st.integers(0, 300), max_size=8),
    files=files,
    names=st.integers(0, 300),
)
def test_a_compressed_conversation_keeps_to_its_room_and_to_the_authors_words(
    window: int, notes: list[str], edits: list[int], files: list[tuple[str, str]], names: int
) -> None:
    room = room_of(window, 0.9, round(0.9 * window), 1_200)
    gone, stay = split_notes(notes, room, tokens_of)
    material = Material(
        digest="So far.",
        notes=stay,
        notes_in=["notes/from_the_author_01.md"] if gone else [],
        edits=[edit(number, lines) for number, lines in enumerate(edits, 1)],
        files=files,
        listing="\n".join(f"chapter_{number:03}.md: 3,000 words" for number in range(names)),
    )
    message = compressed_message(material, room, tokens_of)
    assert gone + stay == notes
    assert all(note in message for note in stay)
    assert not gone or "notes/from_the_author_01.md" in message
    assert tokens_of(message) <= room + HEADINGS


@given(notes=st.lists(texts, max_size=20), more=st.lists(texts, max_size=5))
def test_notes_that_were_put_away_stay_in_the_file_they_are_in(notes: list[str], more: list[str]) -> None:
    before, after = in_parts(notes, 500, tokens_of), in_parts(notes + more, 500, tokens_of)
    assert [note for part in after for note in part] == notes + more
    for one, other in zip(before, after, strict=False):
        assert other[: len(one)] == one


@given(text=texts, room=st.integers(30, 2_000))
def test_what_is_shortened_keeps_both_ends_and_says_so(text: str, room: int) -> None:
    short = shortened(text, room, tokens_of)
    assert tokens_of(short) <= room + 10
    assert short == text or "left out here" in short
    assert text.endswith(tail_of(text, room, tokens_of)) and tokens_of(tail_of(text, room, tokens_of)) <= room


@pytest.mark.parametrize(
    "line",
    [
        "{0}. The {0}th tide",
        "## Chapter {0}: The {0}th tide",
        "| {0} | The {0}th tide | 3,000 |",
        "## 第{0}章 Tide {0}",
    ],
)
def test_an_outline_that_is_too_long_shows_what_comes_next(line: str) -> None:
    head = "---\ntitle: x\n---\n\n# The Plan\n\n<!-- mine,\nnot yours -->\n\n"
    if line.startswith("|"):
        head += "| No. | Chapter | Words |\n|---|---|---|\n"
    outline = head + "\n".join(line.format(number) for number in range(1, 100))
    chapters = chapters_of([(f"chapter_{number:02}.md", "Text.") for number in range(1, 41)] + [("ideas.md", "x")])
    start, entry = next_entry(outline, chapters)
    assert entry == line.format(41) and outline[start:].startswith(entry)
    excerpt = outline_excerpt(outline, 200, tokens_of, start=start)
    assert "# The Plan" in excerpt and entry in excerpt and tokens_of(excerpt) <= 210


def test_an_outline_of_which_all_is_written_is_shown_from_its_beginning() -> None:
    assert next_entry("# Plan\n\n1. Ebb\n2. Flow\n", [("chapter_01.md", "x"), ("chapter_02.md", "x")]) == (0, "")
    assert next_entry("No list of anything.", []) == (0, "")


calls = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 2_000)), min_size=1, max_size=15)


@given(steps=calls, room=st.integers(200, 4_000), begins_with_summary=st.booleans())
def test_what_a_summary_is_asked_of_fits_and_parts_no_call_from_its_result(
    steps: list[tuple[int, int]], room: int, begins_with_summary: bool
) -> None:
    messages = [Message(role="system", text="You write."), Message(role="user", text="A book.")]
    messages += [Message(role="user", text="The summary before.")] if begins_with_summary else []
    for step, (made, size) in enumerate(steps):
        ids = [f"{step}.{number}" for number in range(made)]
        called = tuple(ev.ToolCall(id=id, name="read_file", arguments="{}") for id in ids)
        messages.append(Message(role="assistant", text="x" * size, tool_calls=called))
        messages += [Message(role="tool", text="y" * size, tool_call_id=id) for id in ids]
    found = fitting(messages, room, count, tokens_of)
    if found is None:
        return
    assert count(found) <= room and found[:2] == messages[:2]
    assert not begins_with_summary or found[2] == messages[2]
    waiting: list[str] = []
    for message in found:
        if message.role == "tool":
            assert message.tool_call_id == waiting.pop(0)
        else:
            assert not waiting
            waiting = [call.id for call in message.tool_calls]
    assert not waiting
    assert found == messages or "left out here" in found[3 if begins_with_summary else 2].text


def test_a_summary_is_good_or_it_is_said_why_not() -> None:
    called = (ev.ToolCall(id="1", name="finish", arguments="{}"),)
    assert "empty" in fault(Reply(text=" \n"), 100, 1_000, tokens_of)
    assert "no words" in fault(Reply(tool_calls=called), 100, 1_000, tokens_of)
    assert "cut" in fault(Reply(text="So", finish_reason="length"), 100, 1_000, tokens_of)
    assert "what it replaces" in fault(Reply(text="So far. " * 20), 100, 30, tokens_of)
    assert "room" in fault(Reply(text="So far. " * 60), 100, 1_000, tokens_of)
    assert fault(Reply(text="So far.", finish_reason="stop"), 100, 1_000, tokens_of) == ""
    assert request(300).text != request(300, "it was cut").text and "300 words" in request(300).text


@given(before=texts, files=files, room=st.integers(150, 3_000), question=st.sampled_from(["", "Who is he?"]))
def test_a_summary_without_a_model_is_never_too_long(
    before: str, files: list[tuple[str, str]], room: int, question: str
) -> None:
    made = mechanical_summary(before, files, question, room, tokens_of)
    assert tokens_of(made) <= room + 300  # the last chapter is told whatever the room
    assert MADE_HERE in made and question in made


def test_a_summary_without_a_model_tells_the_files_and_what_comes_next() -> None:
    chapter = "---\nstatus: draft\n---\n# Ebb\n\nThe tide went out. Nobody came. It did not come back.\n"
    files = [("outline.md", "1. Ebb\n2. Flow\n"), ("bible/people.md", "Mara."), ("chapter_01.md", chapter)]
    made = mechanical_summary("Mara waits.", files, "Who is he?", 1_000, tokens_of)
    assert made.startswith("Mara waits.\n")
    assert "- chapter_01.md (Ebb), 12 words: “The tide went out.” … “It did not come back.”" in made
    assert "Next in the outline: 2. Flow" in made and "Open question to the author: Who is he?" in made
    again = mechanical_summary(made, files, "", 1_000, tokens_of)
    assert again.count(MADE_HERE) == again.count("chapter_01.md") == again.count("Mara waits.") == 1
