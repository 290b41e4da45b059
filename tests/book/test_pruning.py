"""Pruning bounds the record: of the agent's old versions only, and never a text that is still needed."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import events as ev
from studio.book.history import History
from studio.book.journal import Journal, sha256_of
from studio.book.ledger import Ledger
from studio.book.pruning import KINDS, prunable
from studio.errors import BookError

DAY = 86_400.0


def wrote(number: int, at: float = 0.0, file: str = "a.md", **more: Any) -> ev.FileWritten:
    return ev.FileWritten(file=file, sha256=f"{number}", words=1, mode="overwrite", at=at, **more)


def edited(sha: str, file: str = "a.md", **more: Any) -> ev.AuthorEdited:
    return ev.AuthorEdited(file=file, sha256=sha, words=1, diff="", **more)


def test_the_newest_of_each_file_stay_and_one_an_hour_and_a_day_before() -> None:
    minutely = [wrote(number, at=30 * DAY + number * 60) for number in range(300)]
    gone = prunable(minutely, keep=10)
    assert {str(number) for number in range(290, 300)} & gone == set()
    # The last of each of the five hours (the first of them begins at 30 days sharp), and nothing else.
    assert {str(number) for number in range(290)} - gone == {"59", "119", "179", "239", "289"}
    old = [wrote(1000 + number, at=10 * DAY + number * 3600) for number in range(48)]
    assert {str(1000 + number) for number in range(48)} - prunable([*old, *minutely], keep=10) == {"1023", "1047"}


def test_the_last_of_each_run_stays() -> None:
    events: list[ev.Event] = []
    for run in range(3):
        events.append(ev.RunStarted(book="b", backend="m", model="m", context=1))
        events += [wrote(run * 10 + number) for number in range(5)]
    # Of the last run the newest stays anyway, and the one before it as the last of the hour.
    assert prunable(events, keep=1) == {str(run * 10 + number) for run in range(3) for number in range(4)} - {"23"}


def test_each_file_counts_for_itself() -> None:
    events = [wrote(number, file=f"{number % 2}.md") for number in range(8)]
    assert prunable(events, keep=2) == {"0", "1"}  # "2" and "3" are the last of that hour


def test_what_no_event_calls_the_agents_stays() -> None:
    assert prunable([edited("mine"), edited("again")], keep=0) == set()


def written(file: str, sha256: str, view: str) -> ev.FileWritten:
    return ev.FileWritten(file=file, sha256=sha256, words=1, mode="edit", agent_sha256=view)


def intended(file: str, before: str, sha256: str, view: str) -> ev.WriteIntended:
    return ev.WriteIntended(
        id="1", file=file, before=before, sha256=sha256, agent_sha256=view, mode="edit", temp="t.tmp"
    )


names = st.sampled_from([f"{number}" for number in range(12)])
files = st.sampled_from(["a.md", "b.md"])
histories = st.lists(
    st.one_of(
        st.builds(written, files, names, names),
        st.builds(lambda f, s: edited(s, f), files, st.one_of(names, st.just(""))),
        st.builds(lambda f, s: edited(s, f, id="restore.1"), files, st.one_of(names, st.just(""))),
        st.builds(lambda f, s: ev.FileRead(file=f, sha256=s), files, names),
        st.builds(lambda f, s: ev.PartialKept(file=f, sha256=s, words=1, mode="append"), files, names),
        st.builds(intended, files, names, names, names),
        st.builds(lambda f, t: ev.AuthorRenamed(file=f, to=t), files, files),
        st.builds(lambda f, s: ev.RestoreBegun(files={f: s}, why=""), files, names),
        st.just(ev.RestoreFinished()),
        st.just(ev.RunStarted(book="b", backend="m", model="m", context=1)),
    ),
    max_size=40,
)


@settings(max_examples=400, deadline=None)
@given(histories, st.integers(0, 4))
def test_nothing_of_the_authors_and_nothing_needed_is_ever_pruned(told: list[ev.Event], keep: int) -> None:
    gone = prunable(told, keep=keep)
    ledger, history = Ledger(), History(told)
    for event in told:
        ledger.apply(event)
    for event in told:
        if isinstance(event, ev.AuthorEdited):
            assert event.sha256 not in gone
    for revision in history.revisions:
        if revision.who == "author":
            assert not {revision.sha256, revision.before} & gone
    for file in ("a.md", "b.md"):
        assert not {ledger.disk(file), ledger.agent_view(file)} & gone
        assert not {piece.sha256 for piece in ledger.pieces(file)} & gone
    for intent in ledger.unsettled():
        assert not {intent.before, intent.sha256, intent.agent_sha256} & gone
    begun = [event for event in told if isinstance(event, ev.RestoreBegun | ev.RestoreFinished)]
    if begun and isinstance(begun[-1], ev.RestoreBegun):
        assert not set(begun[-1].files.values()) & gone


def long(number: int) -> str:
    """A text that does not pack well."""
    return " ".join(sha256_of(f"{number} {n}") for n in range(60)) + "\n"


async def a_long_book(book: Any) -> None:
    (book.root / "a.md").write_text("Mine.\n")
    await book.read_by_agent("a.md")
    for number in range(30):
        await book.write("a.md", long(number), "overwrite", id=f"{number}.0")
        if number == 9:
            (book.root / "a.md").write_text(long(number) + "Mine again.\n")
            await book.read_by_agent("a.md")


async def test_a_pruned_record_is_smaller_and_has_every_event_and_every_text_that_counts(
    open_book: Callable[..., Any], root: Path
) -> None:
    book = open_book()
    await a_long_book(book)
    before = book.journal.space()
    pruned = await book.journal.prune(keep=3)
    after = book.journal.space()
    assert (pruned.versions, after.versions) == (before.versions - after.versions, before.versions - pruned.versions)
    assert pruned.versions >= 24
    assert pruned.freed > 0 and after.record < before.record / 2
    assert [type(event) for event in book.journal.read()] == [type(event) for event in book.events]
    for text in ("Mine.\n", long(9), long(9) + "Mine again.\n", long(28), long(29)):
        assert book.journal.text(sha256_of(text)) == text
    with pytest.raises(BookError, match="no version"):
        book.journal.text(sha256_of(long(4)))
    await book.write("a.md", "The end.\n", "append", id="99.0")  # the book goes on
    assert await book.journal.prune(keep=3) is not None
    await book.close()
    again = open_book()
    assert again.journal.recovered == ""
    assert (root / "a.md").read_text() == long(29) + "The end.\n"


async def test_a_record_that_outgrew_its_limit_is_pruned_when_it_is_closed(book: Any, root: Path) -> None:
    await a_long_book(book)
    await book.close()
    large = Journal.open_readonly(root).space()
    journal = Journal.open(root, limit=large.size + 1)
    await journal.close()
    assert Journal.open_readonly(root).space() == large
    journal = Journal.open(root, limit=1000)
    assert prunable(journal.of(*KINDS)) == set()  # 30 are fewer than are kept in any case
    for number in range(100, 160):
        text = long(number)
        journal.append(ev.FileWritten(file="b.md", sha256=sha256_of(text), words=1, mode="edit"), text)
    await journal.close()
    reader = Journal.open_readonly(root)
    assert not reader.has_text(sha256_of(long(101)))
    assert all(reader.has_text(sha256_of(long(number))) for number in range(110, 160))
