"""What guided mode has done so far, as a fold: how many replies went into each file, and how often it was revised."""

import json
from collections import Counter

from studio import events as ev
from studio.backends.partial_json import parse_arguments

MARK = "guided_"  # begins the ids of the calls that the studio makes on a model's words


class GuidedPast:
    """Feed it every event in order."""

    def __init__(self) -> None:
        self._made: Counter[tuple[str, str]] = Counter()  # (tool, file) -> calls, whatever came of them

    def apply(self, event: ev.Event) -> None:
        """Take one event in."""
        if isinstance(event, ev.ReplyFinished):
            for call in event.tool_calls:
                if call.id.startswith(MARK) and (file := _file(call)):
                    self._made[call.name, file] += 1

    def pieces(self, file: str) -> int:
        """Replies that were spent on writing a file."""
        return self._made["write_file", file]

    def revisions(self, file: str) -> int:
        """Revisions that were tried of a file."""
        return self._made["edit_file", file]


def call_of(name: str, **arguments: str) -> ev.ToolCall:
    """A tool call of guided mode."""
    return ev.ToolCall(id=MARK + name, name=name, arguments=json.dumps(arguments, ensure_ascii=False))


def _file(call: ev.ToolCall) -> str:
    try:
        return str(parse_arguments(call.arguments).get("filename", ""))
    except ValueError:  # of a damaged record
        return ""
