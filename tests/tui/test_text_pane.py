"""The pane of streaming text: it follows until the reader scrolls up, and never moves what is being read."""

from textual import events
from textual.app import App, ComposeResult
from textual.geometry import Size
from textual.screen import Screen

from studio.tui.widgets.text_pane import TextPane

LINES = "\n".join(f"line {number}" for number in range(200))


class Counted(Screen[None]):
    """Counts its layouts."""

    layouts = 0

    def _refresh_layout(self, size: Size | None = None, scroll: bool = False) -> None:
        self.layouts += 1
        super()._refresh_layout(size, scroll)


class OnePane(App[None]):
    def __init__(self, measure: int | None = None) -> None:
        super().__init__()
        self.counted = Counted()
        self.pane = TextPane("Prose", measure=measure)

    def get_default_screen(self) -> Screen[None]:
        return self.counted

    def compose(self) -> ComposeResult:
        yield self.pane

    def rows(self) -> list[str]:
        return [strip.text.strip() for strip in (self.pane.render_line(y) for y in range(self.pane.size.height))]


async def test_it_follows_the_stream() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        app.pane.append(LINES)
        app.pane.flush()
        await pilot.pause()
        assert app.rows()[-1] == "line 199"


async def test_scrolling_up_ends_following_and_says_how_much_is_new() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        app.pane.append(LINES)
        app.pane.flush()
        app.pane.focus()
        app.pane.scroll_up(animate=False)
        await pilot.pause()
        assert not app.pane.following
        before = app.rows()
        app.pane.append("\none\ntwo\nthree")
        app.pane.flush()
        await pilot.pause()
        assert app.rows() == before
        assert "▼ 3 new lines" in str(app.pane.border_subtitle)


async def test_end_follows_again() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        app.pane.append(LINES)
        app.pane.flush()
        app.pane.focus()
        await pilot.press("home")
        await pilot.wait_for_scheduled_animations()
        assert app.rows()[0] == "line 0"
        await pilot.press("end")
        app.pane.append("\nnewest")
        app.pane.flush()
        await pilot.pause()
        assert app.pane.following
        assert app.rows()[-1] == "newest"
        assert not str(app.pane.border_subtitle or "")


async def test_coming_back_to_the_bottom_follows_again() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        app.pane.append(LINES)
        app.pane.flush()
        app.pane.scroll_to(y=5, animate=False)
        await pilot.pause()
        assert not app.pane.following
        app.pane.scroll_to(y=app.pane.max_scroll_y, animate=False)
        await pilot.pause()
        assert app.pane.following


async def test_the_mouse_wheel_ends_following() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        app.pane.append(LINES)
        app.pane.flush()
        await pilot.pause()
        await pilot._post_mouse_events([events.MouseScrollUp], app.pane, offset=(5, 5))
        await pilot.wait_for_scheduled_animations()
        assert not app.pane.following


async def test_a_resize_keeps_the_sentence_that_is_read_at_the_top() -> None:
    app = OnePane()
    text = "\n\n".join(f"Paragraph {n} " + "and so on " * 30 for n in range(40))
    async with app.run_test(size=(60, 20)) as pilot:
        app.pane.append(text)
        app.pane.flush()
        row = app.pane.text.find("Paragraph 17", -1)
        assert row is not None
        app.pane.scroll_to(y=row, animate=False)
        await pilot.pause()
        for size in ((31, 20), (120, 40), (60, 9), (60, 20)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.rows()[0].startswith("Paragraph 17"), size
            assert not app.pane.following


async def test_a_resize_keeps_following() -> None:
    app = OnePane()
    async with app.run_test(size=(60, 20)) as pilot:
        app.pane.append("word " * 3000 + "last")
        app.pane.flush()
        for size in ((31, 20), (120, 40), (60, 9)):
            await pilot.resize_terminal(*size)
            await pilot.pause()
            assert app.pane.following
            assert app.rows()[-1].endswith("last")


async def test_prose_is_set_to_its_measure_in_the_middle() -> None:
    app = OnePane(measure=20)
    async with app.run_test(size=(60, 10)) as pilot:
        app.pane.append("word " * 12)
        app.pane.flush()
        await pilot.pause()
        line = app.pane.render_line(0).text
        left = len(line) - len(line.lstrip())
        assert len(line.strip()) <= 20
        assert abs(left - (len(line) - left - 20)) <= 1


async def test_a_search_shows_the_place_and_stays_there() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        app.pane.append(LINES)
        app.pane.flush()
        assert app.pane.search("LINE 150")
        app.pane.append("\nmore")
        app.pane.flush()
        await pilot.pause()
        assert "line 150" in app.rows()
        assert not app.pane.search("nowhere")


async def test_going_on_with_a_search_finds_every_place_once() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        app.pane.append(LINES)
        app.pane.flush()
        places = []
        for _ in range(12):
            assert app.pane.search("line 5")
            places.append(app.pane._found_row)
        await pilot.pause()
        assert places == [5, *range(50, 60), 5]


async def test_what_the_mouse_selects_can_be_copied() -> None:
    app = OnePane()
    async with app.run_test(size=(24, 12)) as pilot:
        app.pane.append("one two three four five six\nseven")
        app.pane.flush()
        await pilot.pause()
        await pilot.mouse_down(app.pane, offset=(6, 1))
        await pilot.hover(app.pane, offset=(8, 3))
        await pilot.mouse_up(app.pane, offset=(8, 3))
        assert app.screen.get_selected_text() == "two three four five six\nseven"


async def test_the_last_line_is_drawn_anew_without_laying_out_the_screen() -> None:
    app = OnePane()
    async with app.run_test(size=(40, 12)) as pilot:
        await pilot.pause()
        laid_out = app.counted.layouts
        for number in range(50):
            app.pane.append(f"word {number}\n")
            app.pane.flush()
            await pilot.pause()
        assert app.rows()[-2] == "word 49"
        assert app.counted.layouts == laid_out
