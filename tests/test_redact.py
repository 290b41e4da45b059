"""A key goes in every form it takes on its way to a screen, a log or a file, and nothing else goes with it."""

import base64
import json
import logging
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.logs import start_log
from studio.redact import KEY, Redactor

CANARY = "sk-canary/42+7=é\"'\\x"

keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=8, max_size=40).filter(lambda k: len(k.strip()) >= 8)


@given(keys, st.text(max_size=30), st.text(max_size=30), st.binary(max_size=7), st.binary(max_size=7))
def test_no_form_of_a_key_is_left(key: str, before: str, after: str, front: bytes, back: bytes) -> None:
    redact, key = Redactor([key + "\n"]), key.strip()
    said = redact(before + key + after)
    assert key not in said.replace(KEY, "\n") or key in before + "\n" + after
    for form in (
        quote(key, safe=""),
        quote_plus(key),
        re.sub("%..", lambda found: found[0].lower(), quote(key, safe="")),
        json.dumps(key)[1:-1],
        ascii(key)[1:-1],
        repr(key)[1:-1],
        base64.b64encode(key.encode()).decode().rstrip("="),
    ):
        assert form not in redact(f"<{form}>"), form
    inside = base64.b64encode(front + key.encode() + back).decode()
    assert KEY in redact(inside)


@given(st.text(max_size=80))
def test_a_text_without_a_key_stays_as_it_is(text: str) -> None:
    assert Redactor()(text) == text
    assert Redactor(["sk-42-not-in-there-42"])(text) == text


def test_what_is_secret_in_an_address_is_known_too() -> None:
    redact = Redactor()
    redact.add_url("https://me:hunter2-hunter2@host/v1?api_key=canary-4242&page=2")
    redact.add_url("https://only-a-token@host/")
    redact.add_url("http://[broken")
    said = redact("hunter2-hunter2 canary-4242 only-a-token me page=2 host")
    assert said == "[key] [key] [key] me page=2 host"


def test_short_values_are_words_and_stay() -> None:
    assert Redactor(["none", "", "  a  "])("none is a word") == "none is a word"


def test_one_key_within_another_leaves_no_rest() -> None:
    assert Redactor(["sk-12345", "sk-12345-67890"])("sk-12345-67890 sk-12345") == "[key] [key]"


@pytest.fixture
def log_folder(tmp_path: Path) -> Iterator[Path]:
    root = logging.getLogger()
    before, level, hook = list(root.handlers), root.level, threading.excepthook
    yield tmp_path / "log"
    root.handlers[:], threading.excepthook = before, hook
    root.setLevel(level)


def test_the_log_is_its_owners_alone_and_holds_no_key(log_folder: Path) -> None:
    log_folder.mkdir()
    (log_folder / "studio.log").touch(0o644)
    file = start_log(log_folder, Redactor([CANARY]))
    assert file is not None

    def fail() -> None:
        raise RuntimeError(f"Bearer {CANARY}")

    try:
        fail()
    except RuntimeError:
        logging.getLogger("studio").exception("it failed with %s", CANARY)
    thread = threading.Thread(target=fail)
    thread.start()
    thread.join()
    logging.getLogger("x").warning("half a character: \ud83d")
    logging.getLogger("x").warning("a server said %s", "\x1b]52;c;x\x07\x9b2J")
    text = file.read_text(encoding="utf-8")
    assert text.count("RuntimeError: Bearer [key]") == 2
    assert "it failed with [key]" in text and "a thread failed" in text and CANARY not in text
    assert "a server said ␛]52;c;x␇\ufffd2J" in text and "\x1b" not in text
    assert file.stat().st_mode & 0o777 == 0o600


def test_the_folder_of_the_log_is_made_for_its_owner_alone(log_folder: Path) -> None:
    start_log(log_folder, Redactor())
    assert log_folder.stat().st_mode & 0o777 == 0o700


def test_a_log_that_can_not_be_written_says_nothing_on_the_screen(
    log_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log_folder.mkdir()
    (log_folder / "studio.log").mkdir()
    start_log(log_folder, Redactor())
    logging.getLogger("studio").error("lost")
    assert capsys.readouterr() == ("", "")
