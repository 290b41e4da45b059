"""The talk in guided mode: a turn is one proposal out of one plain call, and the one that stands when the author says
go is kept in bible/premise.md and goes into what is asked for after it.

The small model takes what the author said as a part of the wish. Shown its last proposal, it says it once more.
"""

import json
import re

from studio import events as ev
from studio.agent.cowriting.stage import Stage
from studio.agent.open_book import OpenBook
from studio.agent.prompts import guided_examples, prompt
from studio.agent.step import complete_sentences
from studio.backends.backend import Message, Sampling
from studio.book.merge import sentences
from studio.book.texts import readable

FILE = "bible/premise.md"

_TOKENS = 110  # of a proposal: three sentences
_SAID = 1_200  # characters of what the author said, the newest of it
_KEPT = 600  # characters of a premise: a proposal of another backend's may be a page long
_GIST = 120  # characters of the phrase that a title is asked for by
_MARKUP = re.compile(r"^(?:[#>*+-]+|\d+[.):])\s+|[*_`#]", re.MULTILINE)


def asked(book: OpenBook) -> tuple[list[Message], Sampling]:
    """The messages that ask for a proposal, and how."""
    said = "; ".join(" ".join(note.split()) for note in book.steering.notes)[-_SAID:]
    wish = " ".join(book.settings.prompt.split())
    messages = [
        message
        for request, premise in guided_examples().premises
        for message in (Message(role="user", text=_request(request)), Message(role="assistant", text=premise))
    ]
    messages.append(Message(role="user", text=_request(f"{wish} ({said})" if said else wish)))
    return messages, Sampling(max_tokens=_TOKENS, temperature=0.8)


def _request(wish: str) -> str:
    return prompt("guided_premise", prompt=wish)


def wish(book: OpenBook, joint: str = " ") -> str:
    """What the book should be: the author's words, and the proposal that stands, if there was a talk."""
    asked_for, stands = book.settings.prompt.strip(), premise(book)
    if not stands:
        return asked_for
    return f"{asked_for}{'' if asked_for.endswith(('.', '!', '?', '…')) else '.'}{joint}{stands}"


def gist(book: OpenBook) -> str:
    """The same in a phrase, for a title: more of it, and the model goes on with the tale."""
    return sentences(premise(book) or book.settings.prompt.strip())[0].strip().rstrip(".")[:_GIST]


def premise(book: OpenBook) -> str:
    """The proposal that stands, as one paragraph; "" when none was made, or the author took it away."""
    if _is_first(book):
        return trimmed(book.conversation.last_text)
    if book.progress.cowriting.stage is not Stage.OVER:
        return ""
    return trimmed(readable(book.folder, FILE).split("\n## ")[0].removeprefix("# Premise"))


def kept(book: OpenBook) -> tuple[ev.ToolCall, ...]:
    """The call that keeps what stands, beside the first one after go."""
    stands = premise(book) if _is_first(book) else ""
    if not stands:
        return ()
    said = "".join(f"- {note}\n" for note in book.steering.notes[: book.progress.cowriting.remarks])
    content = f"# Premise\n\n{stands}\n" + (f"\n## What the author said\n\n{said}" if said else "")
    arguments = json.dumps({"filename": FILE, "content": content, "mode": "create"}, ensure_ascii=False)
    return (ev.ToolCall(id="guided_premise", name="write_file", arguments=arguments),)


def notes(book: OpenBook) -> list[str]:
    """What the author said and has not gone into the premise."""
    talk = book.progress.cowriting
    return book.steering.notes[talk.heard :] if talk.stage is Stage.OVER else book.steering.notes


def _is_first(book: OpenBook) -> bool:
    """Whether this step is the one in which the agent is told to go."""
    talk = book.progress.cowriting
    return talk.stage is Stage.OVER and book.conversation.step == talk.told_in


def trimmed(text: str) -> str:
    """Words as one paragraph without markup, whole sentences, not longer than a premise should be."""
    plain = " ".join(_MARKUP.sub("", text).split())
    return (complete_sentences(plain[:_KEPT]) or plain[:_KEPT]).strip()
