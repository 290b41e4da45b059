"""A novel that fills its window again and again: nothing the author said is lost, and no request is too long."""

import itertools
from pathlib import Path
from typing import Any

import pytest
from loopback import Answer, Wire
from played_book import Played, Stage, assert_echoed, calls, writes
from windowed_novel import Novelist, chapter, prose

from studio import events as ev
from studio.agent.conversation import Conversation
from studio.agent.limits.bounds import MOST_CALLS
from studio.agent.memory.compression import Compressing, compressing_of
from studio.agent.memory.decisions import added_sentences
from studio.agent.memory.summary import MADE_HERE
from studio.agent.run import STOPPED, Run
from studio.book.summaries import summary_file
from studio.errors import UsageError


class Author:
    """Says something and edits a chapter every few steps."""

    def __init__(self, root: Path, every: int, words: int = 20, most: int = 30) -> None:
        self.root, self.every, self.words, self.most = root, every, words, most
        self.notes: list[str] = []
        self.edits: list[str] = []

    def __call__(self, run: Run, event: ev.Event) -> None:
        if not isinstance(event, ev.StepFinished) or event.step % self.every or len(self.notes) == self.most:
            return
        self.notes.append(f"Note {event.step}: {prose(event.step, self.words)}")
        run.note(self.notes[-1])
        written = sorted(self.root.glob("chapter_*.md"))
        if written:
            self.edits.append(f"The author was here after step {event.step}.")
            text = written[-1].read_text(encoding="utf-8")
            written[-1].write_text(text + f"\n{self.edits[-1]}\n", encoding="utf-8")


def text_of(body: dict[str, Any]) -> str:
    return "\n".join(str(message.get("content") or "") for message in body["messages"])


def assert_prefixes_hold(bodies: list[dict[str, Any]]) -> int:
    """Each request begins with the one before it, or with a summary in its place; how often that was."""
    anew = 0
    for before, after in itertools.pairwise(bodies):
        assert after["messages"][:2] == before["messages"][:2] and after["tools"] == before["tools"]
        if after["messages"][: len(before["messages"])] != before["messages"]:
            assert "replaced by this summary" in after["messages"][2]["content"]
            anew += 1
    return anew


WINDOWS = {8_192: (16, 420, 2), 32_768: (16, 1_500, 2), 200_000: (24, 3_200, 5)}


@pytest.mark.parametrize("window", WINDOWS)
async def test_no_request_is_over_the_window_and_the_author_stays_word_for_word(window: int, stage: Stage) -> None:
    chapters, words, reads = WINDOWS[window]
    novelist = Novelist(window, chapters, words, reads)
    stage.model = novelist
    author = Author(stage.root, every=3 if window == 8_192 else 5)
    book = await stage.play(context=window, steps=300, within=240, author=author)
    assert (book.code, book.failure, novelist.too_long) == (0, "", [])
    compressed = book.of(ev.ContextCompressed)
    assert len(compressed) >= 3 and assert_prefixes_hold(novelist.bodies) == len(compressed)
    assert all(event.after < 0.6 * 0.9 * window and event.after < event.before for event in compressed)
    assert 0.8 * window < novelist.largest <= window
    for body in [*novelist.bodies, *novelist.summaries]:
        assert_echoed(body["messages"])
    for event in compressed:
        said = [one.text for one in book.of(ev.NoteGiven) if one.seq < event.seq]
        told = {seq for one in book.of(ev.StepStarted) if one.seq < event.seq for seq in one.told}
        done = [one.diff for one in book.of(ev.AuthorEdited) if one.seq in told]
        sent = text_of(first_after(book, novelist, event))
        assert [note for note in said if note not in sent] == []
        assert all(sentence in event.summary for diff in done[-3:] for sentence in added_sentences(diff))
        assert event.digest in sent and "Mara waits" in event.digest
        assert "# The Harbour" in sent and "Mara, 31, a pilot." in sent
    for number in range(1, chapters + 1):
        text = book.files[f"chapter_{number:02}.md"].decode()
        assert text.startswith(chapter(number, words))
    assert all(any(edit.encode() in text for text in book.files.values()) for edit in author.edits)
    print(f"window {window:,}: {len(novelist.bodies)} steps, {len(compressed)} compressions to", end=" ")
    print(", ".join(f"{one.before:,} → {one.after:,}" for one in compressed), f"largest {novelist.largest:,}")


def first_after(book: Played, novelist: Novelist, event: ev.Event) -> dict[str, Any]:
    """The request that was made next after an event."""
    made = sum(isinstance(one, ev.ReplyFinished) and one.seq < event.seq for one in book.events)
    return novelist.bodies[made]


