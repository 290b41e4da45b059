"""A book's folder that is moved in the middle of a run: the run waits for it, and nothing is written elsewhere."""

import subprocess
from collections.abc import Callable

from live_run import LiveRun
from scripted_book import BOOK, FILES
from studio_command import Model, StudioCommand

SERVED = ["--backend", "openai", "--model", "scripted"]


def test_a_run_waits_for_its_folder_and_goes_on(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK, pause=0.002)
    run = LiveRun(studio, "new", "Salt", "--name", "salt", *SERVED, "--base-url", model.url)
    root = studio.projects / "salt"
    try:
        run.until("step_started", step=4)
        away = root.rename(studio.home / "elsewhere")
        run.until("paused", by="disk")
        root.mkdir()
        (root / "chapter_01.md").write_text("Another book.\n")
        assert "edited" not in str(run.kinds())
        assert [path.name for path in root.iterdir()] == ["chapter_01.md"]
        (root / "chapter_01.md").unlink()
        root.rmdir()
        away.rename(root)
        run.until("resumed")
        assert run.end() == 0, run.errors
    finally:
        run.kill()
    assert studio.files("salt") == FILES
    assert run.of("author_edited") == []
    assert "is not there" in run.errors


def test_a_moved_book_goes_on_at_its_new_place(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK, pause=0.002)
    run = LiveRun(studio, "new", "Salt", "--name", "salt", *SERVED, "--base-url", model.url)
    try:
        run.until("step_started", step=5)
        (studio.projects / "salt").rename(studio.projects / "pepper")
        run.until("paused", by="disk")
        refused = studio.run("resume", "pepper", "--headless", "--json")
        assert refused.returncode == 1 and "being written by another studio" in refused.stderr
        run.say("stop")
        assert run.end() == 3, run.errors
    finally:
        run.kill()
    assert not (studio.projects / "salt").exists()
    done: subprocess.CompletedProcess[str] = studio.run("resume", "pepper", "--headless", "--json")
    assert done.returncode == 0, done.stderr
    assert studio.files("pepper") == FILES
