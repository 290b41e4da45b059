"""A real terminal whose every text is hostile: nothing of it acts, hides, reorders or is taken for markup, anywhere."""

import importlib.util
import re
import tempfile
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from terminal import Terminal

CHILD = Path(__file__).with_name("child_hostile.py")

PASTED = "pasted@\x1b]52;c;EVIL\x07\x9b7777J\u202eEVIL\u200b\x1b[7777J[@click=app.bell]EVIL[/][/]@tail"

ESCAPE = re.compile(
    r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[PX^_][^\x1b]*\x1b\\|[ -/]*[0-~])", re.DOTALL
)
MOVES = re.compile(r"\x1b\[[0-9;]*[mH]")  # colours and places: Textual's, as many as there are rows


spec = importlib.util.spec_from_file_location("hostile", CHILD)
assert spec is not None and spec.loader is not None
hostile = importlib.util.module_from_spec(spec)
spec.loader.exec_module(hostile)


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder whose name is always as long: where a text is broken into lines must not depend on the machine."""
    with tempfile.TemporaryDirectory(prefix="studio-") as folder:
        yield Path(folder)


@pytest.fixture
def start(place: Path) -> Iterator[Callable[..., Terminal]]:
    """`start(scene)`, and `start(scene, harmless=True)` for the same texts without what is hostile."""
    begun: list[Terminal] = []

    def begin(scene: str, *, harmless: bool = False) -> Terminal:
        folder = place / f"{scene}-{harmless}"
        folder.mkdir()
        environment = {"HARMLESS": "1" if harmless else "", "LC_ALL": "C.UTF-8"}
        begun.append(Terminal(CHILD, scene, str(folder), rows=90, columns=400, environment=environment))
        return begun[-1]

    yield begin
    for terminal in begun:
        terminal.kill()


class Player:
    """Plays a scene: presses keys, and waits until the texts that they bring are on the screen."""

    def __init__(self, terminal: Terminal, *, harmless: bool) -> None:
        self.terminal = terminal
        pasted = re.sub("[^ -~]", ".", PASTED).replace("[", "(") if harmless else PASTED
        self.pasted = f"\x1b[200~{pasted}\x1b[201~"

    def press(self, keys: str, *places: str, text: str = "") -> None:
        """Press keys, wait for the places, each known by the first picture of its text, or for a `text`."""
        before = len(self.terminal.seen)
        self.terminal.press(keys)
        for place in places:
            self.terminal.until(f"{place}@␛]52".encode(), after=before)
        if text:
            self.terminal.until(text.encode(), after=before)

    def desk(self) -> None:
        """Everything that a desk shows, in turn."""
        self.press("", "broken", *hostile.FIRST)
        for number, (places, _) in enumerate(hostile.STAGES):
            self.press("i", text="back to the desk")
            self.press(f"{number}\r", *places)
        self.press("4\x1b[H\r", hostile.GONE)  # can't be read
        self.press("\x1b[B\r", "content", hostile.READ)
        self.press("b", "card", "summary", "more", "unready", text="Esc leaves")
        self.press("\x1b[H\r", "card", text="needs an address")
        self.press(self.pasted, text="@tail")
        self.press("\x03", text="│")
        self.press("1/", text="Search in this pane")
        self.press(self.pasted + "\r", text="is not in this pane")
        # Its own end: a notification still shows that of the search.
        self.press("i" + self.pasted.replace("@tail", "@note"), text="@note")
        self.press("\r", text="tell the agent")
        self.press("4e", "editor")
        for _ in range(9):
            before = len(self.terminal.seen)
            self.press("t", text="Theme: ")
            if b"theme@" in self.terminal.seen[before:]:
                break
        self.press("?", text="How to steer")
        self.press("\x03", text="│")
        self.press("q", hostile.BOOK, text="code 3")  # and how to go on

    def history(self) -> None:
        """A book's past, in every view, and what putting it back says."""
        self.press("", "title")
        self.press("h", "folder", "revised", "newer")
        self.press("\x1b[B", "older")
        self.press("m", text="is what the others are compared with")
        self.press("f", "revised")
        self.press("\t", "older")
        self.press("\t", "mine", "theirs")
        self.press("r", "revised", text="gets the text it had")
        self.press("\r", "revised", "done", "opened")
        self.press("\x1b[B", text="revision 1")
        self.press("R", text="Restore the whole book")
        self.press("\r", "refused")
        self.press("u", text="Undo what the agent did since")
        self.press("\r", "nothing")
        self.press("?", text="Nothing is lost")
        self.press("\x03", text="│")
        self.press("\x03", text="Tools")
        self.press("q", text="code 3")

    def board(self) -> None:
        """Where the book stands, its bible, and a report that is not there."""
        self.press("", "title", "criterion")  # the review's own line
        self.press("B", "title", "chapter", "leads", "read")
        self.press("\x1b[C", "chapter", "below", "criterion", "report")
        self.press("v", "chapter")
        self.press("v", "chapter")
        self.press("2", "person", "want", "other")
        self.press("3", "sheet", "cell")
        self.press("?", text="Where the book stands")
        self.press("\x03", text="│")
        self.press("1", "chapter")
        self.press("r", text="Tools")  # on the desk, which says that it is gone
        self.press("q", text="code 3")

    def held(self) -> None:
        """A book that another studio writes."""
        self.press("", "held")
        self.press(" ", "held")  # a notification as well
        self.press("q", text="code 0")

    def library(self) -> None:
        """The shelf, and what can go wrong there."""
        self.press("", "shelf", "state", "untitled")
        self.press("n", text="A new book")
        self.press(self.pasted, text="pasted@")
        self.press("\x13", "create")
        self.press("\r", "open")
        self.press("?", text="How to steer")
        self.press("\x03", text="shelf@")
        self.press("q", text="code 0")


def verdict(terminal: Terminal) -> set[str]:
    """What was sent besides text, once it is sure that nothing of ours was."""
    out = terminal.seen.decode("utf-8")
    sent = ESCAPE.findall(out)
    for sequence in sent:
        assert "7777" not in sequence and "EVIL" not in sequence and "\ufffd" not in sequence, repr(sequence)
    text = ESCAPE.sub("", out)
    controls = {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs")}
    assert controls <= {"\r", "\n"}, controls
    assert "MarkupError" not in out and "Traceback" not in out
    assert "💀" not in out
    return {sequence for sequence in sent if not MOVES.fullmatch(sequence)}


@pytest.mark.parametrize("scene", ["desk", "board", "history", "held", "library"])
def test_nothing_hostile_acts_wherever_it_is_shown(start: Callable[..., Terminal], scene: str) -> None:
    sent = {}
    for harmless in (True, False):
        terminal = start(scene, harmless=harmless)
        getattr(Player(terminal, harmless=harmless), scene)()
        terminal.close()
        sent[harmless] = verdict(terminal)
    # Whatever else the terminal is told, it is told by the same desk without anything hostile.
    assert sent[False] <= sent[True]
    text = ESCAPE.sub("", terminal.seen.decode("utf-8"))
    if scene == "desk":  # elsewhere there is no room for so much of it
        assert "[red]EVIL[/red]" in text and "[@click=app.bell]EVIL[/]" in text
