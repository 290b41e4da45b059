"""The talk before the book as a text to keep: who said what, in order. Pure."""

from collections.abc import Iterable, Iterator

from studio import events as ev

FILE = "notes/brainstorm.md"


def names() -> Iterator[str]:
    """Names for the file, the usual one first: another's file of that name is left alone."""
    yield FILE
    yield from (FILE.replace(".md", f"_{number:02}.md") for number in range(2, 100))


def spoken(events: Iterable[ev.Event]) -> list[tuple[bool, str]]:
    """(whether the author said it, what was said), from the book's first event to the talk's end.

    What one speaker says in several goes is one. What had arrived of a reply that was cut counts: the next one goes on
    from there. What the author says into a reply comes after it.
    """
    said: list[tuple[bool, list[str]]] = []
    pieces: list[str] = []
    held: list[str] = []
    is_replying = is_ending = False

    def say(text: str, *, is_author: bool) -> None:
        if text.strip():
            if not said or said[-1][0] != is_author:
                said.append((is_author, []))
            said[-1][1].append(text.strip())

    def end_reply() -> None:
        say("".join(pieces), is_author=False)
        for text in held:
            say(text, is_author=True)
        pieces.clear()
        held.clear()

    for event in events:
        match event:
            case ev.StepStarted():
                if is_ending:
                    break  # it tells the agent to go
                is_replying = True
            case ev.ReplyDelta(text=text):
                pieces.append(text)
            case ev.ThoughtRecognised():
                pieces.clear()
            case ev.ReplyFinished():
                end_reply()
                is_replying = False
            case ev.NoteGiven(text=text) | ev.AnswerGiven(text=text) if is_replying:
                held.append(text)
            case ev.NoteGiven(text=text) | ev.AnswerGiven(text=text):
                say(text, is_author=True)
            case ev.CowritingEnded():
                is_ending = True
            case _:
                pass
    end_reply()
    return [(is_author, "\n\n".join(parts)) for is_author, parts in said]


def transcript(wish: str, events: Iterable[ev.Event]) -> str:
    """The talk as Markdown: what the author asked for, then each turn under its speaker's name; "" if none was."""
    said = spoken(events)
    if not said:
        return ""
    parts = ["# Brainstorm", f"## The author\n\n{wish.strip()}"]
    parts += [f"## {'The author' if is_author else 'The agent'}\n\n{text}" for is_author, text in said]
    return "\n\n".join(parts) + "\n"
