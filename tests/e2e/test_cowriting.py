"""A book that is talked over first, from the command line: the author's turns on stdin, or with nobody there."""

import importlib.util
import json
import os
from collections.abc import Callable
from itertools import pairwise

import pytest
from live_run import LiveRun
from scripted_book import call
from studio_command import Model, StudioCommand, events_of, served_by

TURNS = ["One: a ship.", "Two: a ferry.", "Three: a lighthouse, and Mara who keeps it."]
OUTLINE = "# The Lamp\n\n1. Dusk\n"
BOOK = [
    *({"reasoning_content": "Hm.", "content": turn} for turn in TURNS),
    {"calls": [call("c:0", "create_project", project_name="The Lamp")]},
    {"calls": [call("c:1", "write_file", filename="outline.md", content=OUTLINE, mode="create")]},
    {"calls": [call("c:2", "write_file", filename="bible/characters.md", content="Mara.\n", mode="create")]},
    {"calls": [call("c:3", "write_file", filename="chapter_01.md", content="# Dusk\n\nIt shone.\n", mode="create")]},
    {"calls": [call("c:4", "finish", summary="Done.")]},
]
REMARKS = ["stupid setup, try again", "No. A lighthouse; she is called Mara"]
WRITTEN = {"outline.md", "bible/characters.md", "chapter_01.md", "notes/brainstorm.md"}


def test_two_setups_are_rejected_on_stdin_then_go_and_the_book_is_written(
    play: Callable[..., Model], live: Callable[..., LiveRun], studio: StudioCommand
) -> None:
    model = play(BOOK)
    run = live("new", "A book", "--name", "lamp", "--cowrite", *served_by(model))
    at = run.until("turn_ended")
    for remark, command in zip(REMARKS, ["note", "answer"], strict=True):
        run.say("pause")  # holds in the author's turn as anywhere
        at = run.until("paused", after=at)
        run.say(command, text=remark)
        at = run.until("note_given", after=at, text=remark)
        run.say("resume")
        assert [event["event"] for event in run.events[at + 1 :]].count("step_started") == 0
        at = run.until("turn_ended", after=at)
    assert studio.files("lamp") == {}
    run.say("go")
    assert run.end() == 0, run.errors
    files = studio.files("lamp")
    assert set(files) == WRITTEN
    assert files["outline.md"] == OUTLINE
    assert all(said in files["notes/brainstorm.md"] for said in [*TURNS, *REMARKS])
    requests = [request["messages"] for request in model.requests if "tools" in request]
    for before, after in pairwise(requests):
        assert after[: len(before)] == before


@pytest.mark.parametrize("more", [["--headless"], []])
def test_without_an_author_there_is_no_talk_and_no_book(more: list[str], studio: StudioCommand) -> None:
    done = studio.run("new", "A book", "--name", "lamp", "--cowrite", *more)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1 and "nobody to talk the book over with" in done.stderr
    assert not (studio.projects / "lamp").exists()


def test_an_author_who_leaves_goes_on_with_the_talk_later(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK)
    note = json.dumps({"command": "note", "text": REMARKS[0]})
    # Said and gone: the agent still answers it, then waits.
    new = studio.run(
        "new", "A book", "--name", "lamp", "--cowrite", "--json", *served_by(model), input=note, stdin=None
    )
    assert new.returncode == 3, new.stderr
    assert "It is your turn" in new.stderr
    said = [event["text"] for event in events_of(new.stdout) if event["event"] == "note_given"]
    assert said == [REMARKS[0]]
    asked = len(model.requests)
    assert asked in (1, 2)

    idle = studio.run("resume", "lamp", *served_by(model))
    assert (idle.returncode, len(model.requests)) == (3, asked), "nothing is asked in the author's turn"
    assert "It is your turn" in idle.stderr

    noted = studio.run("resume", "lamp", "--note", REMARKS[1], *served_by(model))
    assert (noted.returncode, len(model.requests)) == (3, asked + 1)
    assert f"› {REMARKS[1]}" in noted.stdout and "› it is your turn" in noted.stdout

    done = studio.run("resume", "lamp", "--go", *served_by(model))
    assert done.returncode == 0, done.stderr
    assert "› go" in done.stdout
    assert "chapter_01.md" in studio.files("lamp")
    record = events_of(studio.run("replay", "lamp", "--json").stdout)
    assert [event["event"] for event in record].count("cowriting_started") == 1
    assert [event["text"] for event in record if event["event"] == "note_given"] == REMARKS


def test_a_book_that_was_never_begun_is_still_talked_over(play: Callable[..., Model], studio: StudioCommand) -> None:
    root = studio.projects / "lamp"
    root.mkdir(parents=True)
    (root / "book.yaml").write_text("prompt: A book\ncowrite: true\n")
    done = studio.run("resume", "lamp", "--json", *served_by(play(BOOK)))
    assert done.returncode == 3
    assert events_of(done.stdout)[-2]["event"] == "turn_ended"
    assert studio.files("lamp") == {}


@pytest.mark.skipif(importlib.util.find_spec("xllamacpp") is None, reason="xllamacpp is not installed")
def test_the_embedded_model_proposes_again_and_what_stands_goes_into_the_book(
    live: Callable[..., LiveRun], studio: StudioCommand
) -> None:
    run = live("new", "A sea story in one chapter", "--name", "sea", "--cowrite", "--backend", "embedded")
    at = run.until("turn_ended", within=180)
    run.say("note", text="stupid setup, try again")
    at = run.until("turn_ended", after=at + 1, within=120)
    run.say("note", text="with a diver called Mara")
    at = run.until("turn_ended", after=at + 1, within=120)
    assert studio.files("sea") == {}
    said = _turns(run)
    assert len(said) == 3 and all(said)
    assert said[1] != said[0], "shown what it said before, it would say it again"
    run.say("go")
    assert run.end(within=300) == 0, run.errors
    files = studio.files("sea")
    premise = files["bible/premise.md"]
    first = " ".join(said[-1].replace("*", "").split())[:40]
    assert first in premise and first in files["outline.md"]
    assert "- with a diver called Mara" in premise
    assert all(turn in files["notes/brainstorm.md"] for turn in said)
    assert len(files["chapter_01.md"].split()) > 50
    if os.environ.get("STUDIO_SHOW"):
        print(json.dumps({"said": said, **files}, indent=1, ensure_ascii=False))


def _turns(run: LiveRun) -> list[str]:
    """What the agent said in each turn."""
    said, turns = "", []
    for event in run.events:
        if event["event"] == "reply_delta":
            said += event["text"]
        elif event["event"] == "turn_ended":
            turns.append(said.strip())
            said = ""
    return turns
