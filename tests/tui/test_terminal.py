"""A real terminal: nothing a model sends acts on it, the editor gets it and gives it back, a fault shows no secrets."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import terminal

ROOT = Path(__file__).parent.parent.parent
CHILD = Path(__file__).with_name("child_desk.py")


class Terminal(terminal.Terminal):
    """A scene of `child_desk.py` in a terminal."""

    def __init__(self, scene: str, folder: Path, **environment: str) -> None:
        super().__init__(CHILD, scene, str(folder), environment=environment)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "salt"
    root.mkdir()
    for name in ("outline.md", "chapter_01.md", "chapter_02.md"):
        (root / name).write_text("text", encoding="utf-8")
    return root


@pytest.fixture
def terminals() -> Iterator[list[Terminal]]:
    opened: list[Terminal] = []
    yield opened
    for one in opened:
        one.kill()


@pytest.mark.parametrize(("scene", "shows"), [("evil", "the agent asks"), ("evil-library", "last touched")])
def test_nothing_a_model_or_a_file_holds_acts_on_the_terminal(
    folder: Path, terminals: list[Terminal], scene: str, shows: str
) -> None:
    terminal = Terminal(scene, folder)
    terminals.append(terminal)
    terminal.until(b"read only" if scene == "evil" else shows.encode())
    terminal.until("␛]52;c;".encode())
    terminal.press("5" if scene == "evil" else "")
    terminal.press("q")
    terminal.until(b"code ")
    terminal.close()
    out = terminal.seen
    assert b"\x1b]52" not in out
    assert b"\x1b]0;evil" not in out
    assert b"\x1b[2Jevil" not in out
    text = out.decode("utf-8")
    assert not set(text) & {chr(code) for code in range(0x80, 0xA0)}
    assert "\u202e" not in text
    # What is left of control characters is Textual's own.
    assert set(re.findall(r"[\x00-\x1f\x7f]", text)) <= {"\x1b", "\r", "\n", "\x07"}
    assert b"MarkupError" not in out


def test_the_editor_gets_the_terminal_and_gives_it_back(folder: Path, terminals: list[Terminal]) -> None:
    editor = folder.parent / "my editor.sh"
    editor.write_text('#!/bin/sh\necho "EDITING $2"\nread line\necho "$line" >> "$2"\n', encoding="utf-8")
    editor.chmod(0o755)
    terminal = Terminal("desk", folder, EDITOR=f"'{editor}' --wait")
    terminals.append(terminal)
    terminal.until(b"The Salt Circus")
    terminal.until(b"Low Water")
    terminal.press("4")
    terminal.press("e")
    terminal.until(f"EDITING {folder}/outline.md".encode())
    before = len(terminal.seen)
    terminal.press("by the author\n")
    terminal.until(b"The Salt Circus", after=before)
    assert (folder / "outline.md").read_text(encoding="utf-8") == "textby the author\n"
    terminal.press("q")
    terminal.until(b"The run is saved")
    terminal.close()
    assert terminal.process.returncode == 3


def test_ctrl_c_in_the_editor_does_not_end_the_studio(folder: Path, terminals: list[Terminal]) -> None:
    editor = folder.parent / "editor.sh"
    editor.write_text("#!/bin/sh\ntrap 'echo CAUGHT' INT\necho EDITING\nread line\nread line\n", encoding="utf-8")
    editor.chmod(0o755)
    terminal = Terminal("desk", folder, EDITOR=str(editor))
    terminals.append(terminal)
    terminal.until(b"Low Water")
    terminal.press("4")
    terminal.press("e")
    terminal.until(b"EDITING")
    os.killpg(terminal.process.pid, signal.SIGINT)  # as the terminal does for Ctrl+C in its foreground
    terminal.until(b"CAUGHT")
    before = len(terminal.seen)
    terminal.press("\n\n")
    terminal.until(b"The Salt Circus", after=before)
    terminal.press("q")
    terminal.until(b"code 3")


def test_an_editor_that_is_not_there_is_said(folder: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("desk", folder, VISUAL="/no/such/editor --wait")
    terminals.append(terminal)
    terminal.until(b"Low Water")
    terminal.press("4")
    terminal.press("e")
    terminal.until(b"of $VISUAL or $EDITOR")
    terminal.press("q")
    terminal.until(b"code 3")


def test_a_fault_of_ours_is_one_sentence_without_variables(folder: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("broken", folder)
    terminals.append(terminal)
    terminal.until(b"code 1")
    terminal.close()
    assert b"The screen failed (RuntimeError)" in terminal.seen
    assert b"sk-very-secret" not in terminal.seen


def test_sigterm_saves_and_ends_with_130(folder: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("desk", folder)
    terminals.append(terminal)
    terminal.until(b"Low Water")
    terminal.process.send_signal(signal.SIGTERM)
    terminal.until(b"code 130")


def test_no_colour_is_sent_when_none_is_wanted(folder: Path, terminals: list[Terminal]) -> None:
    terminal = Terminal("desk", folder, NO_COLOR="1")
    terminals.append(terminal)
    terminal.until(b"Low Water")
    terminal.press("q")
    terminal.until(b"code 3")
    colours = {tuple(map(int, rgb)) for rgb in re.findall(rb"[34]8;2;(\d+);(\d+);(\d+)", terminal.seen)}
    assert all(red == green == blue for red, green, blue in colours)


def test_nothing_heavy_is_imported_before_the_first_paint() -> None:
    script = "import sys, studio.tui.app; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert {"openai", "tiktoken", "watchfiles", "httpx", "sqlite3"} & set(loaded.stdout.split()) == set()
