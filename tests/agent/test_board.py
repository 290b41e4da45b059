"""The board says of each chapter what the outline plans, what stands on disk and how it was read; from any folder."""

from pathlib import Path
from typing import Any

import pytest
from board_book import TITLES, board_book, reviewed
from played_book import ONE, Stage, writes

from studio import events as ev
from studio.agent.board import KINDS, Board
from studio.agent.board_reading import known_from, read_board
from studio.agent.open_book import OpenBook
from studio.agent.reviews.scores import told_review
from studio.book.files import Folder
from studio.errors import BookError, UsageError
from studio.headless import describe
from studio.sessions import BookSession, FollowingSession

OUTLINE = "## Chapter 1: Ebb\nTarget: 100-150 words\nLeads to: so she goes\n\n## Chapter 2: Flow\n## Chapter 3: Slack\n"


def read(root: Path, *events: ev.Event) -> Board:
    return read_board(Folder(root), known_from(events))


def book(root: Path, **files: str) -> Path:
    for name, text in files.items():
        path = root / name.replace("__", "/").replace("_md", ".md")
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return root


def test_a_chapter_goes_from_planned_to_drafted_to_reviewed(tmp_path: Path) -> None:
    root = book(tmp_path, outline_md=OUTLINE, chapter_01_md="# Ebb\n\nMara rows.\n", chapter_02_md="# Flow\n\nOn.\n")
    written = ev.FileWritten(file="chapter_01.md", sha256="a", words=120, mode="create")
    review = ev.ChapterReviewed(file="chapter_01.md", sha256="a", round=1, scores={"voice": 6, "stakes": 8}, report="r")
    one, two, three = read(root, written, review).cards
    assert (one.entry.status, one.entry.words, str(one.target), one.by) == ("reviewed", 120, "100-150", "agent")
    assert one.last is not None
    assert (one.last.mean, one.last.round, one.last.is_current) == (7.0, 1, True)
    assert (two.entry.status, two.entry.words, two.by) == ("drafted", 2, "")  # the record knows nothing of it
    assert (three.entry.status, three.entry.file, three.last) == ("planned", "", None)
    edited = ev.AuthorEdited(file="chapter_01.md", sha256="b", words=130, diff="")
    one = read(root, written, review, edited).cards[0]
    assert one.by == "author" and one.last is not None and not one.last.is_current


def test_totals_take_a_chapter_without_a_target_to_be_like_the_others(tmp_path: Path) -> None:
    board = read(book(tmp_path, outline_md=OUTLINE, chapter_01_md="# Ebb\n\nMara rows.\n"))
    assert (board.written, board.words, board.words_asked) == (1, 3, 375)
    (tmp_path / "book.yaml").write_text("words_per_chapter: 200\n", encoding="utf-8")
    assert read(tmp_path).words_asked == 125 + 200 + 200


def test_the_bible_comes_as_it_is_looked_up_and_every_chapter_once(tmp_path: Path) -> None:
    told = board_book(tmp_path)
    board = read(tmp_path, *told)
    assert [sheet.name for sheet in board.sheets] == ["bible/characters.md", "bible/timeline.md", "bible/threads.md"]
    assert [card.chapter.title for card in board.cards] == list(TITLES)
    statuses = [card.entry.status for card in board.cards]
    assert [statuses.count(one) for one in ("planned", "drafted", "reviewed", "finished")] == [18, 4, 5, 3]


@pytest.mark.parametrize("name", ["ebb.md", "Chapter One.md", "opening.md"])
def test_a_file_whose_name_says_nothing_is_known_by_its_heading(tmp_path: Path, name: str) -> None:
    root = book(tmp_path, outline_md=OUTLINE)
    (root / name).write_text("# Ebb\n\nMara rows.\n", encoding="utf-8")
    assert read(root).cards[0].entry.file == name


def test_a_folder_without_a_plan_shows_what_there_is(tmp_path: Path) -> None:
    assert read(tmp_path) == Board()
    board = read(book(tmp_path, outline_md="It is 1912.\n", salt_md="# Salt\n\nWet.\n"))
    assert board.has_outline and [card.entry.file for card in board.cards] == ["salt.md"]


def test_what_can_t_be_read_is_left_alone_and_a_broken_setting_is_told(tmp_path: Path) -> None:
    root = book(tmp_path, outline_md=OUTLINE)
    (root / "chapter_01.md").write_bytes(b"\xff\xfe")
    (root / "bible").mkdir()
    (root / "bible/style.md").write_bytes(b"\xff")
    board = read(root)
    assert board.cards[0].entry.words == 0 and board.sheets[0].text == ""
    (root / "book.yaml").write_text("chapters: many\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"book\.yaml"):
        read(root)


def test_a_folder_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(BookError):
        read(tmp_path / "gone")


async def test_who_writes_a_book_and_who_follows_it_see_the_same_board(stage: Stage) -> None:
    played = await stage.play(writes(OUTLINE, "outline.md"), writes("# Ebb\n\nMara rows out.\n"))
    book = OpenBook.open(played.root)
    nobody: Any = None  # runs it
    followed = FollowingSession(played.root, "Another studio writes this book.")
    try:
        ours, theirs = await BookSession(book, nobody).board(), await followed.board()
    finally:
        await followed.close()
        await book.close()
    assert ours == theirs
    assert [(card.entry.file, card.by) for card in ours.cards] == [(ONE, "agent"), ("", ""), ("", "")]


def test_a_review_is_told_in_one_line_with_its_weakest_two() -> None:
    event = ev.ChapterReviewed(
        file="chapter_03.md",
        sha256="a",
        round=2,
        scores={"character": 9, "voice": 6, "stakes": 7.5, "pacing": 8},
        report="notes/reviews/chapter_03-2.md",
    )
    said = "chapter_03.md reviewed, round 2: 7.6 (voice 6, stakes 7.5 …), notes/reviews/chapter_03-2.md"
    assert (told_review(event), describe(event)) == (said, f"★ {said}")
    bare = ev.ChapterReviewed(file="a.md", sha256="a", round=1, scores={}, report="n.md")
    assert told_review(bare) == "a.md reviewed, round 1: no score counts, n.md"
    assert set(KINDS) >= {type(reviewed(1, 1))}
