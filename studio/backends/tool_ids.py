"""Ids of tool calls as a server takes them. Moved from one server to another, a conversation holds the first one's."""

import re
from collections.abc import Iterable, Iterator
from typing import Literal

Style = Literal["safe", "strict", "nine", "kimi"]

# What is taken as it is: hosted OpenAI refuses more than 40 characters.
_ACCEPTED = {
    "safe": re.compile(r"[A-Za-z0-9_.:-]{1,40}"),
    "strict": re.compile(r"[A-Za-z0-9_-]{1,40}"),  # Anthropic's models, behind a reseller
    "nine": re.compile(r"[A-Za-z0-9]{9}"),  # Mistral
}
_KIMI_K2 = re.compile(r"kimi[-_. ]?k2", re.IGNORECASE)


def style_for(style: Style, model: str, *, own_template: bool) -> Style:
    """The style for one model: a Kimi K2 that sees our ids in its prompt must see its own kind of id there.

    With others (`call_…`) in the history it begins to write malformed ids and loses calls.
    """
    return "kimi" if own_template and _KIMI_K2.search(model) else style


class IdWriter:
    """Feed it the calls of a conversation in order: the same beginning always gets the same ids."""

    def __init__(self, style: Style, *, unique: bool = True) -> None:
        """`unique`: no id twice in a conversation, not only in a turn; Kimi K3 repeats its own, others refuse that."""
        self._style: Style = style
        self._unique = unique
        self._taken: set[str] = set()
        self._count = 0
        self._open: list[tuple[str, str]] = []  # calls of the last message that wait for their result

    def begin_turn(self, calls: Iterable[tuple[str, str]]) -> Iterator[str]:
        """The ids for one assistant message's calls, each given as (id, name)."""
        self._open.clear()
        if not self._unique:
            self._taken.clear()
        for id_, name in calls:
            written = self._write(id_, name)
            self._open.append((id_, written))
            yield written

    def answering(self, id_: str) -> str:
        """The id for a result of the last assistant message."""
        found = next((pair for pair in self._open if pair[0] == id_), None)
        if found is None:
            return id_
        self._open.remove(found)
        return found[1]

    def _write(self, id_: str, name: str) -> str:
        number, self._count = self._count, self._count + 1
        match self._style:
            case "kimi":
                return f"functions.{re.sub(r'[^A-Za-z0-9_-]', '_', name) or 'call'}:{number}"
            case "nine":
                return id_ if self._is_free(id_) else f"call{number:05}"
        if self._is_free(id_):
            return id_
        clean = re.sub(r"[^A-Za-z0-9_-]", "_", id_)[:30] or "call"
        candidate = clean
        while not self._is_free(candidate):
            candidate = f"{clean}_{number}"
            number += 1
        return candidate

    def _is_free(self, id_: str) -> bool:
        if not _ACCEPTED[self._style].fullmatch(id_) or id_ in self._taken:
            return False
        self._taken.add(id_)
        return True
