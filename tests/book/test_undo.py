"""Undoing what the agent did since a moment: the text of then, and every sentence the author wrote since."""

from itertools import count

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from studio import events as ev
from studio.book.history import History
from studio.book.journal import sha256_of
from studio.book.undo import with_authors, without_agent


class Told:
    """A book's changes, told as the studio records them."""

    def __init__(self) -> None:
        self.texts: dict[str, str] = {}
        self.history = History()

    def _sha(self, text: str) -> str:
        if text:
            self.texts[sha256_of(text)] = text
        return sha256_of(text) if text else ""

    def agent(self, text: str, file: str = "a.md", *, merged: bool = False) -> "Told":
        self.history.apply(ev.FileWritten(file=file, sha256=self._sha(text), words=1, mode="edit", merged=merged))
        return self

    def author(self, text: str, file: str = "a.md", id: str = "") -> "Told":
        self.history.apply(ev.AuthorEdited(file=file, sha256=self._sha(text), words=1, diff="", id=id))
        return self

    def renamed(self, file: str, to: str) -> "Told":
        self.history.apply(ev.AuthorRenamed(file=file, to=to))
        return self

    def undone(self, since: int) -> dict[str, str | None]:
        return without_agent(self.history.revisions, since, self.texts.__getitem__)


def test_with_no_edit_of_the_authors_it_is_the_text_of_then() -> None:
    told = Told().agent("One. Two.\n").agent("One. Three.\n").agent("All new.\n")
    assert told.undone(1) == {"a.md": "One. Two.\n"}
    assert told.undone(2) == {"a.md": "One. Three.\n"}
    assert told.undone(3) == {}
    assert told.undone(0) == {"a.md": None}


def test_files_that_only_the_agent_made_since_go_and_others_are_left_alone() -> None:
    told = Told().agent("One.\n").agent("B.\n", "b.md").author("Mine.\n", "c.md").agent("New.\n", "d.md")
    assert told.undone(2) == {"d.md": None}


def test_what_the_author_wrote_into_the_agents_text_stays_and_no_more_of_it() -> None:
    told = Told().agent("One. Two.\n").agent("One. Two. Three of the agent. Four of the agent.\n")
    told.author("One. Two. Three of the agent. Mine is here. Four of the agent.\n")
    assert told.undone(1) == {"a.md": "One. Two.\nMine is here. "}
    assert told.undone(0) == {"a.md": "Mine is here. "}


def test_the_authors_new_wording_of_what_the_agent_rewrote_stays() -> None:
    told = Told().agent("The lamp was lit. Rain.\n").agent("The lamp was out. Rain fell hard.\n")
    told.author("The lamp was quite out. Rain fell hard.\n")
    assert told.undone(1) == {"a.md": "The lamp was quite out. Rain.\n"}


def test_what_the_agent_took_from_the_authors_comes_back() -> None:
    told = Told().agent("One. Two.\n").author("One. Mine. Two.\n").agent("One. Two.\n")
    assert told.undone(1) == {"a.md": "One. Mine. Two.\n"}


def test_what_the_author_puts_back_by_hand_stands_there_once() -> None:
    told = Told().agent("One. Two.\n").author("One. Mine. Two.\n").agent("One. Two.\n").author("One. Mine. Two.\n")
    assert told.undone(1) == {"a.md": "One. Mine. Two.\n"}
    mine = "I sing at the sea. I sleep at the lamp.\n"
    told = Told().author(mine).agent("It walks at the door. It walks at the sea.\n").author(mine)
    assert told.undone(0) == {"a.md": mine}


def test_what_the_author_removed_stays_removed() -> None:
    told = Told().agent("One.\n").agent("One. Two.\n").author("")
    assert told.undone(1) == {"a.md": None}
    assert Told().agent("One. Two. Three.\n").agent("One. Two. Three. Four.\n").author("One. Three. Four.\n").undone(
        1
    ) == {"a.md": "One. Three.\n"}


def test_the_authors_new_name_stays() -> None:
    told = Told().agent("One.\n").renamed("a.md", "b.md").agent("One. Two.\n", "b.md")
    assert told.undone(1) == {"b.md": "One.\n"}
    told = Told().agent("One.\n").agent("One. Two.\n").renamed("a.md", "b.md")
    assert told.undone(1) == {"b.md": "One.\n"}


def test_undone_twice_is_undone_once() -> None:
    told = Told().agent("One.\n").agent("One. Two.\n").author("One. Two. Mine.\n")
    found = told.undone(1)["a.md"]
    assert found is not None
    assert told.author(found, id="restore.1").undone(1) == {"a.md": found}


def test_the_authors_blanks_stay_too() -> None:
    assert with_authors("One. Two. Three.", "One.\n\nTwo. Three.", "One. Two.", set()) == "One.\n\nTwo."


WORDS = ["lamp", "tide", "rope", "gull", "salt", "tent", "moon", "oar", "sand", "bell", "fog", "reef", "kite", "drum"]
changes = st.lists(
    st.tuples(st.sampled_from(["author", "agent"]), st.integers(0, 20), st.sampled_from(["put in", "drop", "change"])),
    max_size=20,
)


@settings(deadline=None, max_examples=200)
@given(changes, st.integers(0, 20))
def test_no_sentence_of_the_authors_that_stands_is_lost(told: list[tuple[str, int, str]], since: int) -> None:
    book, numbers = Told(), count()
    now: list[str] = []
    for who, place, kind in told:
        number = next(numbers)
        new = f"{who} {WORDS[number % 14]}{number} {WORDS[place % 14]}{place * 7 + number}. "
        at = place % (len(now) + 1)
        now[at : at + (kind != "put in")] = [] if kind == "drop" else [new]
        text = "".join(now)
        if not text and who == "agent":  # it can't remove a file
            now, text = [new], new
        (book.author if who == "author" else book.agent)(text)
    revisions = book.history.revisions
    since = min(since, len(revisions))
    undone = book.undone(since)
    if all(revision.who == "author" for revision in revisions[since:]):
        assert undone == {}
        return
    found = undone["a.md"]
    if revisions[-1].sha256 and found is not None:
        assert [one for one in now if one.startswith("author") and one.strip() not in found] == []
    at_since = book.texts.get(revisions[since - 1].sha256, "") if since else ""
    if all(revision.who == "agent" for revision in revisions[since:]):
        assert found == (at_since or None)
    # What only the agent wrote since is nowhere.
    for one in now:
        if one.startswith("agent") and one not in at_since:
            assert found is None or one not in found


@pytest.mark.parametrize("text", ["", "One.", "One.\n", "潮が引いた。海は静か。"])
def test_a_change_of_the_authors_on_an_untouched_text_is_that_change(text: str) -> None:
    assert with_authors(text, "New text. " + text, text, set()) == "New text. " + text
