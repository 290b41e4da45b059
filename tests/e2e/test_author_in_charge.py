"""The author in charge, from outside: where a run stops by itself, what it asks, and with which code it ends."""

import subprocess
from collections.abc import Callable
from typing import Any

import pytest
from live_run import LiveRun
from scripted_book import call, paragraph
from studio_command import Model, StudioCommand, events_of, served_by


def chapter(number: int) -> dict[str, Any]:
    text = f"# Chapter {number}\n\n{paragraph('Mara', 12)}\n"
    return {"calls": [call(f"w{number}", "write_file", filename=f"chapter_0{number}.md", content=text, mode="create")]}


END = {"calls": [call("end", "finish", summary="Done.")]}
BOOK = [{"calls": [call("t", "create_project", project_name="Salt")]}, chapter(1), chapter(2), END]


def begin(model: Model, *more: str) -> list[str]:
    return ["new", "A book about salt", "--name", "salt", *served_by(model), *more]


def whys(events: list[dict[str, Any]]) -> list[str]:
    return [f"{event['by']}: {event['why']}" for event in events if event["event"] == "paused"]


ONE, TWO = (f"gate: chapter {number} is done: chapter_0{number}.md, 98 words" for number in (1, 2))


def test_without_an_author_each_resume_writes_one_chapter_and_ends_with_3(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    first = studio.run(*begin(play(BOOK), "--gate", "chapter", "--headless"))
    assert first.returncode == 3, first.stderr
    assert "‖ paused: chapter 1 is done: chapter_01.md, 98 words; `studio resume` goes on" in first.stdout
    assert sorted(studio.files("salt")) == ["chapter_01.md"]
    second = studio.run("resume", "salt", "--headless", "--json")
    assert (second.returncode, whys(events_of(second.stdout))) == (3, [TWO])
    assert sorted(studio.files("salt")) == ["chapter_01.md", "chapter_02.md"]
    assert studio.run("resume", "salt", "--headless").returncode == 0


def test_an_author_at_the_other_end_is_waited_for(play: Callable[..., Model], studio: StudioCommand) -> None:
    run = LiveRun(studio, *begin(play(BOOK)))
    try:
        run.say("gate", gate="step")
        at = run.until("paused")
        run.say("gate", gate="chapter")
        run.say("resume")
        at = run.until("paused", after=at + 1)
        run.say("gate", gate="free")
        run.say("resume")
        assert run.end() == 0
    finally:
        run.kill()
    assert [why.split(";")[0] for why in whys(run.events)] == ["gate: step 1 is done", ONE]
    assert [event["gate"] for event in run.of("gate_chosen")] == ["step", "chapter", "free"]


def test_a_gate_that_is_none_is_refused_in_one_sentence(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK)
    refused = studio.run(*begin(model, "--gate", "page", "--headless"))
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "--gate can't be “page”: one of free, chapter, step is needed." in refused.stderr
    studio.run(*begin(model, "--gate", "chapter", "--headless"))
    (studio.projects / "salt" / "book.yaml").write_text("prompt: Salt\ngate: often\n")
    refused = studio.run("resume", "salt", "--headless")
    assert refused.returncode == 2
    assert "line 2: `gate` can't be this (it is one of free, chapter, step)." in refused.stderr


def test_the_flag_goes_before_the_choice_and_that_before_book_yaml(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play([{"calls": [call(f"l{n}", "search_files", query=f"x{n}")]} for n in range(4)] + BOOK[1:])
    begun = studio.run(*begin(model, "--max-steps", "1", "--headless"))
    assert begun.returncode == 3, begun.stderr
    book = studio.projects / "salt" / "book.yaml"
    book.write_text("prompt: Salt\ngate: step\n")
    by_book = studio.run("resume", "salt", "--headless", "--json", env={"STUDIO_GATE": "chapter"})
    assert whys(events_of(by_book.stdout)) == ["gate: step 2 is done"]
    chosen = studio.run("resume", "salt", "--headless", "--json", "--gate", "chapter")
    assert whys(events_of(chosen.stdout)) == [ONE]
    kept = studio.run("resume", "salt", "--headless", "--json")
    assert whys(events_of(kept.stdout)) == [TWO]
    by_flag = studio.run("resume", "salt", "--headless", "--json", "--gate", "free")
    assert (by_flag.returncode, whys(events_of(by_flag.stdout))) == (0, [])


def test_killed_at_a_gate_the_book_goes_on_to_the_next_one(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK)
    run = LiveRun(studio, *begin(model, "--gate", "chapter"))
    run.until("paused")
    run.kill()
    assert len(model.requests) == 2, "no call is made at a gate"
    second = studio.run("resume", "salt", "--headless", "--json")
    assert (second.returncode, whys(events_of(second.stdout))) == (3, [TWO])


def test_the_author_s_end_of_the_line_closes_the_gate(play: Callable[..., Model], studio: StudioCommand) -> None:
    run = subprocess.run(
        studio.command(*begin(play(BOOK), "--gate", "chapter", "--headless", "--json")),
        cwd=studio.home,
        env=studio.environment,
        input="",
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (run.returncode, whys(events_of(run.stdout))) == (3, [ONE])


# --- questions ------------------------------------------------------------------------------------------------------


def ask(id: str, question: str) -> dict[str, Any]:
    return {"calls": [call(id, "ask_author", question=question)]}


WHEN, WHO = "Which year?", "Does Mara live?"
ASKING = [ask("q1", WHEN), ask("q2", WHO), chapter(1), chapter(2), END]


def last_words(model: Model, number: int) -> str:
    return str(model.requests[number]["messages"][-1]["content"])


@pytest.mark.parametrize("how", [["--headless"], ["--headless", "--json"]], ids=["text", "json, stdin closed"])
def test_without_an_author_the_agent_decides_and_the_run_ends_with_0(
    how: list[str], play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(ASKING, pause=0.01)
    done = studio.run(*begin(model, *how))
    assert done.returncode == 0, done.stderr
    assert any("Decide it yourself" in str(message.get("content")) for message in model.requests[-1]["messages"])


def test_the_oldest_question_is_answered_first_and_any_by_its_id(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(ASKING)
    run = LiveRun(studio, *begin(model, "--gate", "chapter"))
    try:
        at = run.until("paused", by="gate")
        second = run.of("question_asked")[1]["id"]
        run.say("answer", text="She does.", id=second)
        run.say("answer", text="1912.")
        run.say("resume")
        at = run.until("paused", after=at + 1, by="gate")
        run.say("resume")
        assert run.end() == 0
    finally:
        run.kill()
    assert [(event["text"], event["waits"]) for event in run.of("question_asked")] == [(WHEN, False), (WHO, False)]
    told = last_words(model, 3)
    assert f"You asked: {WHO}\nThe author answers: She does." in told
    assert f"You asked: {WHEN}\nThe author answers: 1912." in told


def test_killed_with_questions_open_they_are_open_still_and_asked_once(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(ASKING)
    run = LiveRun(studio, *begin(model, "--gate", "step"))
    at = run.until("paused")
    run.say("resume")
    run.until("paused", after=at + 1)
    run.kill()
    again = studio.run("resume", "salt", "--headless", "--json", "--note", "1912.")
    assert again.returncode == 3, "the gate is chosen for the book"
    events = events_of(again.stdout)
    assert not [event for event in events if event["event"] == "question_asked"]
    told = last_words(model, 2)
    assert f"You asked: {WHEN}\nThe author answers: 1912." in told
    assert "The author has left" in told and told.count(f"- {WHO}") == 1
    done = studio.run("resume", "salt", "--headless", "--json", "--gate", "free")
    assert done.returncode == 0, done.stderr


def test_a_finished_book_with_open_questions_waits_for_the_author(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    run = LiveRun(studio, *begin(play(ASKING)))
    try:
        at = run.until("paused")
        assert run.events[at]["by"] == "gate" and WHO in run.events[at]["why"]
        run.say("resume")
        assert run.end() == 0
    finally:
        run.kill()
