"""The studio as a child process, and a scripted model as another."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

CHECKOUT = Path(__file__).parent.parent.parent


class Model:
    """A scripted server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path) -> None:
        self.process = process
        self.url = url
        self._log = log

    @property
    def requests(self) -> list[dict[str, Any]]:
        lines = self._log.read_bytes().splitlines() if self._log.exists() else []
        return [json.loads(line) for line in lines]

    @property
    def raw_requests(self) -> list[bytes]:
        return self._log.read_bytes().splitlines()


class StudioCommand:
    """The command `studio` with a home, projects and configuration of its own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.projects = home / "projects"
        keep = {name: os.environ[name] for name in ("PATH", "LANG", "SYSTEMROOT") if name in os.environ}
        self.environment = {
            **keep,
            "PYTHONPATH": str(CHECKOUT),  # the code beside these tests, whatever is installed
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / "config"),
            "XDG_STATE_HOME": str(home / "state"),
            "XDG_CACHE_HOME": os.environ.get("XDG_CACHE_HOME", str(Path.home() / ".cache")),
            "PYTHON_KEYRING_BACKEND": "keyring.backends.null.Keyring",
            "TERM": "xterm-256color",
        }
        home.mkdir(parents=True, exist_ok=True)

    def command(self, *arguments: str) -> list[str]:
        return [sys.executable, "-m", "studio", *arguments]

    def run(self, *arguments: str, timeout: float = 120, **options: Any) -> subprocess.CompletedProcess[str]:
        options.setdefault("stdin", subprocess.DEVNULL)
        environment = {**self.environment, **options.pop("env", {})}
        return subprocess.run(
            self.command(*arguments),
            cwd=self.home,
            env=environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            **options,
        )

    def start(self, *arguments: str, **options: Any) -> subprocess.Popen[str]:
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            self.command(*arguments),
            cwd=self.home,
            env=self.environment,
            stdout=options.pop("stdout", subprocess.PIPE),
            stderr=options.pop("stderr", subprocess.PIPE),
            text=True,
            **options,
        )

    def files(self, book: str) -> dict[str, str]:
        root = self.projects / book
        return {
            str(path.relative_to(root)): path.read_bytes().decode()
            for path in sorted(root.rglob("*.md"))
            if ".studio" not in path.parts
        }


def events_of(output: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in output.splitlines() if line.strip()]


def served_by(model: Model) -> list[str]:
    """The flags that have a scripted model write."""
    return ["--backend", "openai", "--base-url", model.url, "--model", "scripted"]
