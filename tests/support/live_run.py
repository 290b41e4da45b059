"""A headless run that is spoken to while it runs: its events as they come, commands on its stdin."""

import json
import subprocess
import threading
import time
from typing import Any

from studio_command import StudioCommand


class LiveRun:
    """`studio … --headless --json` as a child process."""

    def __init__(self, studio: StudioCommand, *arguments: str) -> None:
        self._process = studio.start(*arguments, "--headless", "--json", stdin=subprocess.PIPE)
        self.events: list[dict[str, Any]] = []
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            self.events.append(json.loads(line))

    def say(self, command: str, **more: Any) -> None:
        """Give a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"command": command, **more}) + "\n")
        self._process.stdin.flush()

    def until(self, event: str, within: float = 60, after: int = 0, **fields: Any) -> int:
        """Wait for an event with these fields; returns its place."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            for place, found in enumerate(self.events[after:], after):
                if found["event"] == event and all(found.get(name) == value for name, value in fields.items()):
                    return place
            if self._process.poll() is not None and not self._reader.is_alive():
                break
            time.sleep(0.02)
        raise AssertionError(f"no {event} {fields} among {self.kinds()[-30:]}")

    def until_any(self, *events: str, within: float = 60) -> None:
        """Wait for one of these events, or for the end."""
        deadline = time.monotonic() + within
        while time.monotonic() < deadline:
            if set(self.kinds()) & set(events) or (self._process.poll() is not None and not self._reader.is_alive()):
                return
            time.sleep(0.02)
        raise AssertionError(f"none of {events} among {self.kinds()[-30:]}")

    def end(self, within: float = 90) -> int:
        """Wait for the end; returns the exit code."""
        code = self._process.wait(within)
        self._reader.join(10)
        return code

    def kill(self) -> None:
        """End it at once, however it stands."""
        self._process.kill()
        self._process.wait()

    @property
    def errors(self) -> str:
        """What it said on stderr, once it has ended."""
        assert self._process.stderr is not None
        return self._process.stderr.read()

    def kinds(self) -> list[str]:
        return [event["event"] for event in self.events]

    def of(self, event: str) -> list[dict[str, Any]]:
        return [found for found in self.events if found["event"] == event]
