"""The tools and hostile file names: nothing outside the book's folder is made, changed or read, whatever the name."""

import asyncio
import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from studio import events as ev
from studio.agent import toolbox
from studio.agent.memory.message import Material, compressed_message
from studio.agent.open_book import OpenBook
from studio.agent.tool import ToolContext
from studio.agent.tools.list_files import listing
from studio.book.texts import texts

SECRET = "what lies outside"

pieces = st.sampled_from(
    [
        *["..", ".", "...", "/", "//", "\\", "~", "~root", "C:", "C:\\", "\\\\host\\share", "file://", "%2e%2e%2f"],
        *["．．", "／", "‥", "…", "∕", "⁄", "\u2024\u2024", "．．／．．／secret"],
        *["con", "NUL.md", "COM¹", "aux ", "a:b", "a.md:stream", "::$DATA", "a.md.", "a.md ", " a.md"],
        *["\0", "a\0.md", "\n", "\x1b[2J", "\x9b", "\u202edm.a", "\u200b", "\ufeff", "\ud83d", "\u2028", "\x7f"],
        *["é", "e\u0301", "É", "ß", "ẞ", "ﬁ", "İ", "ı", "K", "Å", "島", "🌊"],
        *["secret", "secret.md", "other/secret.md", "link", "linkdir/secret.md", "hard.md", "pipe.md", "dir.md"],
        *[".studio/journal.db", ".studio/tmp/x", ".git/config", "book.yaml", "exports/x.md", ".md", "sub/"],
        *["x" * 250, "-rf", "$(id)"],
        *["*", "?", "|", "<x>", '"', "'", "`id`", "{a,b}", "a;b"],
    ]
)  # fmt: skip
names = (
    st.lists(pieces, min_size=1, max_size=5).map("".join)
    | st.lists(pieces, min_size=1, max_size=5).map("/".join)
    | st.text(max_size=30)
    | st.integers(1, 8).map(lambda up: "../" * up + "secret.md")
)


class World:
    """A book among what is not its own: a sibling, a file above, links that lead out."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.root = place / "projects/salt"
        self.root.mkdir(parents=True)
        for outside in ("secret.md", "secret", "projects/secret.md", "projects/other/secret.md", "here/secret.md"):
            (place / outside).parent.mkdir(parents=True, exist_ok=True)
            (place / outside).write_text(SECRET)
        (self.root / "link.md").symlink_to(place / "secret.md")
        (self.root / "link").symlink_to(place / "not yet.md")
        (self.root / "linkdir").symlink_to(place / "projects/other")
        (self.root / "hard.md").hardlink_to(place / "secret.md")
        (self.root / "dir.md").mkdir()
        os.mkfifo(self.root / "pipe.md")
        (self.root / "book.yaml").write_text(f"title: {SECRET}\n")
        self.own = self.inside()
        self.before = self.outside()

    def outside(self) -> dict[str, bytes | None]:
        return {
            str(path.relative_to(self.place)): path.read_bytes() if path.is_file() else None
            for path in self.place.rglob("*")
            if not path.is_relative_to(self.root)
        }

    def inside(self) -> set[Path]:
        return {path for path in self.root.rglob("*") if ".studio" not in path.relative_to(self.root).parts}


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    made = World(tmp_path / "world")
    monkeypatch.chdir(made.place / "here")
    monkeypatch.setenv("HOME", str(made.place))
    return made


@pytest.fixture
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


async def _nobody(*asked: object) -> str:
    raise AssertionError(asked)


def context_of(book: OpenBook, number: int) -> ToolContext:
    return ToolContext(
        folder=book.folder,
        manuscript=book.manuscript,
        ledger=book.ledger,
        settings=book.settings,
        record=book.record,
        write_id=f"{number}.0",
        ask=_nobody,
        consult=_nobody,
        fits=lambda messages: True,
        chapters=book.chapters,
        text_of=book.journal.text,
    )


def use(runner: asyncio.Runner, book: OpenBook, number: int, tool: str, **arguments: str) -> tuple[bool, str]:
    call = ev.ToolCall(id=str(number), name=tool, arguments=json.dumps(arguments))
    return runner.run(toolbox.carry_out(call, context_of(book, number)))


def test_no_tool_makes_changes_or_reads_anything_outside(world: World, runner: asyncio.Runner) -> None:
    async def opened() -> OpenBook:
        return OpenBook.open(world.root)

    book = runner.run(opened())
    done = {"written": 0, "refused": 0, "calls": 0}

    @settings(max_examples=350, deadline=None, suppress_health_check=list(HealthCheck))
    @given(names)
    @example("../secret.md")
    @example(str(world.place / "secret.md"))
    @example("linkdir/secret.md")
    @example("linkdir/new.md")
    @example("link")
    @example("~/secret.md")
    def each(name: str) -> None:
        for tool, arguments in (
            ("read_file", {}),
            ("write_file", {"content": "agent", "mode": "create"}),
            ("write_file", {"content": "agent", "mode": "append"}),
            ("write_file", {"content": "agent", "mode": "overwrite"}),
            ("edit_file", {"old_text": SECRET, "new_text": "agent"}),
            ("read_file", {}),
        ):
            done["calls"] += 1
            ok, result = use(runner, book, done["calls"], tool, filename=name, **arguments)
            assert SECRET not in result
            assert "failed inside the studio" not in result
            result.encode("utf-8")
            done["written" if ok and tool != "read_file" else "refused"] += 1
        assert world.outside() == world.before
        made = sorted(world.inside() - world.own, reverse=True)
        for path in made:
            parts = path.relative_to(world.root).parts
            assert len(parts) <= 4 and parts[0].casefold() != "exports"  # deeper it is a folder like any other
            assert not any(part.startswith(".") or part == ".." for part in parts)
            assert not path.is_symlink()
            if path.is_dir():
                path.rmdir()
            else:
                assert path.suffix.lower() == ".md"
                path.unlink()

    try:
        each()
    finally:
        runner.run(book.close())
    assert done["written"] > 50 and done["refused"] > 500
    assert world.outside() == world.before


def test_searching_and_listing_look_at_nothing_outside(world: World, runner: asyncio.Runner) -> None:
    async def opened() -> OpenBook:
        return OpenBook.open(world.root)

    book = runner.run(opened())
    (world.root / "hard.md").unlink()  # which is a file of the book as well
    found = [use(runner, book, 1, "search_files", query="lies outside"), use(runner, book, 2, "list_files")]
    runner.run(book.close())
    assert all(SECRET not in result and "link" not in result for _, result in found)


async def test_a_file_in_another_encoding_is_left_out_of_searches_and_summaries(world: World) -> None:
    (world.root / "bible").mkdir()
    (world.root / "bible/old.md").write_bytes("Über".encode("latin-1"))
    (world.root / "outline.md").write_text("The plan.\n")
    book = OpenBook.open(world.root)
    found = await toolbox.carry_out(
        ev.ToolCall(id="1", name="search_files", arguments='{"query": "plan"}'), context_of(book, 1)
    )
    files = [(name, text) for name, text in texts(book.folder) if text is not None]
    material = Material(digest="So far.", notes=[], files=files, listing=listing(context_of(book, 2)))
    summary = compressed_message(material, 2_000, len)
    await book.close()
    assert found == (True, "outline.md:1: The plan.")
    assert "The plan." in summary and "bible/old.md: not UTF-8 text" in summary
