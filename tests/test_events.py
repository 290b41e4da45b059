"""The vocabulary: an event comes back as it went, on one line, and what is no event is refused in one way."""

import contextlib
import unicodedata
from hashlib import sha256
from typing import get_args

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from studio import events as ev
from studio.book.reading import tag
from studio.book.recovery import SCHEMA_VERSION


@given(st.text())
def test_an_event_comes_back_as_it_went_and_is_one_line(text: str) -> None:
    event = ev.ProseDelta(file="chapter_01.md", text=text.encode("utf-8", "replace").decode())
    body = ev.encode(event)
    assert len(body.decode().splitlines()) == 1
    assert ev.decode(body) == event


def test_no_character_of_an_event_acts_on_a_terminal() -> None:
    text = "".join(map(chr, range(0x100))) + "\u2028“…”\u2029"
    body = ev.encode(ev.NoteGiven(text=text))
    assert {c for c in body.decode() if unicodedata.category(c) in ("Cc", "Zl", "Zp")} == set()
    assert ev.decode(body) == ev.NoteGiven(text=text) and "“…”" in body.decode()


@given(st.binary(max_size=30), st.integers(0, 200))
def test_damaged_bytes_are_refused_in_one_way_only(damage: bytes, at: int) -> None:
    body = ev.encode(ev.NoteGiven(text="The lamp was lit. " * 10))
    with contextlib.suppress(msgspec.DecodeError):
        ev.decode(body[:at] + damage + body[at + len(damage) :])


def test_a_new_kind_of_event_raises_the_schema() -> None:
    """Else an older studio takes the record for damaged, and leaves out what it does not know."""
    kinds = sorted(tag(kind) for kind in get_args(ev.AnyEvent))
    known = sha256(" ".join(kinds).encode()).hexdigest()[:12]
    assert (SCHEMA_VERSION, known) == (5, "207175a30ab1"), "raise SCHEMA_VERSION, and put both down here"
