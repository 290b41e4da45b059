"""Summaries beside the record: readable copies, their owner's alone, written once."""

import os
from pathlib import Path

import pytest

from studio.book.summaries import summary_file, write_summaries
from studio.errors import BookError


@pytest.fixture
def book(tmp_path: Path) -> Path:
    (tmp_path / ".studio").mkdir()
    return tmp_path


def test_what_is_missing_is_written_and_what_is_there_stays(book: Path) -> None:
    write_summaries(book, {50: "First."})
    summary_file(book, 50).write_text("The author wrote into it.")
    write_summaries(book, {50: "First.", 100: "Second.\n\n"})
    assert summary_file(book, 50).read_text() == "The author wrote into it."
    assert summary_file(book, 100).read_text() == "Second.\n"
    assert sorted(path.name for path in (book / ".studio/summaries").iterdir()) == ["step_0050.md", "step_0100.md"]


def test_the_folder_is_its_owners_alone(book: Path) -> None:
    before = os.umask(0)
    try:
        write_summaries(book, {50: "So far."})
    finally:
        os.umask(before)
    assert (book / ".studio/summaries").stat().st_mode & 0o777 == 0o700


def test_nothing_in_it_acts_on_a_terminal(book: Path) -> None:
    write_summaries(book, {50: "So \x1b]0;far\x07."})
    assert "\x1b" not in summary_file(book, 50).read_text()


def test_nothing_is_written_where_a_link_leads(book: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside")
    (book / ".studio/summaries").symlink_to(outside)
    with pytest.raises(BookError):
        write_summaries(book, {50: "So far."})
    assert list(outside.iterdir()) == []
