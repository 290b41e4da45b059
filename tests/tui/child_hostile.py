"""A desk or a library in a real terminal, all of whose texts are hostile: python child_hostile.py SCENE FOLDER.

Every text begins with the name of its place, so that the test sees which of them were shown. A note to the agent
(`i`, a number, Enter) lets the next things happen.
"""

import importlib.util
import os
import sys
from pathlib import Path

from studio import events as ev
from studio.agent.commands import BackendCard, BookCard, Restored
from studio.book.history import Revision
from studio.book.provenance import Sentence
from studio.book.room import Space
from studio.errors import StudioError, UsageError
from studio.printable import printable
from studio.tui.app import StudioApp
from studio.tui.themes import load_themes

spec = importlib.util.spec_from_file_location("played", Path(__file__).with_name("conftest.py"))
assert spec is not None
assert spec.loader is not None
played = importlib.util.module_from_spec(spec)
spec.loader.exec_module(played)

# Each acts on a terminal, hides, reorders or is markup; 7777 and EVIL say that it is ours and not Textual's.
PAYLOADS = [
    "\x1b]52;c;EVIL\x07",
    "\x1b]0;EVIL\x1b\\",
    "\x1b]8;;EVIL\x07",
    "\x1b[7777J",
    "\x1b[7777;31m",
    "\x1bPEVIL\x1b\\",
    "\x1bc",
    "\x9b7777J",
    "\x9d0;EVIL\x9c",
    "\x00\x08\x0b\x0c\r\x0e\x7f\x85",
    "\u202eEVIL\u2066\u200f\u061c",
    "\u200bEVIL\ufeff\u2060\u180e\u00ad",
    "\U000e0045\U000e0056\ufff9",
    "\udcff\ud83d",
    "\u2028",
    "[@click=app.bell]EVIL[/]",
    "[link=EVIL]x[/link]",
    "[red]EVIL[/red]",
    "[/]",
    "[/EVIL]",
    "[$nope]",
    ":skull:",
]


def evil(place: str) -> str:
    """The name of a place, and everything hostile after it; harmless when the environment says so."""
    hostile = "".join(PAYLOADS)
    if os.environ.get("HARMLESS"):
        hostile = printable(hostile).replace("[", "(").replace("\n", " ")
    return f"{place}@{hostile}"


def file_name(place: str) -> str:
    """As much of it as a file system takes; a file whose name is not UTF-8 is none of the book's."""
    name = evil(place).replace("/", "_").replace("\0", "").replace("\ud83d", "")
    if place != BOOK:
        name = name.replace("\udcff", "")
    return name.encode("utf-8", "surrogateescape")[:180].decode("utf-8", "surrogateescape")


BOOK = "folder"
READ, GONE, LIVE = "read", "gone", "live"


def first() -> list[ev.Event]:
    """What the record holds already."""
    return [
        ev.RunStarted(book=evil("book"), backend=evil("back"), model=evil("model"), context=100),
        ev.TitleGiven(title=evil("title")),
        ev.StepStarted(step=1, limit=3, message=evil("message")),
        ev.ReasoningDelta(text=evil("think")),
        ev.ReplyDelta(text=evil("reply")),
        ev.ReplyCut(why=evil("cut")),
        ev.FileWritten(file=file_name(READ) + ".md", sha256="1", words=3, mode="create"),
        ev.FileWritten(file=file_name(GONE) + ".md", sha256="1", words=3, mode="create"),
        ev.FileWritten(file=evil("made") + ".md", sha256="1", words=3, mode="create"),
        ev.StepStarted(step=2, limit=3),
        ev.ToolArriving(index=0, name=evil("arriving")),
        ev.ProseDelta(file=evil(LIVE), text=evil("prose")),
    ]


def planned(root: Path) -> list[ev.Event]:
    """A board of hostile words: its files, and what the record says of them."""
    (root / "bible").mkdir()
    pages = {
        "outline.md": f"## Chapter 1: {evil('chapter')}\n{evil('below')}\nLeads to: {evil('leads')}\n",
        "chapter_01.md": evil("text"),
        "bible/characters.md": f"## {evil('person')}\n- **Want:** {evil('want')}\n\n## Other\n{evil('other')}\n",
        f"bible/{file_name('sheet')[:60]}.md": f"| {evil('cell')} | b |\n|---|---|\n",
    }
    for name, text in pages.items():
        (root / name).write_bytes(text.encode("utf-8", "ignore"))
    return [
        ev.FileWritten(file="chapter_01.md", sha256="1", words=3, mode="create"),
        ev.ChapterReviewed(
            file="chapter_01.md", sha256="1", round=1, scores={evil("criterion"): 5.0}, report=evil("report")
        ),
    ]


FIRST = ["title", "model", "think", "reply", "cut", "arriving", "prose", "live", "made"]

