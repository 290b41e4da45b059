"""The ten tools in their fixed order, and the one door through which a call goes."""

import logging
from typing import Any

from studio.agent.controls import Interrupted, Stopped
from studio.agent.step import BackendGaveUp, TryAgain
from studio.agent.tool import Tool, ToolContext
from studio.agent.tools import (
    ask_author,
    compress_context,
    create_project,
    edit_file,
    finish,
    list_files,
    read_file,
    review_chapter,
    search_files,
    write_file,
)
from studio.backends.backend import ToolSpec
from studio.backends.partial_json import parse_arguments
from studio.errors import BackendError, BookUnsaved, StudioError
from studio.events import ToolCall

log = logging.getLogger(__name__)

TOOLS: tuple[Tool[Any], ...] = (
    create_project.TOOL,
    write_file.TOOL,
    read_file.TOOL,
    edit_file.TOOL,
    list_files.TOOL,
    search_files.TOOL,
    ask_author.TOOL,
    review_chapter.TOOL,
    compress_context.TOOL,
    finish.TOOL,
)

# The same objects in the same order in every request: a provider's prefix cache hangs on it.
SPECS: tuple[ToolSpec, ...] = tuple(tool.spec for tool in TOOLS)

_BY_NAME = {tool.name: tool for tool in TOOLS}


async def carry_out(call: ToolCall, context: ToolContext) -> tuple[bool, str]:
    """Carry one call out; returns (ok, what the model reads).

    Raises:
        Interrupted, Stopped, TryAgain, BackendGaveUp, BackendError, BookUnsaved: the call has not happened, and is made
            again when the run goes on.
    """
    tool = _BY_NAME.get(call.name)
    if tool is None:
        return False, f"There is no tool {call.name}. The tools are {', '.join(_BY_NAME)}."
    try:
        raw = parse_arguments(call.arguments) if call.arguments.strip() else {}
    except ValueError as error:
        return False, (
            f"The arguments of {call.name} were not valid JSON ({error}), so nothing was done. "
            "Send the call again with its arguments as one JSON object."
        )
    try:
        return True, await tool(context, raw)
    except (Interrupted, Stopped, TryAgain, BackendGaveUp, BackendError, BookUnsaved):
        raise
    except StudioError as error:
        return False, str(error)
    except Exception as error:
        log.exception("the tool %s failed", call.name)
        return False, f"{call.name} failed inside the studio ({type(error).__name__}); try another way."
