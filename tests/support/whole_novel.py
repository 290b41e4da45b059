"""A whole novel through the command line, with everything its author does meanwhile, and what became of it."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from editor_at_work import MARK
from live_run import LiveRun
from novel_prose import Novel
from novel_server import Moments, NovelServer, Record
from studio_command import CHECKOUT, StudioCommand

from studio import events as ev
from studio.book.journal import Journal, JournalReader
from studio.book.merge import sentences

NAME = "salt"
WISH = "A long novel about salt, in thirty chapters, each of four scenes."
E = TypeVar("E", bound=ev.Event)


@dataclass(frozen=True)
class Plan:
    """What happens while the novel is written."""

    novel: Novel
    window: int
    edits: int = 20
    notes: int = 10
    switches: int = 2
    kills: int = 2
    steps: int = 1200  # more than it takes: a run that gets nowhere comes to an end
    within: float = 900.0  # seconds


@dataclass
class Written:
    """What became of it."""

    plan: Plan
    code: int
    errors: str
    root: Path
    record: Record
    notes: list[str]
    edits: list[dict[str, str]]  # what the editor said it saved
    kills: int = 0
    events: list[ev.Event] = field(default_factory=list)

    @property
    def journal(self) -> JournalReader:
        return Journal.open_readonly(self.root)

    def of(self, kind: type[E]) -> list[E]:
        return [event for event in self.events if isinstance(event, kind)]


def note(number: int) -> str:
    """A note as authors type them: with marks that a template or a shell would take for its own."""
    return (
        f'Note {number}: no gull in chapter {number + 3}! It costs $name, 50 % «more» — "so"\n- and Luis is {number}.'
    )


class Author:
    """The editor process, and what it did."""

    def __init__(self, root: Path) -> None:
        self.edits: list[dict[str, str]] = []
        command = [sys.executable, str(CHECKOUT / "tests/support/editor_at_work.py"), str(root), "7"]
        self._editor = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": str(CHECKOUT)}
        )

    def edit(self) -> None:
        """Save once, and come back when it is on disk."""
        assert self._editor.stdin is not None and self._editor.stdout is not None
        self._editor.stdin.write("edit\n")
        self._editor.stdin.flush()
        self.edits.append(json.loads(self._editor.stdout.readline()))

    def close(self) -> None:
        assert self._editor.stdin is not None
        self._editor.stdin.close()
        self._editor.wait(10)


class Performance:
    """One novel, written once."""

    def __init__(self, studio: StudioCommand, plan: Plan) -> None:
        self._studio, self._plan = studio, plan
        self._root = studio.projects / NAME
        self._record, self._moments = Record(), Moments()
        self._live: LiveRun | None = None
        self._kills = 0
        self._told: list[str] = []

    def play(self) -> Written:
        plan = self._plan
        with contextlib.ExitStack() as stack:
            servers = [
                stack.enter_context(NovelServer(name, plan.novel, plan.window, self._record, self._moments))
                for name in ("one", "other")
            ]
            author = Author(self._root)
            stack.callback(author.close)
            self._arrange(servers, author)
            limits = ["--context", str(plan.window), "--max-steps", str(plan.steps)]
            served = ["--backend", "openai", "--base-url", servers[0].url, "--model", "novelist"]
            code, errors = self._run(["new", WISH, "--name", NAME, *served, *limits])
            while code < 0:  # killed; it goes on with the server it was last written by
                code, errors = self._run(["resume", NAME, *limits])
        found = Written(plan, code, errors, self._root, self._record, self._told, author.edits, self._kills)
        found.events = list(found.journal.read())
        return found

    def _run(self, command: list[str]) -> tuple[int, str]:
        self._live = LiveRun(self._studio, *command)
        try:
            code = self._live.end(self._plan.within)
        except subprocess.TimeoutExpired:
            self._live.kill()
            return 124, "it did not come to an end"
        return code, self._live.errors

    def _arrange(self, servers: list[NovelServer], author: Author) -> None:
        plan, moments = self._plan, self._moments
        first = plan.novel.places[1, 1] + 1  # there is a chapter to edit
        last = len(plan.novel.acts) - 3

        def spread(count: int, do: Callable[[int], None], shift: float, inside: Sequence[str] = ("",)) -> None:
            for number in range(count):
                at = first + round((number + shift) * (last - first) / count)
                moments.at(at, partial(do, number), inside=inside[number % len(inside)])

        def switch(number: int) -> None:
            to = servers[(number + 1) % 2]
            self._say("switch", backend="openai", base_url=to.url, model="novelist", context=plan.window)

        spread(plan.edits, lambda _: author.edit(), 0.5)
        spread(plan.notes, self._note, 0.3)
        spread(plan.switches, switch, 0.45)
        spread(plan.kills, lambda _: self._kill(), 0.6, ("summary", "step"))

    def _note(self, number: int) -> None:
        """Say it, and see that it has been taken down: what was never acknowledged may go with a kill."""
        assert self._live is not None
        self._told.append(note(number))
        before = len(self._live.events)
        self._live.say("note", text=note(number))
        self._live.until("note_given", after=before, text=note(number))

    def _say(self, command: str, **more: Any) -> None:
        assert self._live is not None
        self._live.say(command, **more)

    def _kill(self) -> None:
        assert self._live is not None
        self._kills += 1
        self._live.kill()


def write_novel(studio: StudioCommand, plan: Plan) -> Written:
    """Write it, to its end or until it is stuck."""
    return Performance(studio, plan).play()


# --- what is on disk --------------------------------------------------------------------------------------------------


def misplaced(written: Written, chapter: int) -> list[str]:
    """What of a chapter is not as the agent wrote it and the author changed it: sentences, each with what is wrong."""
    novel, file = written.plan.novel, written.plan.novel.file(chapter)
    text = (written.root / file).read_bytes().decode()
    mine = [edit for edit in written.edits if edit["file"] == file]
    put_in = {edit["new"] for edit in mine if edit["kind"] == "put in"}
    changed = {edit["new"]: edit["old"] for edit in mine if edit["kind"] == "changed"}
    found = [one.strip() for one in sentences(text) if one.strip()]
    wrong = [f"the author's is there {found.count(new)} times: {new}" for new in put_in if found.count(new) != 1]
    wrong += [f"the author's is there {found.count(new)} times: {new}" for new in changed if found.count(new) != 1]
    stands = [changed.get(one, one) for one in found if one not in put_in]
    mended = dict(novel.edits(chapter))
    wanted = [f"# Chapter {chapter}"]
    for scene in range(1, novel.scenes + 1):
        wanted += novel.scene_sentences(chapter, scene)
    plain = {new: old for old, new in mended.items()}
    bare = [plain.get(one, one) for one in stands]
    wrong += [f"lost: {one}" for one in wanted if one not in bare]
    wrong += [f"there {bare.count(one)} times: {one}" for one in dict.fromkeys(bare) if bare.count(one) > 1]
    wrong += [f"nobody's: {one}" for one in bare if one not in set(wanted)]
    if not wrong and bare != wanted:
        wrong.append("the sentences are not in their order")
    made = {event.id for event in written.of(ev.ToolFinished) if event.name == "edit_file" and event.ok}
    for at, act in enumerate(novel.acts):
        is_made = any(id_.startswith(f"act{at}_") for id_ in made)
        if act.name == "edit_file" and act.chapter == chapter and is_made:
            old, new = act.arguments["old_text"], act.arguments["new_text"]
            if new not in stands and old not in changed.values():
                wrong.append(f"mended and not there: {new}")
    return wrong


def forgotten(written: Written, said: Callable[[ev.Event], str]) -> list[str]:
    """What the author `said` in events and was not, word for word, in the next request after a compression."""
    missing = []
    compressions = written.of(ev.ContextCompressed)
    for number, (compression, request) in enumerate(zip(compressions, written.record.breaks, strict=True), 1):
        before = [said(event) for event in written.events if event.seq < compression.seq]
        missing += [f"after compression {number}: {text}" for text in before if text not in request.opening]
    return missing


def noted(event: ev.Event) -> str:
    """A note's words; "" for any other event."""
    return event.text if isinstance(event, ev.NoteGiven) else ""


def edited(event: ev.Event) -> str:
    """The sentence that an edit of the author's brought; "" for any other event."""
    if not isinstance(event, ev.AuthorEdited):
        return ""
    lines = [line[1:] for line in event.diff.splitlines() if line.startswith("+") and MARK in line]
    found = [one.strip() for line in lines for one in sentences(line) if one.startswith(MARK)]
    return found[-1] if found else ""
