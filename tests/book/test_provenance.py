"""Whose sentences are whose: new ones belong to who wrote them, merges and restores take nothing from anybody."""

from itertools import count

from hypothesis import given, settings
from hypothesis import strategies as st

from studio import events as ev
from studio.book.history import History
from studio.book.journal import sha256_of
from studio.book.merge import merge
from studio.book.provenance import Sentence, provenance, runs


class Told:
    """A file's changes, told as the studio records them."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.history = History()

    def sha(self, text: str) -> str:
        self.texts[sha256_of(text)] = text
        return sha256_of(text)

    def agent(self, text: str, *, merged: bool = False) -> "Told":
        self.history.apply(ev.FileWritten(file="a.md", sha256=self.sha(text), words=1, mode="overwrite", merged=merged))
        return self

    def author(self, text: str, id: str = "") -> "Told":
        sha = self.sha(text) if text else ""
        self.history.apply(ev.AuthorEdited(file="a.md", sha256=sha, words=1, diff="", id=id))
        return self

    def forget(self, text: str) -> "Told":
        del self.texts[sha256_of(text)]
        return self

    def whose(self) -> list[Sentence]:
        return provenance(self.history.revisions, self.texts.get)

    def authors(self) -> list[str]:
        return [one.text.strip() for one in self.whose() if one.by == "author"]


def test_new_and_changed_sentences_belong_to_who_made_the_revision() -> None:
    told = Told().agent("One lamp. Two doors.\n").author("One lamp. Two old doors. Mine.\n")
    assert told.whose() == [
        Sentence("One lamp. ", "agent"),
        Sentence("Two old doors. ", "author"),
        Sentence("Mine.\n", "author"),
    ]
    told.agent("One lamp. Two old doors. Mine. The end came.\n")
    assert told.authors() == ["Two old doors.", "Mine."]
    assert [one.by for one in runs(told.whose())] == ["agent", "author", "agent"]


def test_a_sentence_the_agent_rewrites_is_the_agents() -> None:
    assert Told().author("Mine is here. Hers.\n").agent("Mine is there. Hers.\n").authors() == ["Hers."]


def test_other_blanks_make_no_other_writer() -> None:
    assert Told().agent("One. Two.\n").author("One.\n\nTwo.\n").authors() == []


def test_a_merge_leaves_the_authors_sentences_the_authors() -> None:
    told = Told().agent("One. Two. Three.\n").author("One. Two is mine. Three.\n")
    told.agent("One. Two is mine. Three. Four.\n", merged=True)
    assert told.authors() == ["Two is mine."]


def test_a_late_save_takes_nothing_of_what_it_had_not_seen() -> None:
    told = Told().agent("One.\n").author("One. Mine.\n").agent("One. Mine. New of the agent.\n")
    told.author("One. Mine. Late of mine.\n").agent("One. Mine. Late of mine. New of the agent.\n", merged=True)
    assert told.authors() == ["Mine.", "Late of mine."]


def test_what_a_restore_brings_back_is_its_writers() -> None:
    told = (
        Told().agent("One. Two.\n").author("One. Mine.\n").agent("All else.\n").author("One. Mine.\n", id="restore.1")
    )
    assert told.authors() == ["Mine."]
    assert told.author("").author("One. Mine.\n", id="restore.2").authors() == ["Mine."]


def test_a_pruned_version_is_stepped_over() -> None:
    told = Told().agent("One. Two.\n").agent("One. Two. Three.\n").author("One. Two. Three. Mine.\n")
    assert told.forget("One. Two.\n").authors() == ["Mine."]
    told.agent("One. Two. Three. Mine. Four.\n").agent("One. Two. Three. Mine. Four. Five.\n")
    assert told.forget("One. Two. Three. Mine. Four.\n").authors() == ["Mine."]
    # Also where the text before the author's is there, and the ones it came from are not.
    told.author("One. Two. Three. Mine. Four. Five. Six.\n").agent("One. Two. Three. Mine. Four. Five. Six. Seven.\n")
    assert told.authors() == ["Mine.", "Six."]
    assert told.forget("One. Two. Three. Mine. Four. Five. Six. Seven.\n").authors() == ["Mine.", "Six."]


edits = st.lists(
    st.tuples(st.booleans(), st.integers(0, 9), st.sampled_from(["put in", "change", "drop"])), max_size=14
)


@settings(deadline=None)
@given(edits, st.sets(st.integers(0, 13)))
def test_every_sentence_names_its_writer_whoever_wrote_between(
    told: list[tuple[bool, int, str]], lost: set[int]
) -> None:
    book, numbers = Told(), count()
    now: list[str] = []
    agents: list[str] = []
    for by_author, place, kind in told:
        who = "author" if by_author else "agent"
        at = place % (len(now) + 1)
        new = f"{who.title()} wrote {next(numbers):03} here. "
        now[at : at + (kind != "put in")] = [] if kind == "drop" else [new]
        if now:
            (book.author if by_author else book.agent)("".join(now))
            if not by_author:
                agents.append("".join(now))
        else:
            book.author("")
    authors = [revision for revision in book.history.revisions if revision.who == "author"]
    kept = {sha256 for revision in authors for sha256 in (revision.before, revision.sha256)}
    for number, text in enumerate(agents[:-1]):  # as a prune does: nothing of the author's, nor what it was made from
        if number in lost and sha256_of(text) not in kept:
            book.texts.pop(sha256_of(text), None)
    if now and sha256_of("".join(now)) in book.texts:
        whose = book.whose()
        assert "".join(one.text for one in whose) == "".join(now)
        assert all(one.by == one.text.split()[0].lower() for one in whose)


def test_a_merge_of_both_is_told_apart_by_what_each_wrote() -> None:
    base = "One. Two. Three.\n"
    author, agent = "One. Two of mine. Three.\n", "One. Two. Three. Four of its own.\n"
    told = Told().agent(base).author(author).agent(merge(base, author, agent).text, merged=True)
    assert told.authors() == ["Two of mine."]
