"""Before a tool is carried out the folder is looked at: what the author did while the reply came is heeded."""

from pathlib import Path

from loopback import Answer, Request
from played_book import CHAPTER, FINISH, ONE, Stage, writes

from studio import events as ev


async def test_a_chapter_renamed_while_the_reply_came_is_not_taken_for_removed(stage: Stage, tmp_path: Path) -> None:
    replies = iter([writes(), writes("The end.\n", mode="append", id="late:1"), FINISH])
    asked = 0

    def answer(request: Request) -> Answer:
        nonlocal asked
        asked += 1
        if asked == 2:
            (tmp_path / "tide" / ONE).rename(tmp_path / "tide" / "prologue.md")
        return next(replies)

    stage.model = answer
    book = await stage.play()
    assert [(event.file, event.to) for event in book.of(ev.AuthorRenamed)] == [(ONE, "prologue.md")]
    assert book.files == {"prologue.md": CHAPTER.encode()}
    (refused,) = [event for event in book.of(ev.ToolFinished) if not event.ok]
    assert "renamed chapter_01.md to prologue.md" in refused.result
