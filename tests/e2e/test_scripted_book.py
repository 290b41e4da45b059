"""A book from the first request to the last byte, through the command line, against a real server."""

import json
import os
import random
import signal
import subprocess
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from scripted_book import BOOK, FILES, ONE, call
from studio_command import Model, StudioCommand, events_of, served_by

PROMPT = "A book about salt"


def begin(model: Model, *more: str) -> list[str]:
    return ["new", PROMPT, "--name", "salt", "--headless", "--json", *served_by(model), *more]


def named(events: list[dict[str, Any]], *names: str) -> list[dict[str, Any]]:
    return [event for event in events if event["event"] in names]


def test_every_file_is_byte_exact_and_the_exit_code_is_0(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK)
    done = studio.run(*begin(model))
    assert (done.returncode, done.stderr) == (0, "")
    assert studio.files("salt") == FILES
    events = events_of(done.stdout)
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert events[-1]["event"] == "run_finished"
    assert [event["step"] for event in named(events, "step_started")] == list(range(1, 13))
    calls = [one["id"] for step in BOOK for one in step.get("calls", [])]
    assert [event["id"] for event in named(events, "tool_started")] == calls
    assert [(event["id"], event["ok"]) for event in named(events, "tool_finished")] == [(id, True) for id in calls]


def test_the_prose_that_streamed_is_the_prose_on_disk(play: Callable[..., Model], studio: StudioCommand) -> None:
    events = events_of(studio.run(*begin(play(BOOK, chunk=7))).stdout)
    streamed = "".join(event["text"] for event in named(events, "prose_delta") if event["file"] == "chapter_03.md")
    assert streamed == FILES["chapter_03.md"]


def test_each_request_begins_with_the_bytes_of_the_one_before(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK)
    studio.run(*begin(model))
    requests = [request for request in model.raw_requests if "tools" in json.loads(request)]
    assert len(requests) == 12
    tools = {json.dumps(json.loads(request)["tools"]) for request in requests}
    assert len(tools) == 1
    for before, after in pairwise(requests):
        raw = raw_messages(before)
        assert raw_messages(after)[: len(raw)] == raw


def raw_messages(body: bytes) -> list[bytes]:
    """Each message of a request body as the bytes it was sent as."""
    text = body.decode()
    at = text.index('"messages":') + len('"messages":')
    decoder = json.JSONDecoder()
    found = []
    at = text.index("[", at) + 1
    while text[at] != "]":
        _, end = decoder.raw_decode(text, at)
        found.append(text[at:end].encode())
        at = end + 1 if text[end] == "," else end
    return found


def test_reasoning_is_echoed_back(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK)
    studio.run(*begin(model))
    last = [request for request in model.requests if "tools" in request][-1]
    echoed = [message.get("reasoning_content") for message in last["messages"] if message["role"] == "assistant"]
    wanted = [step.get("reasoning_content") for step in BOOK[:11]]
    assert [text for text in echoed if text] == [text for text in wanted if text]


