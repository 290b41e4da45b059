"""Compression: the conversation gives way to a summary; the author's words and the files stay as they are."""

from collections.abc import Iterable, Sequence

from studio.agent.prompts import prompt
from studio.agent.tool import ToolContext
from studio.agent.tools.list_files import listing
from studio.backends.backend import Message
from studio.book.texts import texts
from studio.book.words import count_words

FULL = 0.9  # the share of the window at which a conversation is compressed before the next call
_PINNED_WORDS = 6_000  # of outline and bible together


def summary_request(messages: Sequence[Message]) -> list[Message]:
    """The call that asks for the summary: the conversation itself, so that the prefix cache serves it."""
    return [*messages, Message(role="user", text=prompt("compress"))]


def compressed_message(summary: str, notes: Iterable[str], context: ToolContext) -> str:
    """The message that stands in the conversation's place."""
    pinned = "\n".join(f"\n## {name}, as it stands on disk\n{text}" for name, text in _pinned(context))
    return prompt(
        "compressed",
        summary=summary.strip() or "(none could be written)",
        notes="\n".join(f"- {note}" for note in notes) or "(nothing)",
        files=listing(context),
        pinned=pinned,
    )


def _pinned(context: ToolContext) -> list[tuple[str, str]]:
    room = _PINNED_WORDS
    found = []
    for name, text in texts(context.folder):
        if text is None or (name != "outline.md" and not name.startswith("bible/")):
            continue
        room -= count_words(text)
        if room < 0:
            break
        found.append((name, text))
    return found


def mechanical_summary(messages: Sequence[Message]) -> str:
    """A summary without a model: what was called and what came of it, the last hundred calls."""
    lines: list[str] = []
    for message in messages:
        if message.role == "assistant":
            lines.extend(f"- you called {call.name}" for call in message.tool_calls)
        elif message.role == "tool":
            first = message.text.strip().splitlines()[:1]
            lines.extend(f"  → {line[:200]}" for line in first)
    return "\n".join(lines[-200:])
