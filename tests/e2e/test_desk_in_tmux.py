"""The whole in a real terminal: tmux runs the studio, keys are typed, an editor in another pane saves a chapter."""

import shlex
import shutil
import subprocess
import time
import uuid
from collections.abc import Callable, Iterator

import pytest
from scripted_book import BOOK, FILES, ONE
from studio_command import Model, StudioCommand

pytestmark = pytest.mark.skipif(shutil.which("tmux") is None, reason="tmux is not installed")

SIZES = {"200x50": (200, 50), "80x24": (80, 24)}


class Tmux:
    """One session of a tmux server of its own."""

    def __init__(self, studio: StudioCommand, size: tuple[int, int]) -> None:
        self._server = f"studio-{uuid.uuid4().hex}"
        self._studio = studio
        self._size = size

    def _tmux(self, *arguments: str) -> str:
        return subprocess.run(
            ["tmux", "-L", self._server, "-f", "/dev/null", *arguments],
            capture_output=True,
            text=True,
            check=True,
            env=self._studio.environment,
        ).stdout

    def start(self, *arguments: str) -> None:
        width, height = map(str, self._size)
        command = shlex.join(self._studio.command(*arguments)) + "; echo exit $?; exec sleep 1000"
        self._tmux("new-session", "-d", "-x", width, "-y", height, "-c", str(self._studio.home), command)

    def press(self, *keys: str) -> None:
        self._tmux("send-keys", *keys)

    def type(self, text: str) -> None:
        self._tmux("send-keys", "-l", "--", text)

    def screen(self) -> str:
        return self._tmux("capture-pane", "-p")

    def colours(self) -> str:
        """The screen with its escape sequences."""
        return self._tmux("capture-pane", "-p", "-e")

    def until(self, happened: Callable[[], bool], within: float = 20) -> None:
        deadline = time.monotonic() + within
        while not happened():
            assert time.monotonic() < deadline, self.screen()
            time.sleep(0.05)

    def run_beside(self, command: list[str]) -> None:
        """Run a command in another pane of the same session and wait for its end."""
        done = uuid.uuid4().hex
        self._tmux("new-window", "-d", f"{shlex.join(command)}; tmux -L {self._server} wait-for -S {done}")
        self._tmux("wait-for", done)

    def shows(self, *texts: str, within: float = 60) -> str:
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            screen = self.screen()
            if all(text in screen for text in texts):
                return screen
            time.sleep(0.05)
        raise AssertionError(f"{texts} did not appear on:\n{self.screen()}")

    def end(self) -> None:
        subprocess.run(["tmux", "-L", self._server, "kill-server"], capture_output=True, check=False)


@pytest.fixture(params=SIZES)
def tmux(request: pytest.FixtureRequest, studio: StudioCommand) -> Iterator[Tmux]:
    terminal = Tmux(studio, SIZES[request.param])
    yield terminal
    terminal.end()


def test_a_book_is_watched_paused_noted_edited_and_finished(
    tmux: Tmux, play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.01)
    flags = ["--backend", "openai", "--base-url", model.url, "--model", "scripted"]
    tmux.start("new", "A book about salt", "--name", "salt", *flags)
    tmux.shows("The Salt Road", "/ 200,000", "step 5/300", "The boat counted")

    tmux.press("Space")
    tmux.shows("paused")
    asked = len(model.requests)
    tmux.press("i")
    tmux.type("More gulls, please.")
    tmux.shows("More gulls, please.", "Enter send")
    tmux.press("Enter")
    tmux.shows("Space pause")
    if shutil.which("vim"):
        chapter = str(studio.projects / "salt" / "chapter_01.md")
        tmux.run_beside(["vim", "-es", "-u", "NONE", "-c", "%s/The lamp was lit/The lamp was out/ | wq", chapter])
    else:
        (studio.projects / "salt" / "chapter_01.md").write_text(ONE.replace("The lamp was lit", "The lamp was out"))
    tmux.press("5")
    tmux.shows("you edited", "More gulls, please.")
    assert len(model.requests) == asked, "a call was made while the run was paused"
    tmux.press("1")
    before = tmux.colours()
    tmux.press("t")
    tmux.until(lambda: tmux.colours() != before)

    tmux.press("Space")
    tmux.shows("finished", "step 12/300")
    told = model.requests[asked]["messages"][-1]["content"]
    assert "More gulls, please." in told
    assert "+The lamp was out." in told
    tmux.press("q")
    tmux.shows("exit 0")
    wanted = FILES["chapter_01.md"].replace("The lamp was lit", "The lamp was out")
    assert studio.files("salt") == {**FILES, "chapter_01.md": wanted}


def test_quit_in_the_middle_and_resume_fills_the_panes(
    tmux: Tmux, play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.01)
    flags = ["--backend", "openai", "--base-url", model.url, "--model", "scripted"]
    tmux.start("new", "A book about salt", "--name", "salt", *flags)
    tmux.shows("step 4/300", "Mara counted wave")
    tmux.press("q")
    tmux.shows("studio resume salt", "exit 3")
    again = Tmux(studio, (200, 50))
    try:
        again.start("resume", "salt")
        again.shows("reply cut: the author stopped", "── step 4", "finished", "step 12/300")
        again.press("q")
        again.shows("exit 0")
    finally:
        again.end()
    assert studio.files("salt") == FILES
