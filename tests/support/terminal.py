"""A child process on a pseudo-terminal of its own; what it writes is kept byte by byte."""

import contextlib
import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
LONGEST = 20.0  # seconds to wait for anything before the test fails


class Terminal:
    """`python SCRIPT ARGUMENTS…` in a real terminal."""

    def __init__(
        self, script: Path, *arguments: str, rows: int = 40, columns: int = 140, environment: dict[str, str]
    ) -> None:
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        # What readline exports to the processes of a parallel test run would be believed before the terminal itself.
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        env = {**inherited, "TERM": "xterm-256color", "COLORTERM": "truecolor", "PYTHONPATH": str(ROOT), **environment}
        self.process = subprocess.Popen(
            [sys.executable, str(script), *arguments],
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=env,
            cwd=ROOT,
            start_new_session=True,
        )
        os.close(slave)
        self.seen = b""

    def until(self, wanted: bytes, *, after: int = 0) -> None:
        """Read until the child has written this."""
        end = time.monotonic() + LONGEST
        os.set_blocking(self.master, False)
        while wanted not in self.seen[after:]:
            assert time.monotonic() < end, re.sub(rb"\x1b\[[0-9;?]*[a-zA-Z]", b" ", self.seen)[-6000:].decode(
                "utf-8", "replace"
            )
            try:
                self.seen += os.read(self.master, 65536)
            except BlockingIOError:
                time.sleep(0.01)
            except OSError:  # the child has closed the terminal
                assert wanted in self.seen[after:], self.seen[-3000:].decode("utf-8", "replace")

    def press(self, keys: str) -> None:
        os.write(self.master, keys.encode("utf-8", "surrogatepass"))

    def close(self) -> int:
        os.set_blocking(self.master, True)
        with contextlib.suppress(OSError):
            while chunk := os.read(self.master, 65536):
                self.seen += chunk
        return self.process.wait(LONGEST)

    def kill(self) -> None:
        """End it at once, however it stands."""
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
