"""The prose shown while a call arrives is the prose that the call holds."""

import json
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from studio.backends.partial_json import ProseDecoder, is_whole, parse_arguments

any_text = st.text(st.characters(codec=None, categories=None), max_size=30) | st.text(
    '\\"u/bn{}[],:é😀\u2028 \n\t', max_size=20
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | any_text
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(any_text, inner, max_size=3),
    max_leaves=6,
)
pairs = st.lists(
    st.tuples(st.just("content"), any_text)
    | st.tuples(st.just("content"), values)
    | st.tuples(st.just("filename"), any_text)
    | st.tuples(st.sampled_from(["mode", "content ", "Content"]) | any_text, values),
    max_size=6,
)
styles = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}])


def render(items: list[tuple[str, Any]], style: dict[str, Any], escaped: bool) -> str:
    """An object with its keys as given, twice the same included."""
    space = "\n " if style.get("indent") else ""
    inside = ",".join(
        f"{space}{json.dumps(key, ensure_ascii=escaped)}: {json.dumps(value, ensure_ascii=escaped, **style)}"
        for key, value in items
    )
    return "{" + inside + space + "}"


def first(items: list[tuple[str, Any]], key: str) -> Any:
    return next((value for name, value in items if name == key), None)


def decode(raw: str, cuts: list[int]) -> list[tuple[str, str]]:
    decoder = ProseDecoder()
    places = sorted({min(cut, len(raw)) for cut in cuts})
    pieces = [raw[a:b] for a, b in zip([0, *places], [*places, len(raw)], strict=True)]
    return [found for piece in pieces for found in decoder.feed(piece)]


def prose(raw: str, cuts: list[int] | None = None) -> str:
    return "".join(text for _, text in decode(raw, cuts or []))


@given(
    pairs,
    styles,
    st.booleans(),
    st.lists(st.integers(0, 300), max_size=20),
    st.sampled_from(["", " ", "}", "{}", " x"]),
)
def test_prose_is_the_content_whatever_the_object_and_the_cuts(
    items: list[tuple[str, Any]], style: dict[str, Any], escaped: bool, cuts: list[int], after: str
) -> None:
    raw = render(items, style, escaped) + after
    content = parse_arguments(raw).get("content") if items else ""
    assert prose(raw, cuts) == (content if isinstance(content, str) else "")
    assert prose(raw, list(range(len(raw)))) == prose(raw)


@given(st.dictionaries(any_text, values, max_size=5), styles, st.booleans())
def test_a_strict_object_is_parsed_as_json_parses_it(
    whole: dict[str, Any], style: dict[str, Any], escaped: bool
) -> None:
    raw = json.dumps(whole, ensure_ascii=escaped, **style)
    assert parse_arguments(raw) == scrubbed(json.loads(raw))
    assert is_whole(raw)


def test_the_first_of_two_values_counts() -> None:
    raw = '{"content": "one", "filename": "a", "content": "two", "filename": "b"}'
    assert parse_arguments(raw) == {"content": "one", "filename": "a"}
    assert decode(raw, []) == [("", "one")]


def scrubbed(value: Any) -> Any:
    """Without what no file can hold."""
    if isinstance(value, str):
        return "".join("\ufffd" if "\ud800" <= c <= "\udfff" else c for c in value)
    if isinstance(value, list):
        return [scrubbed(item) for item in value]
    if isinstance(value, dict):
        return {scrubbed(key): scrubbed(item) for key, item in value.items()}
    return value


@given(any_text, any_text, st.booleans(), st.integers(0, 400))
@example("a.md", "She said “no”.\n", True, 40)
@example("a.md", "\U0001f600", True, 40)
@example("a.md", "\\\ud83d", True, 41)
def test_of_a_call_cut_anywhere_in_its_content_all_that_arrived_is_parsed(
    file: str, content: str, escaped: bool, kept: int
) -> None:
    raw = json.dumps({"filename": file, "content": content}, ensure_ascii=escaped)
    start = len(json.dumps({"filename": file}, ensure_ascii=escaped)) - 1 + len(', "content": "')
    cut = raw[: min(start + kept, len(raw) - 1)]
    assert parse_arguments(cut) == {"filename": scrubbed(file), "content": prose(cut)}
    assert not is_whole(cut)


