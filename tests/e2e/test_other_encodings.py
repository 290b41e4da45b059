"""A file of the author's that is no UTF-8 text lies in the book: the run goes on beside it, and it stays as it is."""

from collections.abc import Callable

from live_run import LiveRun
from scripted_book import BOOK
from studio_command import Model, StudioCommand

NOTES = "Über Mara".encode("latin-1")


def test_a_run_goes_on_beside_a_file_in_another_encoding(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK, pause=0.004)
    served = ["--backend", "openai", "--model", "scripted", "--base-url", model.url]
    run = LiveRun(studio, "new", "Salt", "--name", "salt", *served)
    try:
        run.until("step_started", step=5)
        root = studio.projects / "salt"
        (root / "bible/old.md").write_bytes(NOTES)
        (root / "chapter_01.md").write_text((root / "chapter_01.md").read_text().replace("Mara", "Marta"))
        assert run.end() == 0, run.errors
    finally:
        run.kill()
    assert (root / "bible/old.md").read_bytes() == NOTES
    results = {event["id"]: event["result"] for event in run.of("tool_finished")}
    assert "bible/old.md: not UTF-8 text" in results["c:6"]
    assert "chapter_02.md" in results["c:10"]
    told = [event["message"] for event in run.of("step_started")]
    assert any("+Marta" in message for message in told)
