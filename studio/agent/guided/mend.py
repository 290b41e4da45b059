"""The edit that puts a small model's words in the place of a faulty passage. Pure."""

from studio.agent.guided.review import Fault, Look, places_of_sentences, runs_of
from studio.book.merge import sentences

_REPEATS = 0.3  # share of a sentence's runs of words that may stand elsewhere


def mended(look: Look, fault: Fault, words: str) -> tuple[str, str]:
    """(old_text, new_text) of the edit that puts the model's trimmed words in the place of a faulty passage.

    The old text stands once in the chapter: where it would not, what goes before it is taken along. What the words
    repeat themselves is left out; when nothing is left, a passage that was no good without them goes.
    """
    text = look.text
    around = text[: fault.start] if fault.adds else text[: fault.start] + "\n" + text[fault.end :]
    known = set(runs_of("\n".join((*look.before, text if fault.adds else around))))
    fresh = []
    for one in sentences(words):
        own = runs_of(one)
        if not own or sum(run in known for run in own) / len(own) <= _REPEATS:
            fresh.append(one)
            known |= set(own)
    new = "".join(fresh).strip()
    old = text[fault.start : fault.end]
    if fault.kind == "unfinished":
        return _once(text, fault, f"{old} {new}" if new else old)
    if fault.adds:
        return _once(text, fault, f"{old}\n\n{new}" if new else old)
    return _once(text, fault, new)


def _once(text: str, fault: Fault, new: str) -> tuple[str, str]:
    start, end = fault.start, fault.end
    if not new:  # the blanks around it go with it
        while end < len(text) and text[end].isspace():
            end += 1
    for at in (start, *(place for place, _ in reversed(list(places_of_sentences(text))) if place < start), 0):
        if text.count(text[at:end]) == 1:
            lead = text[at:start]
            return text[at:end], lead + new if new or end < len(text) else lead.rstrip() + "\n"
    return text, text[:start] + new + text[end:]
