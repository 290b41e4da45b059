"""The desk: draws what is told, sends what the author wants, and never says a thing before it is so."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from textual.widgets import Input, OptionList

from studio import events as ev
from studio.agent.commands import BackendChoice
from studio.agent.gates import Gates
from studio.tui.app import StudioApp
from studio.tui.screens.desk import DeskScreen
from studio.tui.screens.help import HelpScreen
from studio.tui.widgets.steering_line import SteeringLine
from studio.tui.widgets.text_pane import TextPane

WIDE, SMALL = (200, 50), (80, 24)
DeskOf = Callable[..., StudioApp]


def pane(app: StudioApp, name: str) -> TextPane:
    return app.screen.query_one(f"#{name}", TextPane)


async def opened(pilot: Any, glass: Any) -> None:
    await glass.shows(pilot, "The Salt Circus")
    await glass.until(pilot, lambda: isinstance(pilot.app.screen, DeskScreen))


# --- what is shown ----------------------------------------------------------------------------------------------------


async def test_the_history_is_there_at_once_and_the_run_begins(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(
            pilot,
            "The Salt Circus",
            "kimi-k3 @ moonshot",
            "step 4/300",
            "✓ write_file chapter_02.md: 2,940 words",
            "✎ you edited chapter_01.md",
            "› Let Maren keep the whistle.",
            "# Low Water",
            "chapter_03.md · live",
            "6,050 words",
            "$0.12",
        )
        await glass.until(pilot, lambda: salt.working)


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_the_gauge_is_always_there(desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]) -> None:
    app = desk_of(salt)
    async with app.run_test(size=size, notifications=True) as pilot:
        # 40,000 as counted by the server, and what has streamed since.
        await glass.shows(pilot, "/ 200,000 (20.1 %)", "writing")


async def test_the_gauge_grows_while_a_reply_streams(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.ReasoningDelta(text="x" * 42_000))
        await glass.shows(pilot, "50,1", "(25.1 %)")
        salt.tell(ev.StepFinished(step=4, usage=ev.Usage(), context_tokens=51_234, cost=None))
        await glass.shows(pilot, "51,234 / 200,000 (25.6 %)", "cost unknown")


async def test_what_streams_goes_to_its_pane(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.ReasoningDelta(text=" A thought."), ev.ProseDelta(file="chapter_03.md", text="A sentence."))
        await glass.shows(pilot, "A thought.", "A sentence.")
        salt.tell(ev.ToolFinished(id="9", name="search_files", ok=False, result="nothing found"))
        await glass.shows(pilot, "✗ search_files nothing found")


async def test_twenty_thousand_events_are_shown_whole(desk_of: DeskOf, new_session: Any, glass: Any) -> None:
    words = (ev.ReasoningDelta(text=f"word{number} ") for number in range(20_000))
    app = desk_of(new_session(ev.StepStarted(step=1, limit=9), *words))
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "word19999")
        assert pane(app, "reasoning").text.find("word0 ", -1) is not None


# --- commands ---------------------------------------------------------------------------------------------------------


async def test_space_says_paused_only_when_it_is(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("space")
        await glass.shows(pilot, "pausing after this reply…")
        assert "‖ paused" not in glass.text(app)
        assert salt.run.calls == [("pause", None)]
        salt.tell(ev.ReplyFinished(), ev.Paused(why="by the author"))
        await glass.shows(pilot, "‖ paused", "Space goes on")
        await glass.hides(pilot, "pausing")
        await pilot.press("space")
        assert salt.run.calls[-1] == ("resume", None)
        salt.tell(ev.Resumed())
        await glass.hides(pilot, "Space goes on")


async def test_space_again_takes_a_pause_back(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("space")
        await glass.shows(pilot, "pausing")
        await pilot.press("space")
        await glass.hides(pilot, "pausing")
        assert salt.run.calls == [("pause", None), ("resume", None)]


async def test_escape_cuts_the_reply(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("escape")
        await glass.shows(pilot, "cutting the reply…")
        assert salt.run.calls == [("interrupt", None)]


async def test_a_note_is_typed_after_i_and_sent_by_enter(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("i", *"less q b e", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("note", "less q b e")]
        assert not isinstance(app.focused, SteeringLine)


async def test_escape_in_the_steering_line_only_gives_the_keys_back(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("i", *"half", "escape")
        await glass.until(pilot, lambda: not isinstance(app.focused, SteeringLine))
        assert salt.run.calls == []
        assert app.screen.query_one(SteeringLine).value == "half"


async def test_a_click_takes_the_keys_to_the_steering_line(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.click("#say")
        await glass.until(pilot, lambda: isinstance(app.focused, SteeringLine))
        await glass.shows(pilot, "Enter send")


async def test_what_was_said_can_be_recalled(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("i", *"one", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        await pilot.press("i", "up", "enter")
        await glass.until(pilot, lambda: len(salt.run.calls) == 2)
        assert salt.run.calls == [("note", "one"), ("note", "one")]


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_a_question_is_answered_in_the_steering_line(
    desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=size, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.QuestionAsked(text="Does the tent stay?\nOr go?"))
        await glass.shows(pilot, "? the agent asks", "Does the tent stay?", "Or go?", "your answer…")
        await pilot.press("i", *"stay", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("answer", "stay")]
        salt.tell(ev.AnswerGiven(text="stay"))
        await glass.hides(pilot, "the agent asks")


def queued(text: str, id: str) -> ev.Event:
    return ev.QuestionAsked(text=text, id=id, waits=False)


THREE = [queued("Which year is it?", "1.0"), queued("Does Maren live?", "2.0"), queued("Who owns the tent?", "3.0")]
GATE = ev.Paused(why="chapter 3 is done: chapter_03.md, 3,104 words", by="gate")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_questions_wait_beside_a_run_that_goes_on_and_the_oldest_is_answered(
    desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=size, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        salt.tell(*THREE)
        await glass.shows(
            pilot, "✎ writing", "? 3", "? 1 of 3", "Which year is it?", "your answer, 1 of 3…", "step 4/300"
        )
        await pilot.press("i")
        await glass.shows(pilot, "Enter answer", "Tab a note instead")
        await pilot.press(*"1912", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("answer", "1.0: 1912")]
        salt.tell(ev.AnswerGiven(text="1912", id="1.0"))
        await glass.shows(pilot, "? 1 of 2", "Does Maren live?", "your answer, 1 of 2…")


async def test_a_note_can_be_given_while_questions_are_open(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(*THREE)
        await glass.shows(pilot, "? 1 of 3")
        await pilot.press("i", "tab")
        await glass.shows(pilot, "tell the agent…", "Enter send", "Tab answer")
        await pilot.press("h", "o", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        await glass.shows(pilot, "your answer")
        await pilot.press("i", "tab", "tab", "x", "enter")
        await glass.until(pilot, lambda: len(salt.run.calls) == 2)
        assert salt.run.calls == [("note", "ho"), ("answer", "1.0: x")]
        await glass.until(pilot, lambda: not isinstance(app.focused, SteeringLine))


async def test_a_question_does_not_turn_what_is_being_typed_into_its_answer(
    desk_of: DeskOf, salt: Any, glass: Any
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("i", "h")
        salt.tell(*THREE)
        await glass.shows(pilot, "? 1 of 3", "Tab answer")
        await pilot.press("o", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("note", "ho")]
        await glass.shows(pilot, "your answer, 1 of 3…")


async def test_an_answer_to_a_question_that_is_gone_is_a_note(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(THREE[0])
        await glass.shows(pilot, "your answer…")
        await pilot.press("i", "h")
        salt.tell(ev.AnswerGiven(text="by another door", id="1.0"))
        await glass.shows(pilot, "Enter send")
        await pilot.press("o", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("note", "ho")]


async def test_tab_goes_to_the_next_pane_where_nothing_is_asked(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("i", "tab")
        await glass.until(pilot, lambda: not isinstance(app.focused, SteeringLine))


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_g_turns_the_gate_and_the_desk_says_where_it_stands(
    desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=size, notifications=True) as pilot:
        await opened(pilot, glass)
        for gate in ("chapter", "step", "free"):
            await pilot.press("g")
            await glass.until(pilot, lambda gate=gate: salt.run.calls[-1:] == [("gate", gate)])
            salt.tell(ev.GateChosen(gate=gate))
        await glass.shows(pilot, "The run stops nowhere by itself.")
        await glass.hides(pilot, "gate: ")
        salt.tell(ev.GateChosen(gate="chapter"))
        await glass.shows(pilot, "gate: chapter", "step 4/300", "The Salt Circus")


@pytest.mark.parametrize("size", [WIDE, SMALL])
async def test_at_a_gate_the_desk_says_what_is_done_and_space_goes_on(
    desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=size, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(THREE[0], GATE)
        await glass.shows(pilot, "‖ paused", "chapter 3 is done", "Space goes on", "Which year is it?")
        await pilot.press("space")
        await glass.until(pilot, lambda: salt.run.calls == [("resume", None)])


@pytest.mark.parametrize("size", [WIDE, SMALL, (60, 16)])
async def test_however_many_and_long_the_questions_a_pause_says_what_goes_on(
    desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]
) -> None:
    asked = [f"{number}. " + "Is the tent grey or green? " * 45 for number in range(20)]
    gates = Gates()
    gates.apply(ev.ToolFinished(id="f", name="finish", ok=True, result="Done."))
    app = desk_of(salt)
    async with app.run_test(size=size, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(*(queued(text, f"{number}.0") for number, text in enumerate(asked)))
        salt.tell(ev.Paused(why=gates.due_at_end(asked), by="gate"))
        await glass.shows(pilot, "the book is done and ends", "Space goes on", "(i answers")
        await pilot.press("i")
        await glass.shows(pilot, "? 1 of 20", "0. Is the tent")
        await glass.hides(pilot, "Space goes on")


async def test_another_backend_is_chosen_from_the_list(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("b")
        await glass.shows(pilot, "Any compatible endpoint.", "Needs MOONSHOT_API_KEY")
        await pilot.press("down", "enter")
        await glass.shows(pilot, "openai needs an address.")
        await pilot.press(*"http://x/v1", "enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("switch", BackendChoice(backend="openai", base_url="http://x/v1"))]
        await glass.shows(pilot, "⇄ switching after this reply…")
        changes = ("the window is 32,000 tokens instead of 200,000", "it costs nothing")
        salt.tell(ev.BackendSwitched(backend="openai", model="mistral", context=32_000, changes=changes))
        await glass.shows(
            pilot, "⇄ now mistral @ openai", "· the window is 32,000 tokens", "instead of 200,000", "· it costs nothing"
        )
        await glass.hides(pilot, "switching")


@pytest.mark.parametrize("size", [WIDE, SMALL, (60, 16)])
async def test_a_switch_cuts_the_reply_if_that_is_ticked(
    desk_of: DeskOf, salt: Any, glass: Any, size: tuple[int, int]
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=size, notifications=True) as pilot:
        await glass.shows(pilot, "✎ writing")
        await pilot.press("b")
        await glass.shows(pilot, "Another backend")
        await pilot.press("tab", "tab", "tab", "space")
        await glass.shows(pilot, "[x] at once: cut the reply, keep what arrived")
        await pilot.press("enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("cut over", BackendChoice(backend="moonshot"))]
        await glass.shows(pilot, "⇄ cutting over…")
        salt.tell(ev.ReplyCut(why="x"), ev.BackendSwitched(backend="moonshot", model="k", context=32_000))
        await glass.hides(pilot, "cutting over")


async def test_a_tick_taken_back_leaves_the_reply_its_end(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("b")
        await glass.shows(pilot, "[ ] at once")
        await pilot.click("#cut")
        await glass.shows(pilot, "[x] at once")
        await pilot.press("space")
        await glass.shows(pilot, "[ ] at once")
        await pilot.press("enter")
        await glass.until(pilot, lambda: salt.run.calls)
        assert salt.run.calls == [("switch", BackendChoice(backend="moonshot"))]


async def test_a_switch_while_paused_says_that_it_waits_for_the_author(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.Paused(why="the author paused"))
        await glass.shows(pilot, "Space goes on")
        await pilot.press("b")
        await glass.shows(pilot, "Another backend")
        await pilot.press("enter")
        await glass.shows(pilot, "⇄ switching when the run goes on…", "‖ paused", "Space goes on")
        # The other backend gets ready beside the run, which stands still all the same.
        salt.tell(ev.BackendPreparing(text="Loading weights"))
        await pilot.press("3")
        await glass.shows(pilot, "Loading weights", "Space goes on")
        await pilot.press("space")
        assert [name for name, _ in salt.run.calls] == ["switch", "resume"]
        salt.tell(ev.Resumed(), ev.BackendSwitched(backend="moonshot", model="k", context=32_000))
        await glass.hides(pilot, "switching")


async def test_a_switch_that_can_not_be_is_no_longer_waited_for(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("b")
        await glass.shows(pilot, "Another backend")
        await pilot.press("enter")
        await glass.shows(pilot, "⇄ switching after this reply…")
        salt.tell(ev.BackendFault(error="The server is busy.", retry_in=60.0))
        await glass.shows(pilot, "busy", "⇄ switching…")
        salt.tell(ev.BackendFault(error="Still on moonshot: no key.", retry_in=None))
        await glass.shows(pilot, "Still on moonshot")
        await glass.hides(pilot, "switching")


async def test_keys_of_a_dialog_do_nothing_to_the_run(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("b")
        await glass.shows(pilot, "Another backend")
        await pilot.press("escape")
        await glass.hides(pilot, "Another backend")
        assert salt.run.calls == []


async def test_t_changes_the_theme_while_it_streams(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        seen = [app.theme]
        for _ in range(4):
            await pilot.press("t")
            seen.append(app.theme)
        assert len(set(seen)) == 4
        assert seen[-1] == seen[0]


async def test_help_lists_every_key_that_does_something(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=(120, 110), notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("question_mark")
        await glass.shows(
            pilot, "How to steer", "Space", "hold after the reply", "follow the stream again", "yours wins"
        )
        await pilot.press("escape")
        await glass.until(pilot, lambda: not isinstance(app.screen, HelpScreen))
        assert salt.run.calls == []


# --- reading ----------------------------------------------------------------------------------------------------------


async def test_enter_on_a_file_reads_it_and_on_the_live_one_goes_back(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    (salt.root / "chapter_02.md").write_text("# Two\r\n\r\nFrom the disk.\r\n", encoding="utf-8", newline="")
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("4", "down", "down", "enter")
        await glass.shows(pilot, "chapter_02.md · on disk", "From the disk.")
        assert "␍" not in glass.text(app)
        salt.tell(ev.ProseDelta(file="chapter_03.md", text="Meanwhile, live."))
        await pilot.press("down", "enter")
        await glass.shows(pilot, "chapter_03.md · live", "Meanwhile, live.")


async def test_a_file_that_is_read_follows_the_authors_saves(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("4", "down", "enter")
        await glass.shows(pilot, "chapter_01.md · on disk")
        (salt.root / "chapter_01.md").write_text("Changed outside.", encoding="utf-8")
        salt.tell(ev.AuthorEdited(file="chapter_01.md", sha256="9", words=2, diff=""))
        await glass.shows(pilot, "Changed outside.")
        await pilot.press("l")
        await glass.shows(pilot, "# Low Water")


async def test_a_name_only_the_model_said_opens_nothing(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    (salt.root.parent / "secret.md").write_text("not yours", encoding="utf-8")
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.ProseDelta(file="../secret.md", text="x"))
        await glass.shows(pilot, "../secret.md · live")
        await pilot.press("e")
        await glass.shows(pilot, "is not on disk yet")
        salt.tell(ev.ReplyCut(why="cut"))
        await pilot.press("e")
        assert "not yours" not in glass.text(app)


async def test_scrolling_back_is_not_disturbed_by_the_stream(
    desk_of: DeskOf, salt: Any, glass: Any, prose: str
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.ProseDelta(file="chapter_03.md", text=prose * 20))
        await glass.until(pilot, lambda: pane(app, "prose").max_scroll_y > 100)
        pane(app, "prose").scroll_to(y=10, animate=False)
        await pilot.pause()
        top = pane(app, "prose").render_line(0).text
        salt.tell(ev.ProseDelta(file="chapter_03.md", text=prose * 5))
        await glass.shows(pilot, "new lines · End follows")
        assert pane(app, "prose").render_line(0).text == top
        await pilot.press("end")
        await glass.until(pilot, lambda: pane(app, "prose").following)


async def test_slash_searches_the_pane_that_has_the_keys(desk_of: DeskOf, salt: Any, glass: Any, prose: str) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.ProseDelta(file="chapter_03.md", text="needle\n\n" + prose * 20 + "Needle again"))
        await glass.shows(pilot, "Needle again")
        await pilot.press("slash", *"needle", "enter")
        await glass.shows(pilot, "Needle again")
        await pilot.press("n")
        await glass.hides(pilot, "Needle again")
        assert "needle" in glass.text(app)
        await pilot.press("slash", *"xx", "enter")
        await glass.shows(pilot, "“xx” is not in this pane.")


async def test_tab_goes_round_the_panes(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    for size in (WIDE, SMALL):
        app = desk_of(salt)
        async with app.run_test(size=size, notifications=True) as pilot:
            await opened(pilot, glass)
            seen = []
            for _ in range(6):
                await glass.until(pilot, lambda app=app: app.focused is not None)
                assert app.focused is not None
                seen.append(app.focused.id)
                await pilot.press("tab")
            assert seen == ["prose", "reasoning", "tools", "files", "steering", "prose"]
        salt.run.stopped.clear()


# --- sizes ------------------------------------------------------------------------------------------------------------


async def test_a_small_screen_shows_one_pane_at_a_time(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await glass.shows(pilot, "1 Prose", "5 Steering", "# Low Water")
        assert "Let Maren keep" not in glass.text(app)
        await pilot.press("5")
        await glass.shows(pilot, "› Let Maren keep the whistle.")
        assert "# Low Water" not in glass.text(app)
        await pilot.click("PaneTabs", offset=(14, 0))
        await glass.shows(pilot, "I keep to grey.")


async def test_going_small_and_back_keeps_every_place(desk_of: DeskOf, salt: Any, glass: Any, prose: str) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.ProseDelta(file="chapter_03.md", text="\n\n".join(f"Paragraph {n}. {prose}" for n in range(30))))
        await glass.shows(pilot, "Paragraph 29.")
        row = pane(app, "prose").text.find("Paragraph 17.", -1)
        pane(app, "prose").scroll_to(y=row, animate=False)
        for size in (SMALL, WIDE, (100, 20), (55, 12), WIDE):
            await pilot.resize_terminal(*size)
            if size[0] >= 60:
                await glass.until(pilot, lambda: "Paragraph 17." in pane(app, "prose").render_line(0).text)
                assert not pane(app, "prose").following
        assert pane(app, "reasoning").following


async def test_a_tiny_terminal_says_so_and_the_run_goes_on(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=(50, 14), notifications=True) as pilot:
        await glass.shows(pilot, "too small: 50×14", "needs 60×16", "The run goes on.")
        assert salt.working
        await pilot.resize_terminal(*WIDE)
        await glass.shows(pilot, "# Low Water", "Context")


# --- the end ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("key", ["q", "ctrl+c"])
async def test_quitting_stops_saves_closes_and_passes_the_code_on(
    desk_of: DeskOf, salt: Any, glass: Any, key: str
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press(key)
        await glass.until(pilot, lambda: salt.closed)
    assert salt.run.calls == [("stop", None)]
    assert app.return_value == 3


async def test_ctrl_c_quits_from_the_steering_line_too(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("i", "a", "ctrl+c")
        await glass.until(pilot, lambda: salt.closed)


@pytest.mark.parametrize(
    ("last", "code", "shown"),
    [
        (ev.RunFinished(reason="the book is done"), 0, "■ finished"),
        (ev.RunFailed(error="The key was refused; set another."), 1, "The key was refused"),
    ],
)
async def test_an_ended_run_stays_on_the_desk_for_reading(
    desk_of: DeskOf, salt: Any, glass: Any, last: ev.Event, code: int, shown: str
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(last)
        salt.finish(code)
        await glass.shows(pilot, shown, "q leaves")
        await pilot.press("space")
        await glass.shows(pilot, "The run has ended")
        assert salt.run.calls == []
        await pilot.press("q")
        await glass.until(pilot, lambda: salt.closed)
    assert app.return_value == code


async def test_a_book_held_elsewhere_is_read_along_and_takes_no_command(
    desk_of: DeskOf, new_session: Any, glass: Any
) -> None:
    session = new_session(ev.TitleGiven(title="Held"), held_by="Another studio (process 42) is writing this book.")
    app = desk_of(session)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await glass.shows(pilot, "read only", "process 42")
        session.tell(ev.ReasoningDelta(text="told by the other"))
        await glass.shows(pilot, "told by the other")
        await pilot.press("space", "escape", "b", "i")
        assert session.run.calls == []
        assert not isinstance(app.focused, Input)
        session.run.stop = lambda: None  # as a session that is only followed: commands do nothing
        await pilot.press("q")
        await glass.until(pilot, lambda: session.closed)
    assert app.return_value == 0


async def test_the_file_list_keeps_what_is_highlighted(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("4", "down", "down")
        salt.tell(ev.FileWritten(file="bible/people.md", sha256="1", words=9, mode="create"))
        salt.tell(ev.FileWritten(file="chapter_00.md", sha256="1", words=9, mode="create"))
        await glass.shows(pilot, "bible/people.md", "chapter_00.md")
        files = app.screen.query_one("#files", OptionList)
        assert files.highlighted is not None
        assert files.get_option_at_index(files.highlighted).id == "chapter_02.md"
        ids = [files.get_option_at_index(n).id for n in range(files.option_count)]
        assert ids[0] == "outline.md"
        assert ids[-1] == "bible/people.md"


async def test_a_file_gone_from_the_disk_is_said(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    Path(salt.root / "chapter_01.md").unlink()
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("4", "down", "enter")
        await glass.shows(pilot, "chapter_01.md can't be read")


async def test_a_file_is_locked_against_the_agent_and_unlocked(desk_of: DeskOf, salt: Any, glass: Any) -> None:
    app = desk_of(salt)
    async with app.run_test(size=WIDE, notifications=True) as pilot:
        await opened(pilot, glass)
        await pilot.press("4", "home", "L")
        await glass.shows(pilot, "is locked: the agent can't change it", "⊘ locked: ")
        assert len(salt.locked) == 1
        await pilot.press("L")
        await glass.shows(pilot, "nothing is locked any more")
        assert salt.locked == set()


async def test_a_disk_that_refuses_is_told_at_once_and_its_pause_ends_by_itself(
    desk_of: DeskOf, salt: Any, glass: Any
) -> None:
    app = desk_of(salt)
    async with app.run_test(size=SMALL, notifications=True) as pilot:
        await opened(pilot, glass)
        salt.tell(ev.DiskFault(error="The record can't be written (disk is full)."), ev.ProseDelta(file="", text="On."))
        await glass.shows(pilot, "! disk", "disk is full", "pauses after this reply")
        salt.tell(ev.Paused(why="The record can't be written (disk is full).", by="disk"))
        await glass.shows(pilot, "‖ paused", "goes on by itself")
        salt.tell(ev.DiskBack(), ev.Resumed())
        await glass.hides(pilot, "goes on by itself")