async def test_what_the_author_said_last_counts_before_it_is_told(stage: Stage) -> None:
    """The conversation is not too full, with the note it would be: compressed first, then the step with its message."""
    stage.model = novelist = Novelist(8_192, 8, 420, 0)
    note = prose(1, 1_300)

    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.StepFinished) and event.step == 10:
            run.note(note)

    book = await stage.play(context=8_192, steps=60, within=60, author=author)
    assert (book.code, novelist.too_long) == (0, [])
    [compressed] = [one for one in book.of(ev.ContextCompressed) if one.seq > book.of(ev.NoteGiven)[0].seq][:1]
    assert compressed.before < 0.9 * 8_192  # it was not too full by itself
    about = [one for one in book.events if isinstance(one, ev.StepStarted | ev.StepFinished | ev.ContextCompressed)]
    place = about.index(compressed)
    assert isinstance(about[place - 1], ev.StepFinished)  # never within a step
    told = about[place + 1]
    assert isinstance(told, ev.StepStarted) and note in told.message
    assert note in str(first_after(book, novelist, compressed)["messages"][-1]["content"])


# --- notes that don't fit ---------------------------------------------------------------------------------------------


async def test_what_the_author_said_long_ago_goes_into_files_when_it_does_not_fit(stage: Stage) -> None:
    novelist = Novelist(8_192, 10, 420, 2)
    stage.model = novelist
    author = Author(stage.root, every=1, words=110)
    book = await stage.play(context=8_192, steps=300, within=120, author=author)
    assert (book.code, novelist.too_long) == (0, [])
    last = book.of(ev.ContextCompressed)[-1]
    put_away = [name for name in book.files if name.startswith("notes/")]
    assert put_away and all(name in last.summary for name in put_away)
    held = "".join(book.files[name].decode() for name in put_away)
    told = {seq for event in book.of(ev.StepStarted) if event.seq < last.seq for seq in event.told}
    said = [event.text for event in book.of(ev.NoteGiven) if event.seq in told]
    assert said and [note for note in said if note not in last.summary and note not in held] == []
    assert said[-1] in last.summary
    assert last.after < 0.6 * 0.9 * 8_192


async def test_a_note_an_edit_and_results_longer_than_the_window_don_t_overflow_it(stage: Stage) -> None:
    novelist = Novelist(8_192, 6, 420, 0)
    stage.model = novelist
    many = [
        Wire.call('{"filename": "chapter_01.md"}', name="read_file", id=f"m{n}", index=n) for n in range(MOST_CALLS)
    ]
    novelist.plan.insert(6, Answer([*many, Wire.delta("tool_calls"), Wire.DONE]))
    long_note, long_edit = prose(1, 9_000), prose(2, 9_000)

    def author(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.StepFinished) and event.step in (1, 8):  # also when there is nothing to leave out yet
            run.note(f"{event.step}: {long_note}")
        elif isinstance(event, ev.StepFinished) and event.step == 5:
            (stage.root / "chapter_01.md").write_text(f"# Chapter 1\n\n{long_edit}\n", encoding="utf-8")

    book = await stage.play(context=8_192, steps=60, within=60, author=author)
    assert (book.code, novelist.too_long) == (0, [])
    for step in (1, 8):
        assert any(f"{step}: {long_note}".encode() in text for name, text in book.files.items() if "notes/" in name)
    assert long_edit.encode() in book.files["chapter_01.md"]
    read = [event for event in book.of(ev.ToolFinished) if event.name == "read_file"]
    assert len(read) == MOST_CALLS and all(event.ok and "left out here" in event.result for event in read)
    assert [event.file for event in book.of(ev.FileRead)] == []  # it has not seen it whole
    for body in [*novelist.bodies, *novelist.summaries]:
        assert_echoed(body["messages"])
    assert "chapter_06.md" in book.files


# --- summaries that are no good ---------------------------------------------------------------------------------------

CALLED = calls("list_files", "l")
CUT = Answer([*Wire.text("## Plot so far\nMara is"), Wire.delta("length"), Wire.DONE])
BAD = {"empty": CALLED, "cut": CUT, "too long": Wire.reply("Mara waits. " * 4_000)}


@pytest.mark.parametrize("bad", BAD.values(), ids=BAD.keys())
@pytest.mark.parametrize("times", [1, 2])
async def test_a_summary_that_is_no_good_is_asked_for_again_then_made_from_the_files(
    bad: Answer, times: int, stage: Stage
) -> None:
    novelist = Novelist(32_768, 9, 1_500, 1)
    stage.model = novelist
    answers = [bad] * times
    novelist.answer_summary = lambda body: answers.pop(0) if answers else novelist.summary(body)
    book = await stage.play(context=32_768, steps=100, within=120)
    assert (book.code, novelist.too_long) == (0, [])
    first = book.of(ev.ContextCompressed)[0].summary
    again = novelist.summaries[1]["messages"][-1]["content"]
    assert "Your last try can't be used" in again and len(again) > len(novelist.summaries[0]["messages"][-1]["content"])
    if times == 1:
        assert "Summary 2: Mara waits" in first and MADE_HERE not in first
    else:
        assert MADE_HERE in first and "Mara is" not in first
        line = next(line for line in first.splitlines() if line.startswith("- chapter_01.md (Chapter 1), "))
        assert chapter(1, 1_500).split("\n\n")[1][:40] in line
        assert "Next in the outline: " in first


