"""`studio history`: reads beside another studio, says clearly what there is, and puts back what is asked for."""

import asyncio
import io
import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from studio import cli
from studio import events as ev
from studio.agent.open_book import OpenBook
from studio.book import layout
from studio.book.history import History
from studio.book.journal import sha256_of
from studio.errors import BookError, BookHeld, UsageError
from studio.history_command import Asked, run_history, since_number

ONE = "# Ebb\n\nThe lamp was lit. Mara waited.\n"
MINE = "# Ebb\n\nThe lamp was lit. Mira waited.\n"
TWO = "# Ebb\n\nThe lamp was dark. Mira waited. The end.\n"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A book whose chapter the agent wrote, the author changed, and the agent wrote again; a second one came last."""
    layout.create_book(tmp_path, "A book about the tide", "tide")
    root = tmp_path / "tide"

    async def write() -> None:
        book = OpenBook.open(root)
        book.record(ev.StepStarted(step=1, limit=9))
        await book.manuscript.write("1.0", "chapter_01.md", ONE, "create", lambda _: "ok")
        (root / "chapter_01.md").write_text(MINE)
        await book.watcher.scan(full=True)
        book.record(ev.StepStarted(step=2, limit=9))
        book.record(ev.FileRead(file="chapter_01.md", sha256=book.ledger.disk("chapter_01.md")))
        await book.manuscript.write("2.0", "chapter_01.md", TWO, "overwrite", lambda _: "ok")
        await book.manuscript.write("2.1", "章一.md", "潮が引いた。\n", "create", lambda _: "ok")
        await book.close()

    asyncio.run(write())
    return root


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def history(root: Path) -> Callable[..., str]:
    """`history(**asked)` returns what the command writes."""

    def ask(*, out: io.StringIO | None = None, environment: dict[str, str] | None = None, **asked: Any) -> str:
        out = out or io.StringIO()
        asked.setdefault("book", "tide")
        assert run_history(root.parent, Asked(**asked), out, environment=environment or {}) == 0
        return out.getvalue()

    return ask


def test_it_lists_who_changed_what_when_and_by_how_many_words(history: Callable[..., str]) -> None:
    head, *rows, last = history().splitlines()
    assert head.split() == ["#", "when", "who", "step", "file", "words", "change"]
    cells = [row.split() for row in rows]
    assert [[row[0], *row[3:]] for row in cells] == [
        ["1", "agent", "1", "chapter_01.md", "7", "+7", "create"],
        ["2", "author", "1", "chapter_01.md", "7", "+1", "−1"],
        ["3", "agent", "2", "chapter_01.md", "9", "+3", "−1", "overwrite"],
        ["4", "agent", "2", "章一.md", "5", "+5", "create"],
    ]
    assert last.startswith("4 revisions of 2 files; ")
    assert "of versions in a record of" in last
    from rich.cells import cell_len

    assert len({cell_len(row[: row.rindex("+")]) for row in rows if row.endswith("create")}) == 1  # the columns stand
    assert len(history(file="章一").splitlines()) == 3


def test_a_damaged_version_does_not_keep_the_others_from_being_listed(root: Path, history: Callable[..., str]) -> None:
    with closing(sqlite3.connect(root / ".studio/journal.db")) as record, record:
        record.execute("UPDATE versions SET body = X'00' WHERE sha256 = ?", (sha256_of(TWO),))
    assert [row.split()[0] for row in history().splitlines()[1:-1]] == ["1", "2", "3", "4"]
    assert history(show=1) == ONE
    assert "潮が引いた。" in history(who=True)
    with pytest.raises(BookError, match="damaged"):
        history(show=3)


def test_it_shows_a_text_and_a_difference_word_by_word(history: Callable[..., str]) -> None:
    assert history(show=1) == ONE
    assert history(show=4, file="chapter_01") == TWO
    told = history(diff=[1, 3])
    assert told.startswith("chapter_01.md  +4 −2 words\n")
    assert "  The lamp was [-lit-]{+dark+}. [-Mara-]{+Mira+} waited.{+ The end.+}\n" in told
    assert "章一.md  +5 −0 words\n  {+潮が引いた。+}" in history(diff=[3])
    assert [json.loads(line)["file"] for line in history(diff=[0, 4], json=True).splitlines()] == [
        "chapter_01.md",
        "章一.md",
    ]


async def test_a_name_that_another_file_has_by_now_hides_no_revision(history: Callable[..., str], root: Path) -> None:
    """Revisions 1 to 3 are of a file that is called otherwise now; 6 is of a new one under its old name."""
    (root / "chapter_01.md").rename(root / "ebb.md")
    book = OpenBook.open(root)
    await book.watcher.scan(full=True)
    (root / "chapter_01.md").write_text("Another.\n")
    await book.watcher.scan(full=True)
    await book.close()

    async def ask(**asked: Any) -> str:
        return await asyncio.to_thread(lambda: history(**asked))

    assert await ask(show=1) == ONE
    assert await ask(file="chapter_01.md", show=6) == "Another.\n"
    assert "Mara{+Mira+}" in (await ask(diff=[1, 2])).replace("[-Mara-]", "Mara")
    assert "Mira{+Mara+}" in (await ask(diff=[2, 1])).replace("[-Mira-]", "Mira")
    changed = (await ask(diff=[1, 6])).splitlines()
    assert [line.split()[0] for line in changed if line.endswith("words")] == ["chapter_01.md", "ebb.md", "章一.md"]
    back = (await ask(diff=[6, 1])).splitlines()
    assert [line.split()[0] for line in back if line.endswith("words")] == ["chapter_01.md", "ebb.md", "章一.md"]


def test_it_tells_whose_the_sentences_are(history: Callable[..., str]) -> None:
    told = history(who=True, file="chapter_01.md")
    assert told.startswith("chapter_01.md: 9 words, 2 the author's (22 %), 7 the agent's\n")
    assert "  author  Mira waited." in told


def test_colours_only_where_they_are_seen_and_wanted(history: Callable[..., str]) -> None:
    assert "\x1b" not in history()
    assert "\x1b[32mauthor" in history(out=Terminal())
    assert "\x1b" not in history(out=Terminal(), environment={"NO_COLOR": "1"})
    assert "\x1b[31;9m" in history(out=Terminal(), diff=[1, 3])


def test_no_text_of_a_file_can_act_on_the_terminal(history: Callable[..., str], root: Path) -> None:
    (root / "chapter_01.md").write_text("# Ebb\n\nOut\x1b]52;c;eA==\x07 of it\x9b2J.\n")
    history(restore=4, file="chapter_01.md")  # notes what is there; it is so restored twice
    for asked in ({"show": 5}, {"diff": [4, 5]}, {"who": True}, {}):
        told = history(**asked)
        assert not {"\x1b", "\x07", "\x9b"} & set(told)


def test_a_restore_puts_the_file_back_and_says_how_to_take_that_back(history: Callable[..., str], root: Path) -> None:
    (root / "chapter_01.md").write_text(TWO + "Not saved in the record yet.\n")
    told = history(restore=1)
    assert (root / "chapter_01.md").read_text() == ONE
    assert told.splitlines() == [
        "chapter_01.md changed: chapter_01.md as of revision 1.",
        "To take it back: studio history tide chapter_01.md --restore 5",
    ]
    history(restore=5, file="chapter_01.md")
    assert (root / "chapter_01.md").read_text() == TWO + "Not saved in the record yet.\n"
    assert history(restore=5, file="chapter_01.md").startswith("Nothing to do: ")
    assert len([row for row in history().splitlines() if " author " in row]) == 4


def test_the_whole_book_goes_back_and_forth(history: Callable[..., str], root: Path) -> None:
    history(restore=2, whole=True)
    assert {file.name: file.read_text() for file in root.glob("*.md")} == {"chapter_01.md": MINE}
    told = history(restore=4, whole=True)
    assert told.startswith("2 files changed: the whole book as of revision 4.\n")
    assert (root / "chapter_01.md").read_text() == TWO and (root / "章一.md").exists()


def test_what_the_agent_did_since_is_undone_and_the_authors_stays(history: Callable[..., str], root: Path) -> None:
    (root / "chapter_01.md").write_text(TWO.replace("The end.", "The end, said Mira."))
    told = json.loads(history(undo_agent="2", json=True))
    assert told["files"] == ["章一.md", "chapter_01.md"]
    text = (root / "chapter_01.md").read_text()
    assert "The lamp was lit. Mira waited." in text and "The end, said Mira." in text
    assert not (root / "章一.md").exists()


def test_json_is_one_object_a_line_whatever_the_text_holds(history: Callable[..., str], root: Path) -> None:
    text = "One\u2028two\x85three\u2029four\nfive.\n"
    (root / "chapter_01.md").write_text(text)
    history(restore=4, file="章一.md")  # looks at the disk
    (line,) = history(show=5, json=True).splitlines()
    assert json.loads(line)["text"] == text


def test_a_prune_says_what_it_did(history: Callable[..., str]) -> None:
    assert history(prune=True) == "Nothing to prune: every version is the author's, or is still of use.\n"
    assert json.loads(history(prune=True, json=True)) == {"pruned": 0, "freed": 0}


async def test_a_pruned_revision_is_marked_and_refused_with_the_reason(history: Callable[..., str], root: Path) -> None:
    book = OpenBook.open(root)
    for number in range(5):
        await book.manuscript.write(f"9.{number}", "c.md", f"Text {number}.\n", "overwrite", lambda _: "ok")
    await book.journal.prune(keep=1)
    await book.close()
    marked = [row.split()[0] for row in history().splitlines() if row.endswith("pruned")]
    assert marked == ["5", "6", "7"]
    with pytest.raises(BookError, match=r"revision 6 \(c\.md\) is no longer in the record: old versions .* pruned"):
        history(show=6)


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"book": "nobook"}, "no book"),
        ({"file": "nofile.md"}, "no history of “nofile.md”; it has one of chapter_01.md, 章一.md"),
        ({"show": 99}, "no revision 99; tide has 1 to 4"),
        ({"restore": 0}, "Revision 0 is the book before its first change"),
        ({"diff": [1, 2, 3]}, "one revision or two"),
        ({"show": 1, "file": "章一.md"}, r"章一\.md was not there at revision 1; it was at 4"),
        ({"undo_agent": "yesterday"}, "no revision and no time; write 12, 14:30"),
        ({"undo_agent": "17"}, "no revision 17"),
        ({"whole": True}, "goes with --restore"),
        ({"prune": True, "keep": 0}, "at least 1"),
    ],
)
def test_what_is_not_there_is_said_in_a_sentence(asked: dict[str, Any], says: str, history: Callable[..., str]) -> None:
    with pytest.raises(UsageError, match=says):
        history(**asked)


async def test_beside_another_studio_it_reads_and_does_not_write(root: Path) -> None:
    book = OpenBook.open(root)

    def ask(**asked: Any) -> str:
        out = io.StringIO()
        run_history(root.parent, Asked(book="tide", **asked), out, environment={})
        return out.getvalue()

    try:
        assert await asyncio.to_thread(ask, show=1) == ONE
        assert "4 revisions" in await asyncio.to_thread(ask)
        with pytest.raises(BookHeld, match=r"another studio .*On its desk, h opens the history"):
            await asyncio.to_thread(ask, restore=1)
    finally:
        await book.close()


def test_a_moment_can_be_said_in_many_ways() -> None:
    noon = datetime(2026, 11, 24, 12, 0).timestamp()
    revisions = History(
        ev.FileWritten(file="a.md", sha256=f"{n}", words=1, mode="edit", at=noon - ago)
        for n, ago in enumerate([90_000, 7200, 3600, 60])
    ).revisions
    for since, number in {
        "3": 3,
        "10:30": 2,
        "11:59": 4,
        "9:00": 1,
        "23:00": 1,  # last evening's
        "2h": 2,
        "30m": 3,
        "2d": 0,
        "2026-11-24T11:30": 3,
        "2026-11-24": 1,
    }.items():
        assert since_number(since, revisions, noon) == number, since


def test_the_command_line_hands_it_over(root: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["history", "tide", "chapter_01.md", "--show", "1", "--projects", str(root.parent)]) == 0
    assert capsys.readouterr().out == ONE
    assert cli.main(["history", "tide", "--show", "3", "--projects", str(root.parent), "chapter_01.md"]) == 0
    assert capsys.readouterr().out == TWO
    with pytest.raises(SystemExit):
        cli.main(["history", "tide", "--show", "3", "chapter_01.md", "more"])
    assert "unrecognized arguments: chapter_01.md more" in capsys.readouterr().err
    assert cli.main(["history", "tide", "--restore", "2", "--book", "--projects", str(root.parent)]) == 0
    assert cli.main(["history", "tide", "--show", "77", "--projects", str(root.parent)]) == 2
    assert capsys.readouterr().err == "studio: There is no revision 77; tide has 1 to 6.\n"


def test_a_damaged_record_that_a_change_mends_is_told(
    history: Callable[..., str], root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    record = root / ".studio/journal.db"
    record.write_bytes(bytes(100) + record.read_bytes()[100:])
    history(restore=1)
    said = capsys.readouterr().err
    assert said.startswith("studio: The record of tide was damaged: it is kept as journal.corrupt-")
    assert len(said.splitlines()) == 1
    assert (root / "chapter_01.md").read_text() == ONE
