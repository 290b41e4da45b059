"""A terminal that goes away under the desk: a closed window, a lost connection."""

import fcntl
import os
import pty
import struct
import subprocess
import termios
from collections.abc import Callable

from scripted_book import BOOK, FILES
from studio_command import Model, StudioCommand


def test_the_studio_ends_with_everything_saved_and_the_book_free(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.01)
    master, slave = pty.openpty()
    fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 200, 0, 0))
    flags = ["--backend", "openai", "--base-url", model.url, "--model", "scripted"]
    # Not its controlling terminal: no SIGHUP comes, only errors of what is written and read.
    desk = subprocess.Popen(
        studio.command("new", "A book about salt", "--name", "salt", *flags),
        cwd=studio.home,
        env=studio.environment,
        stdin=slave,
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    try:
        shown = b""
        while b"Mara" not in shown:
            shown += os.read(master, 65536)
        os.close(master)
        assert desk.wait(30) == 130
    finally:
        desk.kill()
        desk.wait()
    done = studio.run("resume", "salt", "--headless", "--json")
    assert done.returncode == 0, done.stderr
    assert studio.files("salt") == FILES
