"""Settings written by hand: what can't be taken is refused in one sentence, whatever the bytes, and never hangs."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from studio.book.layout import BookSettings, load_settings, update_settings
from studio.config import Settings, load_config
from studio.errors import UsageError
from studio.settings_file import MAX_BYTES, MAX_DEPTH, parse_mapping, parse_settings
from studio.tui.themes import load_themes

BOMB = b"a: &a [x, x, x]\nb: &b [*a, *a, *a]\nc: &c [*b, *b, *b]\ntitle: *c\n"

REFUSED = {
    "brackets": (b"[" * MAX_BYTES, "no deeper"),
    "braces": (b"{" * MAX_BYTES, "no deeper"),
    "braces with keys": (b"{a: " * 60_000, "no deeper"),
    "dashes": (b"- " * (MAX_BYTES // 2), "no deeper"),
    "question marks": (b"? " * (MAX_BYTES // 2), ""),
    "a bracket too many": (b"title: " + b"[" * MAX_DEPTH + b"]" * MAX_DEPTH, "no deeper"),
    "a byte too many": (b"#" * (MAX_BYTES + 1), "256 KiB"),
    "a bomb": (BOMB, "*name"),
    "an alias of nothing": (b"title: *a", "*name"),
    "an anchor of itself": (b"title: &a [*a]", "*name"),
    "a merge": (b"<<: {title: x}", "plain word"),
    "an object": (b"title: !!python/object/apply:os.system [id]", "!name"),
    "a tag": (b"!!set {title}", "!name"),
    "a tag that PyYAML falls over": (b"title: !!timestamp x", "!name"),
    "a key twice": (b"title: a\nauthor: b\ntitle: c\n", "line 3: this is not YAML (`title` stands there twice)"),
    "a key that is a list": (b"{[a]: b}", "plain word"),
    "a number of 5,000 digits": (b"chapters: " + b"9" * 5000, "between quotes"),
    "a number beyond 64 bits": (b"chapters: 99999999999999999999999", "too large"),
    "a number of sixties": (b"chapters: 1" + b":59" * 3000, "too large"),
    "a number without digits": (b"chapters: 0b_", "between quotes"),
    "an infinite budget": (b"budget: -.inf", "budget"),
    "a date": (b"title: 2026-01-01", "line 1: `title`"),
    "a date that is none": (b"title: 2026-99-99", "between quotes"),
    "half a character": (b'title: "\\ud83d"', "half a character"),
    "more than Unicode": (b'title: "\\U00110000"', ""),
    "NUL": (b"title: a\0b", "not YAML"),
    "not UTF-8": (b"title: caf\xe9", "UTF-8"),
    "UTF-16": ("title: x".encode("utf-16"), "UTF-8"),
    "two documents": (b"title: a\n---\ntitle: b\n", "not YAML"),
    "a list": (b"- title", "key: value"),
    "a word": (b"title", "key: value"),
    "a key of no setting": (b"titel: x", "line 1: `titel`"),
    "a long key": (b"x" * 900 + b": x", "line 1: `xxx"),
    "a null key": (b"~: x", "`~` is no setting"),
    "a key that is no number": (b".nan: x", "`.nan` is no setting"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_settings_never_need_is_refused_in_one_sentence(name: str) -> None:
    body, words = REFUSED[name]
    with pytest.raises(UsageError) as refused:
        parse_settings(body, "book.yaml", BookSettings)
    said = str(refused.value)
    assert words in said and said.startswith("book.yaml") and said.endswith(".")
    assert "\n" not in said and len(said) < 400


def test_what_settings_need_is_taken() -> None:
    body = b"\xef\xbb\xbftitle: 'On: the tide'\r\norder: [a.md, b.md]\r\nchapters: 3 # three\r\n"
    found = parse_settings(body, "book.yaml", BookSettings)
    assert (found.title, found.order, found.chapters) == ("On: the tide", ["a.md", "b.md"], 3)
    assert parse_settings(b"", "x", BookSettings) == parse_settings(b"# nothing\n", "x", BookSettings) == BookSettings()
    deep = "title: " + "[" * (MAX_DEPTH - 2) + "]" * (MAX_DEPTH - 2)
    assert parse_mapping(deep.encode(), "x")[0] == yaml.safe_load(deep)


scraps = st.sampled_from(
    [
        *"[]{},:-?&*!|>%@`#'\" \n\t0",
        *["title", ": ", "- ", "~", "<<", "&a", "*a", "!!int", "!!str", "---\n", "...", "2026-99-01", "0x", "1:1"],
        *[
            "\\ud800",
            '"\\x',
            "\x85",
            "\u2028",
            "\ufeff",
            "\0",
            ".inf",
            ".nan",
            "1e999",
            "0b_",
            "null",
            "yes",
            "=",
            "\r",
        ],
    ]
)
written = st.lists(scraps, max_size=40).map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass"))


@settings(max_examples=1500, deadline=None)
@given(st.binary(max_size=200) | written | written.map(lambda rest: b"title: " + rest))
@example(b"= : 1")
@example(b"title: =")
@example(b"a: 1\n1: b\n01: c\n")
def test_any_bytes_are_settings_or_one_sentence(body: bytes) -> None:
    try:
        found = parse_settings(body, "book.yaml", BookSettings)
    except UsageError as error:
        assert str(error).startswith("book.yaml")
    else:
        assert isinstance(found, BookSettings)
        found.title.encode("utf-8")


@pytest.fixture
def book(tmp_path: Path) -> Path:
    root = tmp_path / "salt"
    root.mkdir()
    return root


@settings(max_examples=300, deadline=None)
@given(written.map(lambda rest: b"author: me\n" + rest), st.text(max_size=30))
def test_one_setting_changes_and_the_file_can_be_read_or_is_left_alone(
    tmp_path_factory: pytest.TempPathFactory, body: bytes, title: str
) -> None:
    book = tmp_path_factory.getbasetemp() / "changing"
    book.mkdir(exist_ok=True)
    (book / "book.yaml").write_bytes(body)
    try:
        before = load_settings(book)
        after = update_settings(book, title=title)
    except UsageError:
        assert (book / "book.yaml").read_bytes() == body
        return
    assert load_settings(book) == after
    assert after.author == before.author
    if title.isprintable():
        assert after.title == title


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("STUDIO_CONFIG_DIR", str(tmp_path / "config"))
    (tmp_path / "config/themes").mkdir(parents=True)
    yield tmp_path


@pytest.mark.parametrize("name", ["brackets", "a bomb", "an object", "a key twice"])
def test_every_place_that_reads_yaml_refuses_alike(folders: Path, book: Path, name: str) -> None:
    body = REFUSED[name][0]
    places = [folders / "config/config.yaml", folders / "config/themes/evil.yaml", book / "book.yaml"]
    for place in places:
        place.write_bytes(body)
    with pytest.raises(UsageError):
        load_config({}, file=None, environment={}, dotenv=folders / ".env")
    with pytest.raises(UsageError):
        update_settings(book, title="x")
    assert places[2].read_bytes() == body
    themes = load_themes([folders / "config/themes"])
    assert themes.names == [] and len(themes.problems) == 1


def test_yaml_is_read_in_one_place_only() -> None:
    package = Path(__file__).parent.parent / "studio"
    loading = {
        file.name
        for file in package.rglob("*.py")
        if any(word in file.read_text(encoding="utf-8") for word in ("yaml.load", "yaml.safe_load", "yaml.compose"))
    }
    assert loading == set()
    loaders = [file.name for file in package.rglob("*.py") if "yaml.SafeLoader" in file.read_text(encoding="utf-8")]
    assert loaders == ["settings_file.py"]


def test_a_settings_file_that_is_a_pipe_or_a_device_keeps_nobody_waiting(book: Path) -> None:
    os.mkfifo(book / "book.yaml")
    with pytest.raises(UsageError, match="no plain file"):
        load_settings(book)
    (book / "book.yaml").unlink()
    (book / "book.yaml").symlink_to("/dev/zero")
    with pytest.raises(UsageError, match="no plain file"):
        load_settings(book)
    (book / "book.yaml").unlink()
    (book / "book.yaml").mkdir()
    with pytest.raises(UsageError, match=r"book\.yaml"):
        load_settings(book)


def test_a_file_that_was_read_is_of_the_kind_asked_for(tmp_path: Path) -> None:
    assert parse_settings(b"max_steps: 7\nbudget: 2\n", "config.yaml", Settings).max_steps == 7
