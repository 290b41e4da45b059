"""Ids of tool calls: any server takes them, each result answers its call, and the beginning never changes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.tool_ids import IdWriter, Style, style_for

ids = st.sampled_from(["c:0", "pwd_0", "functions.write_file:3", "call_abc", "ü b", "", "x" * 70, "a" * 9]) | st.text(
    max_size=50
)
turns = st.lists(st.lists(ids, max_size=3, unique=True), max_size=6)
TAKEN = {
    "safe": re.compile(r"[A-Za-z0-9_.:-]{1,40}"),
    "strict": re.compile(r"[A-Za-z0-9_-]{1,40}"),
    "nine": re.compile(r"[A-Za-z0-9]{9}"),
    "kimi": re.compile(r"functions\.[A-Za-z0-9_-]+:\d+"),
}


def written(style: Style, conversation: list[list[str]], *, unique: bool = True) -> list[list[str]]:
    writer = IdWriter(style, unique=unique)
    found = []
    for turn in conversation:
        calls = list(writer.begin_turn((id_, "write_file") for id_ in turn))
        assert [writer.answering(id_) for id_ in turn] == calls
        found.append(calls)
    return found


@pytest.mark.parametrize("style", list(TAKEN))
@given(turns)
def test_every_id_is_taken_and_none_comes_twice(style: Style, conversation: list[list[str]]) -> None:
    found = [id_ for turn in written(style, conversation) for id_ in turn]
    assert all(TAKEN[style].fullmatch(id_) for id_ in found)
    assert len(set(found)) == len(found)


@pytest.mark.parametrize("style", list(TAKEN))
@given(turns, st.integers(0, 6))
def test_what_follows_changes_no_id(style: Style, conversation: list[list[str]], length: int) -> None:
    assert written(style, conversation[:length]) == written(style, conversation)[:length]


def test_a_servers_own_ids_come_back_as_they_were() -> None:
    own = [["call_8FfkU2x"], ["write_file:0", "write_file:1"], ["functions.search:2"]]
    assert written("safe", own) == own


def test_ids_that_repeat_from_turn_to_turn_are_left_to_the_server_that_gave_them() -> None:
    assert written("safe", [["pwd_0"], ["pwd_0"]], unique=False) == [["pwd_0"], ["pwd_0"]]
    assert written("safe", [["pwd_0"], ["pwd_0"]]) == [["pwd_0"], ["pwd_0_1"]]


def test_a_kimi_k2_sees_its_own_kind_of_id_wherever_the_call_was_made() -> None:
    assert style_for("safe", "moonshotai/Kimi-K2-Thinking", own_template=True) == "kimi"
    assert style_for("safe", "kimi-k2.6", own_template=False) == "safe"
    assert style_for("strict", "kimi-k3", own_template=True) == "strict"
    assert written("kimi", [["call_x"], ["call_y", "call_z"]]) == [
        ["functions.write_file:0"],
        ["functions.write_file:1", "functions.write_file:2"],
    ]
