"""Server-sent events come out the same however their bytes are cut."""

import json
from collections.abc import Callable, Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.backends.wire import BadChunk, EventReader

json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
chunks = st.lists(st.dictionaries(st.text(max_size=8), json_values, max_size=4), max_size=6)
line_ends = st.sampled_from([b"\n", b"\r\n"])
noise = st.sampled_from([b"", b": keep-alive", b"event: message", b"id: 7", b"retry: 100", b":"])


def read(blocks: Iterable[bytes]) -> tuple[list[object], EventReader]:
    reader = EventReader()
    found = [chunk for block in blocks for chunk in reader.feed(block)]
    found += reader.end()
    return found, reader


@given(chunks, line_ends, noise, st.booleans(), st.booleans(), st.lists(st.integers(0, 4000), max_size=30))
def test_chunks_survive_any_cut(
    values: list[object], end: bytes, between: bytes, blank: bool, escaped: bool, places: list[int]
) -> None:
    space = b" " if blank else b""
    stream = b"".join(
        between
        + end
        + b"data:"
        + space
        + json.dumps(value, ensure_ascii=escaped).encode("utf-8", "replace")
        + end
        + end
        for value in values
    )
    stream += b"data: [DONE]" + end + end
    cuts = sorted({min(place, len(stream)) for place in places})
    blocks = [stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    found, reader = read(blocks)
    assert found == [json.loads(json.dumps(value).encode("utf-8", "replace")) for value in values]
    assert reader.done
    assert reader.error is None


def test_every_single_cut_gives_the_same_chunks() -> None:
    stream = 'data: {"a": "é😀"}\r\n\r\n: comment\r\n\r\ndata:{"b": 1}\r\n\r\ndata: [DONE]\r\n\r\n'.encode()
    for place in range(len(stream) + 1):
        assert read([stream[:place], stream[place:]])[0] == [{"a": "é😀"}, {"b": 1}]
    assert read([bytes([byte]) for byte in stream])[0] == [{"a": "é😀"}, {"b": 1}]


def test_json_over_several_data_lines_is_one_chunk() -> None:
    assert read([b'data: {"a":\ndata:  1}\n\ndata: {"b": 2}\n\n'])[0] == [{"a": 1}, {"b": 2}]


def test_a_last_line_without_its_newline_counts() -> None:
    assert read([b'data: {"a": 1}\n\ndata: {"b": 2}'])[0] == [{"a": 1}, {"b": 2}]


def test_a_last_chunk_cut_in_its_middle_is_left_out() -> None:
    found, reader = read([b'data: {"a": 1}\n\ndata: {"b": "tw'])
    assert found == [{"a": 1}]
    assert not reader.done


@pytest.mark.parametrize(
    "lines",
    [
        b'error: {"message": "no room"}\n\n',
        b'error: {"error": {"message": "no room"}, "detail": "x"}\n\n',
        b"error: no room\n\n",
        b'event: error\ndata: {"message": "no room"}\n\n',
        b'event: error\ndata: {"error": {"message": "no room"}}\n\n',
        b'event: error\ndata: "no room"\n\n',
        b'event: error\ndata: {"message": "no room"}',
    ],
)
def test_an_error_event_is_no_chunk(lines: bytes) -> None:
    found, reader = read([b'data: {"a": 1}\n\n', lines])
    assert found == [{"a": 1}]
    assert reader.error["message"] == "no room"


def test_an_event_name_holds_for_one_event_only() -> None:
    found, reader = read([b'event: error\n\nevent: message\ndata: {"a": 1}\n\n'])
    assert (found, reader.error) == ([{"a": 1}], None)


def test_bare_json_between_events_is_a_chunk() -> None:
    assert read([b'data: {"a": 1}\n\n{"error": {"message": "x"}}\n'])[0] == [{"a": 1}, {"error": {"message": "x"}}]


def test_a_byte_order_mark_does_not_hide_the_first_chunk() -> None:
    assert read([b'\xef\xbb\xbfdata: {"a": 1}\n\n'])[0] == [{"a": 1}]


@pytest.mark.parametrize(
    ("payload", "text"),
    [(b'{"a": "\\ud83d"}', "\ud83d"), (b'{"a": "x\ty"}', "x\ty"), (b'{"a": "\xff"}', "\ufffd")],
)
def test_json_that_is_not_quite_json_is_read_all_the_same(payload: bytes, text: str) -> None:
    assert read([b"data: " + payload + b"\n\n"])[0] == [{"a": text}]


@pytest.mark.parametrize("nonsense", [b"data: hello\n\n", b"data: hello\n", b"data: <html>\n\n", b"data: {a}\n\n"])
def test_nonsense_is_named(nonsense: bytes) -> None:
    with pytest.raises(BadChunk):
        read([nonsense])


def test_nesting_without_end_is_nonsense_not_a_crash() -> None:
    with pytest.raises(BadChunk):
        read([b"data: " + b'{"a":' * 200_000 + b"\n\n"])


def test_feeding_byte_by_byte_is_not_quadratic(splits: Callable[..., Iterable[bytes]]) -> None:
    text = "x" * 200_000
    stream = b"data: " + json.dumps({"a": text}).encode() + b"\n\n"
    assert read(splits(stream, range(0, len(stream), 50)))[0] == [{"a": text}]
