"""An editor that saves at random moments, while the agent writes the same file as fast as it can: no save is lost."""

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from studio.agent.open_book import OpenBook
from studio.book.manuscript import Manuscript, WriteRefused, Written

EDITOR = Path(__file__).parent.parent / "support" / "racing_editor.py"


class Save:
    """What the editor said of one save."""

    def __init__(self, line: str) -> None:
        self.sha256, seen, gone, self.way = line.split()
        self.seen, self.gone = seen == "1", gone == "1"


@contextlib.asynccontextmanager
async def racing(root: Path, seed: int, saves: int, *, hints: bool) -> AsyncIterator[tuple[OpenBook, list[Save]]]:
    """A book whose agent writes while the editor saves; when that is over, the book is closed and all is told."""
    book = OpenBook.open(root)
    book.watcher._use_hints = hints
    told: list[Save] = []
    await book.manuscript.write("0", "a.md", "# One\n\nIt began.\n", "create", describe)
    watching = asyncio.create_task(book.watcher.watch())
    command = [sys.executable, str(EDITOR), str(root / "a.md"), str(seed), str(saves)]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert child.stdin is not None and child.stdout is not None
    child.stdout.readline()
    child.stdin.write("go\n")
    child.stdin.flush()
    reading = asyncio.create_task(asyncio.to_thread(child.stdout.readlines))
    number = 0
    while not reading.done():
        number += 1
        with contextlib.suppress(WriteRefused):
            await write(book, number)
    told += [Save(line) for line in await reading]
    assert child.wait() == 0
    watching.cancel()
    await asyncio.wait([watching])
    await book.watcher.scan(full=True)
    await book.manuscript.close()
    await book.journal.durable()
    try:
        yield book, told
    finally:
        await book.close()


def describe(written: Written) -> str:
    return f"{written.words} words"


async def write(book: OpenBook, number: int) -> None:
    manuscript = book.manuscript
    if number % 3 == 0:
        text = await manuscript.read("a.md") or ""
        if line := next((line for line in text.split("\n") if line.startswith("Agent wrote")), ""):
            await manuscript.edit(str(number), "a.md", line, f"Agent wrote piece {number} anew.", describe)
            return
    if number % 7 == 0:
        whole = f"# One\n\nIt began.\n\nAgent wrote piece {number} here.\n"
        await manuscript.write(str(number), "a.md", whole, "overwrite", describe)
    else:
        await manuscript.write(str(number), "a.md", f"Agent wrote piece {number} here.\n", "append", describe)


@pytest.mark.parametrize("hints", [True, False], ids=["file events", "scans only"])
async def test_no_save_is_lost_however_the_editor_saves(
    hints: bool, tmp_path: Path, thorough: bool, figure: Callable[[str], None]
) -> None:
    saves, seeds = (500, 10) if thorough else (200, 1)
    seen = displaced = 0
    ways: Counter[str] = Counter()
    for seed in range(seeds):
        root = tmp_path / f"salt-{seed}"
        root.mkdir()
        async with racing(root, seed, saves, hints=hints) as (book, told):
            kept = {path.read_bytes() for path in (root / ".studio").glob("kept/*")}
            assert kept == set(), "a save of plain text was not taken for a text"
            for save in told:
                # What the editor itself replaced, a moment later, is the editor's own; what another replaced is ours.
                if save.seen and save.gone:
                    assert book.journal.has_text(save.sha256), f"lost, saved by {save.way} (seed {seed})"
            final = (root / "a.md").read_text()
            assert f"Author wrote line {saves - 1} here." in final
            ways.update(save.way for save in told if save.seen)
            seen += sum(save.seen for save in told)
            displaced += sum(save.seen and save.gone for save in told)
    assert displaced > saves * seeds // 20, "the agent hardly ever met the editor: this proves nothing"
    figure(
        f"race ({'file events' if hints else 'scans only'}): {saves * seeds} saves in {len(ways)} ways, {seen} seen on "
        f"disk, {displaced} of them displaced by the agent, 0 lost"
    )


async def test_a_blind_write_loses_saves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """That the test above can fail: the same race, with a blind rename in the place of the exchange."""

    def blind(self: Manuscript, temp: str, written: Written, before: str | None) -> bool:
        self._folder.stage(temp, written.text)
        self._folder.temp_path(temp).rename(self._folder.root / written.file)
        return False

    monkeypatch.setattr(Manuscript, "_exchange", blind)
    (tmp_path / "salt").mkdir()
    async with racing(tmp_path / "salt", 1, 300, hints=True) as (book, told):
        lost = [save for save in told if save.seen and save.gone and not book.journal.has_text(save.sha256)]
    assert lost
