"""The gauge at its limits: no figure, whoever made it, takes the desk down."""

import pytest

from studio.agent.progress import Progress
from studio.tui.widgets.gauge import gauge_line


@pytest.mark.parametrize("tokens", [0, 10**6, 10**400])
@pytest.mark.parametrize("context", [0, 1, 10**400])
def test_any_figure_can_be_drawn(tokens: int, context: int) -> None:
    progress = Progress()
    progress.context_tokens, progress.context = tokens, context
    assert " / " in gauge_line(progress, 80).plain


def test_the_memory_stands_beside_the_window_and_gives_way_before_the_window_does() -> None:
    progress = Progress()
    progress.context_tokens, progress.context = 45_234, 200_000
    assert "memory" not in gauge_line(progress, 120).plain
    progress.memory = 0.96
    assert "(22.6 %)   memory 96 %" in gauge_line(progress, 120).plain
    assert "memory" not in gauge_line(progress, 40).plain and "(22.6 %)" in gauge_line(progress, 40).plain
