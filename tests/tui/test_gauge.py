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