def test_of_a_call_cut_inside_a_surrogate_pair_the_pair_is_left_out() -> None:
    raw = '{"content": "a\\\\ud83d\\ud83d\\ude00"}'
    for length in range(raw.index("a"), len(raw) - 1):
        assert parse_arguments(raw[:length]).get("content", "") == prose(raw[:length])


@given(st.text(max_size=60) | st.text('{}[]":,\\ untrefals0123"content', max_size=40))
def test_no_text_at_all_breaks_the_parser_or_the_decoder(raw: str) -> None:
    prose(raw, list(range(0, len(raw), 3)))
    try:
        found = parse_arguments(raw)
    except ValueError as error:
        assert str(error)
    else:
        assert isinstance(found, dict)
        if not found:
            assert raw.strip() in ("", "null") or json.JSONDecoder(strict=False).raw_decode(raw.strip())[0] == {}


def test_the_name_goes_with_what_follows_it() -> None:
    raw = '{"content": "One", "filename": "a.md"}'
    assert decode(raw, []) == [("", "One")]
    assert decode('{"filename": "a.md", "content": "One two"}', [35]) == [("a.md", "On"), ("a.md", "e two")]
    assert decode('{"content": "One", "filename": "a.md", "mode": "x"}', list(range(40)))[-1] == ("", "e")


@pytest.mark.parametrize("piece", [7, 1500, 3001, 100_000])
def test_a_whole_chapter_is_decoded_the_same_in_one_piece_and_in_many(piece: int) -> None:
    content = 'She said “no”.\n"Yes," he said. \U0001f600\ud83d\\\n' * 200
    raw = json.dumps({"filename": "a.md", "content": content, "mode": "x" * 3000, "notes": ["}" * 3000]})
    assert decode(raw, list(range(0, len(raw), piece)))[-1][0] == "a.md"
    assert prose(raw, list(range(0, len(raw), piece))) == scrubbed(content)


def test_a_name_that_is_no_text_is_no_name() -> None:
    assert decode('{"filename": ["a"], "content": "x"}', []) == [("", "x")]


@pytest.mark.parametrize("cuts", [[], list(range(80))])
def test_content_deeper_down_is_no_prose(cuts: list[int]) -> None:
    raw = '{"notes": {"content": "no", "x": ["}", "\\"content\\": \\"no\\""]}, "content": "yes"}'
    assert prose(raw, cuts) == "yes"


def test_surrogate_pairs_may_be_cut_anywhere() -> None:
    raw = '{"content": "a\\ud83d\\ude00b\\ud83dc\\ude00"}'
    for cut in range(len(raw)):
        assert prose(raw, [cut]) == "a😀b\ufffdc\ufffd"


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        ("", {}),
        ("  \n", {}),
        ("null", {}),
        ("{}", {}),
        ('{"a": 1}   ', {"a": 1}),
        ('{"a": 1}}', {"a": 1}),
        ('{"a": 1}{"a": 1}', {"a": 1}),
        ('{}{"a": 1}', {"a": 1}),
        ('"{\\"a\\": 1}"', {"a": 1}),
        ('{"a": "line\nbreak"}', {"a": "line\nbreak"}),
        ('{"a": "it\\\'s"}', {"a": "it's"}),
        ('{"a": "x", "content": "trail ', {"a": "x", "content": "trail "}),
        ('{"a": ["x", {"b": "y', {"a": ["x", {"b": "y"}]}),
        ('```json\n{"a": 1}\n```', {"a": 1}),
        ("{'a': 'b'}", {"a": "b"}),
        ('{"a": 1,}', {"a": 1}),
        ('{"a": "\\ud83d"}', {"a": "\ufffd"}),
    ],
)
def test_arguments_are_parsed_salvaged_or_repaired(raw: str, expected: dict[str, Any]) -> None:
    assert parse_arguments(raw) == expected


@pytest.mark.parametrize("raw", ["[]", "[1]", "3", "true", '"text"', "write it", "{", "}", '{"', "{{{{"])
def test_what_is_no_object_is_refused_with_a_reason(raw: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        parse_arguments(raw)


def test_nesting_without_end_is_refused_not_a_crash() -> None:
    for raw in ('{"a":' * 100_000, '{"a":' + "[" * 100_000 + "]" * 100_000 + "}"):
        with pytest.raises(ValueError, match="deep"):
            parse_arguments(raw)
        assert not is_whole(raw)
        assert prose(raw) == ""


def test_the_empty_object_before_the_real_one_does_not_end_the_prose() -> None:
    assert prose('{}{"content": "x"}', list(range(20))) == "x"