# Each with the places where something of it is shown.
STAGES: list[tuple[list[str], list[ev.Event]]] = [
    # One at a time: what comes with more after it may be scrolled away before it is painted.
    (["tool"], [ev.ToolFinished(id="1", name=evil("tool"), ok=True, result=evil("result"))]),
    (["good"], [ev.ToolFinished(id="1", name="write_file", ok=True, result=evil("good"))]),
    (["bad"], [ev.ToolFinished(id="2", name="write_file", ok=False, result=evil("bad"))]),
    (["edited"], [ev.AuthorEdited(file=evil("edited"), sha256="1", words=3, diff=evil("diff"))]),
    (["removed"], [ev.AuthorEdited(file=evil("removed"), sha256="", words=0, diff=evil("diff"))]),
    (["renaming"], [ev.FactChanged(file="a.md", old=evil("renaming"), new=evil("new"), places=2, files=("b.md",))]),
    (["note"], [ev.NoteGiven(text=evil("note"))]),
    (["answer"], [ev.AnswerGiven(text=evil("answer"))]),
    (["merged"], [ev.MergeConflict(file=evil("merged"), author=evil("a"), agent=evil("b"))]),
    (["kept"], [ev.PartialKept(file=evil("kept"), sha256="1", words=1, mode="")]),
    (
        ["change", "other"],
        [
            ev.BackendSwitched(
                backend=evil("back"), model=evil("other"), context=100, base_url=evil("url"), changes=(evil("change"),)
            )
        ],
    ),
    (["question"], [ev.QuestionAsked(text=evil("question"))]),
    (["fault"], [ev.AnswerGiven(text="so"), ev.BackendFault(error=evil("fault"), retry_in=60.0)]),
    (
        ["given", "paused"],
        [ev.BackendFault(error=evil("given"), retry_in=None), ev.Paused(why=evil("paused"), by="fault")],
    ),
    (["limit"], [ev.Resumed(), ev.Paused(why=evil("limit"), by="limit")]),
    (["prepare"], [ev.Resumed(), ev.BackendPreparing(text=evil("prepare"))]),
    (["beside"], [ev.QuestionAsked(text=evil("beside"), id="1.0", waits=False)]),
    (["gate"], [ev.Paused(why=evil("gate"), by="gate")]),
    (["finished"], [ev.RunFinished(reason=evil("finished"))]),
    (["failed"], [ev.RunFailed(error=evil("failed"))]),
]


class Past:
    """Two revisions of one file; one restore is done, what else is asked for is refused."""

    def revisions(self) -> list[Revision]:
        common = {"seq": 1, "at": 1.0, "step": 1, "file": evil("revised"), "why": evil("why"), "words_before": 0}
        texts = [("", "1"), ("", "2")]  # else a change of colour would part a text from the name of its place
        return [
            Revision(number=number, who=who, before=before, sha256=after, words=3, **common)  # type: ignore[arg-type]
            for number, (who, (before, after)) in enumerate(zip(("author", "agent"), texts, strict=True), 1)
        ]

    def text(self, sha256: str) -> str:
        return evil("older" if sha256 == "1" else "newer") if sha256 else ""

    def missing(self) -> set[int]:
        return set()

    def words_changed(self, revision: Revision) -> tuple[int, int]:
        return 3, 0

    def provenance(self, file: str, number: int | None = None) -> list[Sentence]:
        return [Sentence(evil("mine"), "author"), Sentence(evil("theirs"), "agent")]

    def space(self) -> Space:
        return Space(versions=2, size=9, record=99)

    async def restore(self, file: str, number: int) -> Restored:
        return Restored(why=evil("done"), files=(file,), before=2, in_editor=(evil("opened"),))

    async def restore_book(self, number: int) -> Restored:
        raise StudioError(evil("refused"))

    async def undo_agent(self, number: int, file: str | None = None) -> Restored:
        return Restored(why=evil("nothing"), files=(), before=2)


class Staged(played.PlayedSession):  # type: ignore[misc, name-defined]
    """A session in which a note or an answer lets the next things happen."""

    def __init__(self, root: Path, more: list[ev.Event], *, held_by: str = "") -> None:
        super().__init__(root, [*first(), *more], held_by=held_by)
        self.versions = Past()
        self.run.note = self.run.answer = self._next

    def _next(self, text: str, id: str = "") -> None:
        if text.isdecimal():
            self.tell(*STAGES[int(text)][1])


class Shelf(played.PlayedStudio):  # type: ignore[misc, name-defined]
    """A library of hostile names; books that can't be made or opened say why."""

    def backends(self) -> list[BackendCard]:
        return [
            BackendCard(name=evil("card")[:20], summary=evil("summary"), ready=True, needs_base_url=True),
            BackendCard(name=evil("more")[:20], summary=evil("unready"), ready=False),
        ]

    def create(self, prompt: str, name: str | None = None, *, cowrite: bool = False) -> str:
        raise UsageError(evil("create"))

    async def open(self, book: str) -> Staged:
        if self.cards:
            raise StudioError(evil("open"))
        session: Staged = await super().open(book)
        return session


def main(scene: str, folder: str) -> int:
    """Play one scene; the exit code is the app's."""
    place = Path(folder)
    root = place / file_name(BOOK)
    root.mkdir()
    (root / (file_name(READ) + ".md")).write_bytes(evil("content").encode("utf-8", "surrogatepass") + b"\xff\x9b7777J")
    themes = place / "themes"
    themes.mkdir()
    (themes / (file_name("broken") + ".yaml")).write_text(evil("yaml").replace("\0", ""), "utf-8", "surrogatepass")
    good = (played.THEMES / "ink.yaml").read_text(encoding="utf-8")
    (themes / (file_name("theme") + ".yaml")).write_text(good, encoding="utf-8")
    os.environ.pop("VISUAL", None)
    os.environ["EDITOR"] = file_name("editor")
    more = planned(root) if scene == "board" else []
    session = Staged(root, more, held_by=evil("held") if scene == "held" else "")
    studio = Shelf(session)
    if scene == "library":
        studio.cards = [BookCard(name=evil("name"), title=evil("shelf"), words=1, state=evil("state"), touched=0.0)]
        studio.cards.append(BookCard(name=evil("untitled"), title="", words=1, state="new", touched=0.0))
    app = StudioApp(
        studio,
        themes=load_themes([played.THEMES, themes]),
        theme="ink",
        book=None if scene == "library" else root.name,
    )
    code = app.run()
    print(f"code {code or app.return_code} {printable(app.failure)}", file=sys.stderr)
    return int(code or app.return_code or 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