async def test_what_is_made_from_the_files_carries_the_summary_before_it_forward(stage: Stage) -> None:
    novelist = Novelist(8_192, 16, 420, 2)
    stage.model = novelist
    novelist.answer_summary = lambda body: novelist.summary(body) if len(novelist.summaries) == 1 else CALLED
    book = await stage.play(context=8_192, steps=300, within=120)
    first, *others = book.of(ev.ContextCompressed)
    assert len(others) >= 3 and MADE_HERE not in first.digest
    for event in others:
        assert event.digest.startswith(first.digest)
        assert event.digest.count(MADE_HERE) == 1


async def test_a_compression_that_would_free_nothing_is_not_made_again_and_again(stage: Stage) -> None:
    novelist = Novelist(8_192, 3, 420, 1)
    stage.model = novelist
    book = await stage.play(context=8_192, steps=60, wish=f"A harbour. {prose(1, 4_600)}", within=60)
    steps = len(book.of(ev.StepStarted))
    assert len(book.of(ev.ContextCompressed)) <= steps
    assert book.code in (0, 1) and steps < 60


# --- summaries that are kept ------------------------------------------------------------------------------------------


async def test_a_summary_is_kept_every_so_many_steps_and_the_book_goes_on_from_it(stage: Stage) -> None:
    stage.model = novelist = Novelist(100_000, 12, 300, 0)
    often = Compressing(every=4)
    book = await stage.play(steps=10, compressing=often)
    assert book.code == STOPPED
    kept = book.of(ev.SummaryKept)
    assert [event.step for event in kept] == [4, 8]
    assert_prefixes_hold(novelist.bodies)
    assert book.of(ev.ContextCompressed) == []  # nothing else changes by it
    for event in kept:
        text = summary_file(book.root, event.step).read_text(encoding="utf-8")
        assert text.startswith(f"# The Harbour, after step {event.step}\n") and event.summary in text
    assert summary_file(book.root, 4).name == "step_0004.md"

    again = await stage.play(steps=40, compressing=Compressing(every=100, begin_from=4))
    assert again.code == 0
    [begun] = again.of(ev.ContextCompressed)
    first = again.sent(0)
    assert len(first) == 3 and first[2]["content"] == begun.summary
    assert kept[0].summary in begun.summary and kept[1].summary not in begun.summary
    assert "made after step 4" in begun.summary and "chapter_07.md" in begun.summary
    assert again.files.keys() >= {f"chapter_{number:02}.md" for number in range(1, 13)}


async def test_a_summary_is_begun_from_only_between_two_steps(stage: Stage) -> None:
    stage.model = Novelist(100_000, 8, 300, 0)

    def leave(run: Run, event: ev.Event) -> None:
        if isinstance(event, ev.ReplyFinished) and event.tool_calls[0].id == "w3":
            run.stop()

    book = await stage.play(steps=40, compressing=Compressing(every=4), author=leave)
    assert book.code == STOPPED and "chapter_03.md" not in book.files
    again = await stage.play(steps=40, compressing=Compressing(every=100, begin_from=4))
    assert again.code == 0 and again.files["chapter_03.md"] == chapter(3, 300).encode()
    kinds = again.kinds
    assert kinds.index("tool_finished") < kinds.index("step_finished") < kinds.index("context_compressed")
    for number in range(len(again.requests)):
        assert_echoed(again.sent(number))


async def test_a_summary_kept_and_a_compression_at_the_same_point_are_one_call(stage: Stage) -> None:
    asks = [calls("compress_context", "c"), writes("# Two\n\nThe tide.\n", "chapter_02.md", id="x")]
    book = await stage.play(writes(id="w"), *asks, compressing=Compressing(every=2))
    assert book.code == 0
    [kept], [compressed] = book.of(ev.SummaryKept)[:1], book.of(ev.ContextCompressed)
    assert kept.summary == compressed.digest
    assert [event.purpose for event in book.of(ev.CallAccounted)].count("summary") <= 2


def test_a_summary_that_was_not_kept_is_a_clear_sentence() -> None:
    conversation = Conversation()
    with pytest.raises(UsageError, match="None has been kept yet"):
        compressing_of(conversation, None, None, 0)
    for step in (50, 100):
        conversation.apply(ev.SummaryKept(step=step, summary="So far."))
    assert compressing_of(conversation, 0.5, 10, 0) == Compressing(at=0.5, every=10, begin_from=100)
    assert compressing_of(conversation, None, None, 50).begin_from == 50
    assert compressing_of(conversation, None, None, None) == Compressing(at=0.9, every=50)
    with pytest.raises(UsageError, match=r"after step 60.* those after the steps 50, 100"):
        compressing_of(conversation, None, None, 60)


async def test_the_threshold_is_the_authors(stage: Stage) -> None:
    stage.model = novelist = Novelist(32_768, 10, 1_500, 1)
    book = await stage.play(context=32_768, steps=100, within=120, compressing=Compressing(at=0.5))
    assert book.code == 0 and len(book.of(ev.ContextCompressed)) >= 2
    assert novelist.largest < 0.75 * 32_768
    assert all(event.after < 0.6 * 0.5 * 32_768 for event in book.of(ev.ContextCompressed))
