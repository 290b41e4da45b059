"""The summary of a conversation: how it is asked for, when it is no good, and how it is made without a model. Pure."""

from collections.abc import Callable, Sequence

from studio.agent.memory.message import TokensOf, chapters_of, next_entry, shortened
from studio.agent.prompts import prompt
from studio.backends.backend import Message, Reply
from studio.book.merge import sentences
from studio.book.words import count_words, split_front_matter

MADE_HERE = "## Put together by the studio from the files"  # what follows is not carried forward: it is made anew
ASKED = 0.5  # words asked for, for each token there is room for: models overshoot, and a word is 1.3 tokens

_LONGEST_DONE = 0.2  # of the room: what is told of the messages that are left out
_DONE_LAST = 12  # lines that a summary without a model tells of it
_QUOTED = 160  # characters of a sentence


def request(words: int, why: str = "", *, in_talk: bool = False) -> Message:
    """What asks for the summary; `why` the one before it was no good, `in_talk` if the book is still talked over."""
    parts = [prompt("compress"), *([prompt("cowriting_summary")] if in_talk else [])]
    parts.append(prompt("compress_limit", words=f"{words:,}"))
    return Message(role="user", text="\n\n".join([*parts, *([prompt("compress_again", why=why)] if why else [])]))


def is_request(text: str) -> bool:
    """Whether a message asks for a summary."""
    return text.startswith(prompt("compress"))


def fault(reply: Reply, most: int, replaced: int, tokens_of: TokensOf) -> str:
    """Why a summary can't be used, as a clause; "" when it can.

    Args:
        most: tokens it may take.
        replaced: tokens of what it would stand for.
    """
    text = reply.text.strip()
    if not text:
        return "it was empty" if not reply.tool_calls else "it called a tool and held no words"
    if reply.finish_reason == "length":
        return "it was cut off before its end"
    size = tokens_of(text)
    if size > replaced:
        return "it was longer than what it replaces"
    if size > most:
        return "it was longer than there is room for"
    return ""


def fitting(
    messages: Sequence[Message], room: int, count: Callable[[Sequence[Message]], int], tokens_of: TokensOf
) -> list[Message] | None:
    """The conversation, without its oldest steps if it must be, within `room` tokens; None when even its end is longer.

    Its first messages stay (the system's words, the author's wish, the summary before), and a step is left out whole:
    no call is parted from its result. What was done in the steps that are left out is told in their place.
    """
    if count(messages) <= room:
        return list(messages)
    steps = _steps(messages[3:])
    first = list(messages[:3])
    if messages[2:3] and messages[2].role != "user":
        first, steps = list(messages[:2]), _steps(messages[2:])
    for left_out in range(1, len(steps) + 1):
        gone = [message for step in steps[:left_out] for message in step]
        rest = [message for step in steps[left_out:] for message in step]
        done = shortened(what_was_done(gone), round(_LONGEST_DONE * room), tokens_of)
        shorter = [*first, _said(prompt("left_out", count=f"{len(gone):,}", done=done)), *rest]
        if count(shorter) <= room:
            return shorter
    return None


def _said(text: str) -> Message:
    return Message(role="user", text=text)


def _steps(messages: Sequence[Message]) -> list[list[Message]]:
    """Messages in groups that belong together: what was called with what came of it."""
    steps: list[list[Message]] = []
    for message in messages:
        if message.role == "tool" and steps:
            steps[-1].append(message)
        else:
            steps.append([message])
    return steps


def what_was_done(messages: Sequence[Message]) -> str:
    """What was called and what came of it, a line or two a call."""
    lines: list[str] = []
    for message in messages:
        if message.role == "assistant":
            lines.extend(f"- you called {call.name}" for call in message.tool_calls)
        elif message.role == "tool":
            first = message.text.strip().splitlines()[:1]
            lines.extend(f"  → {line[:200]}" for line in first)
    return "\n".join(lines)


# --- without a model --------------------------------------------------------------------------------------------------


def mechanical_summary(
    before: str, files: Sequence[tuple[str, str]], question: str, room: int, tokens_of: TokensOf, *, done: str = ""
) -> str:
    """A summary without a model: the one before it, and what the files say of themselves, within `room` tokens.

    Args:
        before: the last summary; what it says is carried forward.
        files: (name, text), in reading order.
        question: the agent's open question to the author, or "".
        done: what was called last and what came of it, as `what_was_done` has it; else it would be done again.
    """
    carried = before.split(MADE_HERE)[0].strip()
    if carried:
        carried = shortened(carried, round(0.6 * room), tokens_of)
    head = f"{carried}\n\n{MADE_HERE}".strip()
    chapters = chapters_of(files)
    outline = dict(files).get("outline.md", "")
    ending = []
    if entry := next_entry(outline, chapters)[1].strip("#*-| "):
        ending.append(f"Next in the outline: {entry[:300]}")
    if question:
        ending.append(f"Open question to the author: {question[:600]}")
    last = done.splitlines()[-_DONE_LAST:]
    while last and (tokens_of("\n".join(last)) > _LONGEST_DONE * room or not last[0].startswith("-")):
        del last[0]
    ending += ["Done last:", *last] if last else []
    left = room - tokens_of(head) - tokens_of("\n".join(ending)) - 30
    lines: list[str] = []
    for number, (name, text) in enumerate(reversed(chapters)):
        line = _of_chapter(name, text)
        left -= tokens_of(line) + 1
        if left < 0 and lines:
            lines.append(f"- and {len(chapters) - number} chapters before these; list_files names them")
            break
        lines.append(line)
    return "\n".join([head, *reversed(lines), *ending])


def _of_chapter(name: str, text: str) -> str:
    body = split_front_matter(text)[1].strip()
    first, _, rest = body.partition("\n")
    heading = first.lstrip("# ").strip() if first.startswith("#") else ""
    said = [one.strip() for one in sentences(rest if heading else body) if one.strip()]
    quoted = f": “{said[0][:_QUOTED]}” … “{said[-1][-_QUOTED:]}”" if said else ""
    return f"- {name}{f' ({heading[:80]})' if heading else ''}, {count_words(text):,} words{quoted}".replace("\n", " ")
