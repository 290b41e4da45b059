"""A studio killed again and again around its gates: each chapter is stopped for once, each question asked once."""

import os
import random
import re
import time
from collections import Counter
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from live_run import LiveRun
from scripted_book import call, paragraph
from studio_command import Model, StudioCommand, events_of

CHAPTERS = 5
KILLS = int(os.environ.get("STUDIO_KILLS", "60" if os.environ.get("STUDIO_THOROUGH") else "7"))


def script() -> list[dict[str, Any]]:
    steps: list[dict[str, Any]] = []
    for number in range(1, CHAPTERS + 1):
        text = f"# Chapter {number}\n\n{paragraph(f'Mara {number}', 20)}\n"
        name = f"chapter_0{number}.md"
        steps += [
            {"calls": [call(f"q{number}", "ask_author", question=f"Question {number}?")]},
            {"calls": [call(f"w{number}", "write_file", filename=name, content=text, mode="create")]},
        ]
    return [*steps, {"calls": [call("end", "finish", summary="Done.")]}]


def told(run: LiveRun, killed_at: float) -> bool:
    """An author who says go on at each pause; True when the run ended before the kill."""
    seen = 0
    while time.monotonic() < killed_at:
        events = list(run.events)
        for event in events[seen:]:
            if event["event"] == "paused":
                run.say("answer", text=f"Answer at {event['seq']}.")
                run.say("resume")
        seen = len(events)
        if any(event["event"] == "run_finished" for event in events):
            return run.end() == 0
        time.sleep(0.01)
    run.kill()
    return False


def test_kills_at_random_moments_neither_skip_a_stop_nor_make_it_twice(
    play: Callable[..., Model], studio: StudioCommand, figure: Callable[[str], None]
) -> None:
    chance = random.Random(11)
    kills = books = 0
    while kills < KILLS:
        name = f"salt-{books}"
        model = play(script(), pause=0.001)
        flags = ["--backend", "openai", "--base-url", model.url, "--model", "scripted", "--gate", "chapter"]
        run = LiveRun(studio, "new", "Salt", "--name", name, *flags)
        run.until("run_started")
        while not told(run, time.monotonic() + (chance.uniform(0.0, 1.0) if kills < KILLS else 120)):
            kills += 1
            run = LiveRun(studio, "resume", name)
            if chance.random() < 0.7:
                run.until_any("run_started", "resumed")
        books += 1
        record = events_of(studio.run("replay", name, "--json").stdout)
        whys = " ".join(event["why"] for event in record if event["event"] == "paused")
        assert Counter(re.findall(r"chapter_\d\d\.md", whys)) == {
            f"chapter_0{number}.md": 1 for number in range(1, CHAPTERS + 1)
        }
        asked = [event["text"] for event in record if event["event"] == "question_asked"]
        assert asked == [f"Question {number}?" for number in range(1, CHAPTERS + 1)]
        answered = [event["id"] for event in record if event["event"] == "answer_given"]
        assert len(set(answered)) == len(answered)
        for event, following in pairwise(record):
            if event["event"] == "paused" and event["by"] == "gate":
                assert following["event"] not in ("step_started", "tool_started", "reply_delta"), "no call at a gate"
    figure(f"{kills} kills of {books} books with a gate at each chapter: each stopped once, each question asked once")
