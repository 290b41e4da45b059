"""A disk that is really full or closed to writing: one clear sentence, patience, nothing lost."""

import os
import resource
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from live_run import LiveRun
from scripted_book import BOOK, FILES
from studio_command import Model, StudioCommand

SERVED = ["--backend", "openai", "--model", "scripted"]
CAN_MOUNT = hasattr(os, "geteuid") and os.geteuid() == 0 and shutil.which("mount") is not None


@pytest.fixture
def small_disk(studio: StudioCommand) -> Iterator[Path]:
    """The projects folder on a file system of 2 MB."""
    studio.projects.mkdir()
    made = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(studio.projects)], check=False)
    if made.returncode != 0:
        pytest.skip("no file system can be mounted here: no disk to fill")
    yield studio.projects
    subprocess.run(["umount", "-l", str(studio.projects)], check=True)


def fill(disk: Path) -> Path:
    file = disk / "filler"
    handle = os.open(file, os.O_WRONLY | os.O_CREAT)
    try:
        for size in (4096, 1):
            while True:
                try:
                    os.write(handle, b"x" * size)
                except OSError:
                    break
    finally:
        os.close(handle)
    return file


@pytest.mark.skipif(not CAN_MOUNT, reason="only root can mount a small disk here")
@pytest.mark.parametrize("step", [2, 5])
def test_a_disk_filled_up_and_emptied_again_costs_nothing(
    step: int, small_disk: Path, play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.002)
    run = LiveRun(studio, "new", "Salt", "--name", "salt", *SERVED, "--base-url", model.url)
    try:
        run.until("step_started", step=step)
        filler = fill(small_disk)
        time.sleep(2.5)
        during = len(run.events)
        time.sleep(1)
        assert len(run.events) == during, "something was called durable that can't be"
        filler.unlink()
        assert run.end() == 0, run.errors
    finally:
        run.kill()
    assert studio.files("salt") == FILES
    sentences = run.errors.splitlines()
    assert len(sentences) == 2, sentences
    assert "can't be written" in sentences[0] and "goes on by itself" in sentences[0]
    assert "nothing was lost" in sentences[1]
    kinds = run.kinds()
    assert kinds.count("disk_fault") == kinds.count("disk_back") == 1
    assert [event["by"] for event in run.of("paused")] == ["disk"]
    ids = [event["id"] for event in run.of("tool_finished")]
    assert len(ids) == len(set(ids)) == 14


@pytest.mark.skipif(not CAN_MOUNT, reason="only root can mount a small disk here")
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGKILL])
def test_an_end_while_the_disk_is_full_loses_nothing_either(
    end: signal.Signals, small_disk: Path, play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.002)
    run = LiveRun(studio, "new", "Salt", "--name", "salt", *SERVED, "--base-url", model.url)
    try:
        run.until("step_started", step=5)
        filler = fill(small_disk)
        time.sleep(3)
        run._process.send_signal(end)
        code = run.end(20)
    finally:
        run.kill()
    if end == signal.SIGTERM:
        assert code == 130
        assert "can't be written" in run.errors and "Traceback" not in run.errors
    filler.unlink()
    done = studio.run("resume", "salt", "--headless", "--json", timeout=60)
    assert done.returncode == 0, done.stderr
    assert "could not take before are in its record now" in done.stderr
    assert studio.files("salt") == FILES
    asked = [request for request in model.requests if "tools" in request]
    assert len(asked) == 12, "a reply that had arrived was asked for again"


@pytest.mark.skipif(not CAN_MOUNT, reason="only root can mount a small disk here")
def test_a_book_on_a_disk_that_is_closed_to_writing_says_so_and_can_be_read(
    small_disk: Path, play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK)
    served = [*SERVED, "--base-url", model.url]
    assert studio.run("new", "Salt", "--name", "salt", "--headless", *served, "--max-steps", "5").returncode == 3
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    try:
        refused = studio.run("resume", "salt", "--headless", *served)
        assert refused.returncode == 1
        assert "Read-only file system" in refused.stderr and len(refused.stderr.splitlines()) == 1
        assert "salt" in studio.run("list").stdout
        assert "chapter_01.md" in studio.run("history", "salt").stdout
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(small_disk)], check=True)
    done = studio.run("resume", "salt", "--headless", *served)
    assert done.returncode == 0, done.stderr
    assert studio.files("salt") == FILES


def test_files_that_may_not_grow_any_more_pause_the_run(play: Callable[..., Model], studio: StudioCommand) -> None:
    """A limit on the size of files, as a quota sets one: taken away again later."""
    model = play(BOOK, pause=0.002)
    run = LiveRun(studio, "new", "Salt", "--name", "salt", *SERVED, "--base-url", model.url)
    try:
        run.until("step_started", step=4)
        pid = run._process.pid
        size = max(path.stat().st_size for path in (studio.projects / "salt/.studio").glob("journal.db*"))
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))
        time.sleep(4)
        assert run._process.poll() is None, "the signal of the limit ended it"
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
        assert run.end() == 0, run.errors
    finally:
        run.kill()
    assert studio.files("salt") == FILES