def kill_and_resume(
    play: Callable[..., Model], studio: StudioCommand, seed: int
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """One kill at a random moment, then a resume; returns what was printed before and after."""
    chance = random.Random(seed)
    model = play(BOOK, pause=0.0005)
    out = studio.home / "out.jsonl"
    with out.open("w") as file:
        process = studio.start(*begin(model), stdout=file, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 60
        while not out.stat().st_size and time.monotonic() < deadline:
            time.sleep(0.005)
        time.sleep(chance.uniform(0.0, 1.6))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    before = events_of(out.read_text().rpartition("\n")[0])
    assert before, "nothing was acknowledged before the kill: it would prove nothing"
    after = studio.run("resume", "salt", "--headless", "--json", *served_by(model))
    assert after.returncode == 0, after.stderr
    return before, events_of(after.stdout)


@pytest.mark.parametrize("seed", range(int(os.environ.get("STUDIO_KILLS", "6"))))
def test_a_kill_at_any_moment_changes_nothing(seed: int, play: Callable[..., Model], studio: StudioCommand) -> None:
    before, after = kill_and_resume(play, studio, seed)
    assert studio.files("salt") == FILES
    journal = events_of(studio.run("replay", "salt", "--json").stdout)
    recorded = {event["seq"]: event for event in journal}
    assert all(recorded[event["seq"]] == event for event in before + after)
    finished = [event["id"] for event in named(journal, "tool_finished")]
    started = [event["id"] for event in named(journal, "tool_started")]
    assert finished == started == [one["id"] for step in BOOK for one in step["calls"]]
    writes = [event["id"] for event in named(journal, "file_written")]
    assert len(writes) == len(set(writes))


def wait_for(out: Path, name: str, **fields: Any) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for event in events_of(out.read_text().rpartition("\n")[0]):
            if event["event"] == name and all(event[key] == value for key, value in fields.items()):
                return
        time.sleep(0.02)
    raise AssertionError(f"no {name} {fields} in time:\n{out.read_text()[-2000:]}")


def test_an_edit_during_step_5_is_in_request_6_and_a_stale_write_merges(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.004)
    out = studio.home / "out.jsonl"
    with out.open("w") as file:
        process = studio.start(*begin(model), stdout=file)
        wait_for(out, "step_started", step=5)
        chapter = studio.projects / "salt" / "chapter_01.md"
        chapter.write_text(ONE.replace("The lamp was lit.", "The lamp was blown out."))
        wait_for(out, "author_edited", file="chapter_01.md")
        assert process.wait(60) == 0
    events = events_of(out.read_text())
    steps = [
        event["step"] for event in events if event["event"] in ("step_started", "author_edited") and "step" in event
    ]
    assert steps == list(range(1, 13))
    order = [event["event"] if event["event"] != "step_started" else event["step"] for event in events]
    assert order.index(5) < order.index("author_edited") < order.index(6)
    requests = [request for request in model.requests if "tools" in request]
    told = [json.dumps(request["messages"], ensure_ascii=False) for request in requests]
    assert "blown out" not in told[4]
    assert (
        "-The lamp was lit.\n+The lamp was blown out.\n The door stood open."
        in (requests[5]["messages"][-1]["content"])
    )
    merged = ONE.replace("The lamp was lit.", "The lamp was blown out.").replace("stood open", "stood wide open")
    assert studio.files("salt")["chapter_01.md"] == merged
    assert [event["file"] for event in named(events, "author_edited")] == ["chapter_01.md"]
    written = [event for event in named(events, "file_written") if event["file"] == "chapter_01.md"]
    assert [event["merged"] for event in written] == [False, True]


def test_both_changed_the_same_sentence_and_the_authors_stays(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.004)
    out = studio.home / "out.jsonl"
    with out.open("w") as file:
        process = studio.start(*begin(model), stdout=file)
        wait_for(out, "step_started", step=5)
        mine = ONE.replace("The door stood open.", "The door was nailed shut.")
        (studio.projects / "salt" / "chapter_01.md").write_text(mine)
        assert process.wait(60) == 0
    assert studio.files("salt")["chapter_01.md"] == mine
    events = events_of(out.read_text())
    conflict = named(events, "merge_conflict")
    assert [("nailed shut" in one["author"], "wide open" in one["agent"]) for one in conflict] == [(True, True)]
    result = next(event["result"] for event in named(events, "tool_finished") if event["id"] == "c:12")
    assert "nailed shut" in result


def test_an_edit_made_while_the_studio_was_closed_is_found_at_resume(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK)
    first = studio.run(*begin(model, "--max-steps", "5"))
    assert first.returncode == 3
    assert named(events_of(first.stdout), "paused")[-1]["by"] == "limit"
    outline = studio.projects / "salt" / "outline.md"
    outline.write_text("# Outline\n\n1. The Quay\n")
    second = studio.run("resume", "salt", "--headless", "--json", *served_by(model))
    assert second.returncode == 0
    assert [event["file"] for event in named(events_of(second.stdout), "author_edited")] == ["outline.md"]
    request = [request for request in model.requests if "tools" in request][5]
    assert "+1. The Quay" in request["messages"][-1]["content"]


def test_commands_on_stdin_pause_resume_and_note(play: Callable[..., Model], studio: StudioCommand) -> None:
    model = play(BOOK, pause=0.004)
    out = studio.home / "out.jsonl"
    with out.open("w") as file:
        process = studio.start(*begin(model), stdout=file, stdin=subprocess.PIPE)
        assert process.stdin is not None

        def send(**command: str) -> None:
            process.stdin.write(json.dumps(command) + "\n")  # type: ignore[union-attr]
            process.stdin.flush()  # type: ignore[union-attr]

        wait_for(out, "step_started", step=4)
        send(command="pause")
        wait_for(out, "paused")
        send(command="note", text="More gulls.")
        wait_for(out, "note_given")
        size = len(named(events_of(out.read_text()), "step_started"))
        send(command="resume")
        wait_for(out, "step_started", step=6)
        send(command="interrupt")
        wait_for(out, "reply_cut")
        send(command="resume")
        assert process.wait(60) == 0
    events = events_of(out.read_text())
    at = [event["event"] for event in events].index("paused")
    between = [event["event"] for event in events[at : events.index(named(events, "resumed")[0])]]
    assert {"step_started", "tool_started", "reply_delta", "prose_delta"} & set(between) == set()
    assert size == 4
    requests = [request for request in model.requests if "tools" in request]
    assert "More gulls." in requests[4]["messages"][-1]["content"]
    assert studio.files("salt") == FILES


def test_a_malformed_call_is_answered_and_nothing_is_lost(play: Callable[..., Model], studio: StudioCommand) -> None:
    script = [
        {"calls": [{"id": "bad", "name": "write_file", "raw": "not json at all"}]},
        {"calls": [call("none", "paint_picture", what="sea"), call("miss", "write_file", filename="a.md")]},
        {"calls": [call("out", "write_file", filename="../../etc/x", content="x", mode="create")]},
        {"calls": [call("ok", "write_file", filename="chapter_01.md", content=ONE, mode="create")]},
        {"calls": [call("end", "finish", summary="Done.")]},
    ]
    done = studio.run(*begin(play(script)))
    assert done.returncode == 0
    results = {event["id"]: event for event in named(events_of(done.stdout), "tool_finished")}
    assert [results[id]["ok"] for id in ("bad", "none", "miss", "out", "ok", "end")] == [False] * 4 + [True] * 2
    assert "JSON" in results["bad"]["result"]
    assert "write_file" in results["none"]["result"]
    assert "content" in results["miss"]["result"]
    assert studio.files("salt") == {"chapter_01.md": ONE}


def test_replies_without_a_call_are_nudged_then_put_to_the_author(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play([{"content": "I would rather talk."}])
    done = studio.run(*begin(model))
    assert done.returncode == 3
    asked = named(events_of(done.stdout), "question_asked")
    assert "I would rather talk." in asked[-1]["text"]
    assert len(model.requests) == 4
    assert "no tool" in model.requests[1]["messages"][-1]["content"]


def test_a_cut_chapter_is_kept_and_gone_on_from_not_written_again(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    whole = "# Salt\n\nThe tide went out. It did not come back. Mara walked. She found a tent.\n"
    kept = "# Salt\n\nThe tide went out. It did not come back. "
    script = [
        {
            "reasoning_content": "Now the chapter.",
            "calls": [call("w", "write_file", filename="chapter_01", content=whole, mode="create")],
            "after": 12,
            "continuation": {
                "calls": [
                    call("a", "write_file", filename="chapter_01.md", content=whole.removeprefix(kept), mode="append")
                ]
            },
        },
        {"calls": [call("end", "finish", summary="Done.")]},
    ]
    model = play(script)
    done = studio.run(*begin(model))
    assert done.returncode == 0, done.stderr
    events = events_of(done.stdout)
    assert len(named(events, "reply_cut")) == 1
    assert [event["file"] for event in named(events, "partial_kept")] == ["chapter_01.md"]
    told = model.requests[1]["messages"][-1]["content"]
    assert "It did not come back." in told and "append" in told
    assert "Mara walked" not in told
    assert studio.files("salt") == {"chapter_01.md": whole}
    assert model.requests[1]["messages"][:-1] == model.requests[0]["messages"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_saves_exits_with_130_and_the_book_goes_on(
    number: signal.Signals, play: Callable[..., Model], studio: StudioCommand
) -> None:
    model = play(BOOK, pause=0.003)
    out = studio.home / "out.jsonl"
    with out.open("w") as file:
        process = studio.start(*begin(model), stdout=file)
        wait_for(out, "step_started", step=5)
        process.send_signal(number)
        assert process.wait(30) == 130
    assert events_of(out.read_text())[-1]["event"] == "paused"
    # Without flags it goes on with the backend it was written with.
    done = studio.run("resume", "salt", "--headless", "--json")
    assert done.returncode == 0, done.stderr
    assert named(events_of(done.stdout), "resumed")
    assert studio.files("salt") == FILES


def test_a_switch_between_two_servers_takes_the_whole_conversation_along(
    play: Callable[..., Model], studio: StudioCommand
) -> None:
    first, second = play(BOOK, pause=0.004), play(BOOK)
    out = studio.home / "out.jsonl"
    with out.open("w") as file:
        process = studio.start(*begin(first), stdout=file, stdin=subprocess.PIPE)
        assert process.stdin is not None
        wait_for(out, "step_started", step=4)
        process.stdin.write(json.dumps({"command": "switch", "backend": "openai", "base_url": second.url}) + "\n")
        process.stdin.flush()
        assert process.wait(60) == 0
    events = events_of(out.read_text())
    assert len(named(events, "backend_switched")) == 1
    assert studio.files("salt") == FILES
    before = [request for request in first.requests if "tools" in request][-1]["messages"]
    after = next(request for request in second.requests if "tools" in request)["messages"]
    assert after[: len(before)] == before


def test_the_window_fills_and_the_conversation_is_compressed(play: Callable[..., Model], studio: StudioCommand) -> None:
    long = "The tide went out and did not come back. " * 400
    script = [
        {"calls": [call("o", "write_file", filename="outline.md", content="# Plan\n\nA tent.\n", mode="create")]},
        *(
            {"calls": [call(f"w{n}", "write_file", filename=f"chapter_0{n}.md", content=long, mode="create")]}
            for n in range(1, 4)
        ),
        {"calls": [call("end", "finish", summary="Done.")]},
    ]
    model = play(script)
    flags = [*begin(model, "--context", "12000", "--max-steps", "12")]
    done = studio.run(*flags)
    events = events_of(done.stdout)
    compressed = named(events, "context_compressed")
    assert compressed and all(event["after"] < event["before"] for event in compressed)
    summary = next(
        message["content"]
        for request in model.requests
        for message in request["messages"]
        if "replaced by this summary" in str(message.get("content"))
    )
    assert "A tent." in summary, "the outline is read back from the disk"
    for request in model.requests:
        calls = [c["id"] for m in request["messages"] if m["role"] == "assistant" for c in m.get("tool_calls", [])]
        results = [m["tool_call_id"] for m in request["messages"] if m["role"] == "tool"]
        assert results == calls
