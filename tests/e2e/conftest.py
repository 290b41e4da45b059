"""Fixtures: a scripted model in its own process, and the command `studio` with a home of its own."""

import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from live_run import LiveRun
from studio_command import Model, StudioCommand

SERVER = Path(__file__).parent.parent / "support" / "scripted_server.py"


@pytest.fixture
def play(tmp_path: Path) -> Iterator[Callable[..., Model]]:
    """`play(script, pause=0.0, chunk=12, port=0)` starts a server for that script."""
    started: list[subprocess.Popen[str]] = []

    def start(script: list[dict[str, Any]], *, pause: float = 0.0, chunk: int = 12, port: int = 0) -> Model:
        number = len(started)
        file, log = tmp_path / f"script{number}.json", tmp_path / f"requests{number}.jsonl"
        file.write_text(json.dumps(script))
        command = [sys.executable, str(SERVER), str(file), str(log)]
        process = subprocess.Popen(
            [*command, "--pause", str(pause), "--chunk", str(chunk), "--port", str(port)],
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        assert process.stdout is not None
        return Model(process, f"http://127.0.0.1:{int(process.stdout.readline())}/v1", log)

    yield start
    for process in started:
        process.kill()
        process.wait()


@pytest.fixture
def studio(tmp_path: Path) -> StudioCommand:
    return StudioCommand(tmp_path / "home")


@pytest.fixture
def live(studio: StudioCommand) -> Iterator[Callable[..., LiveRun]]:
    """`live(*arguments)` starts the command with its events and commands at hand."""
    started: list[LiveRun] = []

    def start(*arguments: str) -> LiveRun:
        started.append(LiveRun(studio, *arguments))
        return started[-1]

    yield start
    for run in started:
        run.kill()
