"""A whole novel through the command line: an author who edits and says things all along, two servers that it moves
between, kills, and a window that is full again and again. `STUDIO_THOROUGH=1` writes all three hundred steps of it.
"""

import os
from collections import Counter
from pathlib import Path

import pytest
from novel_prose import Novel
from studio_command import StudioCommand
from whole_novel import Plan, Written, edited, forgotten, misplaced, noted, write_novel

from studio import events as ev

SHORT = Novel(chapters=4, short=4, thought=150)
QUICK = {
    "20,000": Plan(SHORT, 20_000, edits=6, notes=4),
    "8,192": Plan(Novel(chapters=4, short=4, thought=40), 8_192, edits=6, notes=4),
}
FULL = {
    "200,000": Plan(Novel(thought=500), 200_000),
    "32,768": Plan(Novel(thought=150), 32_768),
    "8,192": Plan(Novel(thought=40), 8_192),
}
PLANS = FULL if os.environ.get("STUDIO_THOROUGH") else QUICK


@pytest.fixture(scope="module", params=PLANS, ids=[f"a window of {window}" for window in PLANS])
def written(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """The novel, written once for all the promises about it."""
    return write_novel(StudioCommand(tmp_path_factory.mktemp("novel") / "home"), PLANS[request.param])


def test_it_comes_to_its_end_through_kills_and_switches(written: Written) -> None:
    plan = written.plan
    assert (written.code, written.errors) == (0, "")
    assert isinstance(written.events[-1], ev.RunFinished)
    assert written.kills == plan.kills and len(written.of(ev.RunStarted)) == plan.kills + 1
    assert len(written.of(ev.BackendSwitched)) == plan.switches
    assert {seen.server for seen in written.record.seen} == {"one", "other"}
    assert len(written.of(ev.ContextCompressed)) >= 3
    assert (len(written.edits), len(written.notes)) == (plan.edits, plan.notes)
    assert written.of(ev.QuestionAsked) == written.of(ev.Paused) == []


def test_no_work_is_done_twice_for_want_of_memory(written: Written) -> None:
    """Compress, read again, compress again: a run that is stuck so gets nowhere, and is paid for."""
    acts = len(written.plan.novel.acts)
    assert acts * 0.9 <= len(written.of(ev.StepFinished)) <= acts * 1.1 + 5
    assert len(written.of(ev.ContextCompressed)) <= len(written.of(ev.StepFinished)) / 3


def test_every_chapter_is_on_disk_as_written_or_merged(written: Written) -> None:
    novel = written.plan.novel
    files = sorted(path.name for path in written.root.glob("chapter_*.md"))
    assert files == [novel.file(chapter) for chapter in range(1, novel.chapters + 1)]
    wrong = {chapter: misplaced(written, chapter) for chapter in range(1, novel.chapters + 1)}
    assert {chapter: found[:3] for chapter, found in wrong.items() if found} == {}


def test_no_save_of_the_author_is_lost(written: Written) -> None:
    journal = written.journal
    lost = [edit for edit in written.edits if not journal.has_text(edit["sha256"])]
    assert lost == []


def test_every_note_is_word_for_word_in_the_next_request_after_each_compression(written: Written) -> None:
    assert [event.text for event in written.of(ev.NoteGiven)] == written.notes
    assert forgotten(written, noted) == []


def test_every_edit_of_the_author_is_word_for_word_in_the_next_request_after_each_compression(written: Written) -> None:
    assert sum(bool(edited(event)) for event in written.events) == len(written.edits)
    assert forgotten(written, edited) == []


def test_no_request_is_over_the_window(written: Written) -> None:
    over = [(seen.kind, seen.tokens) for seen in written.record.overflows]
    assert over == [], f"a window of {written.plan.window}"


def test_no_request_is_out_of_order_and_each_begins_with_the_one_before(written: Written) -> None:
    """But for a compression, which leaves the system's words and the author's wish as they were."""
    assert written.record.wrong == []
    assert len(written.record.breaks) == len(written.of(ev.ContextCompressed))


def test_every_call_is_carried_out_once(written: Written) -> None:
    assert [event.id for event in written.of(ev.ToolFinished)] == [event.id for event in written.of(ev.ToolStarted)]
    writes = Counter(event.id for event in written.of(ev.FileWritten))
    assert [id_ for id_, count in writes.items() if count > 1] == []


def test_the_health_of_memory_is_told_after_each_compression(written: Written) -> None:
    checks = written.of(ev.MemoryChecked)
    assert len(checks) == len(written.of(ev.ContextCompressed))
    assert all(0 < check.reachable <= check.known for check in checks)


def test_the_record_can_be_read_by_the_command(written: Written) -> None:
    projects = Path(written.root).parent
    done = StudioCommand(projects.parent).run("history", written.root.name, "--json")
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) >= written.plan.edits
