"""Tool-call arguments: prose decoded while they are still arriving, and the whole parsed, repaired or refused."""

import json
import re
from typing import Any

_PLAIN = re.compile(r'[^"\\]+')
_BLANK = " \t\r\n"
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LONE = re.compile("[\ud800-\udfff]")

CONTENT, FILENAME = "content", "filename"


class ProseDecoder:
    """Decodes the top-level string `content` of a JSON object character by character, whatever way it is cut.

    `feed` returns pieces of (file, text), where file is "" until the model has sent `filename`.
    """

    def __init__(self) -> None:
        self.file = ""
        self._raw = ""  # received, not consumed
        self._at = self._start
        self._key = ""
        self._seen: set[str] = set()
        self._string: list[str] = []  # of a key or the file name
        self._high = ""  # first half of a surrogate pair
        self._depth = 0
        self._in_string = False
        self._out: list[str] = []

    def feed(self, piece: str) -> list[tuple[str, str]]:
        """What this piece adds to the prose."""
        self._raw += piece
        before = self.file
        found: list[tuple[str, str]] = []
        while self._at():
            if self.file != before:
                self._hand_out(found, before)
                before = self.file
        self._hand_out(found, self.file)
        return found

    def _hand_out(self, found: list[tuple[str, str]], file: str) -> None:
        if self._out:
            found.append((file, "".join(self._out)))
            self._out = []

    # Each state consumes what it can of `_raw`; True: go on in the state that `_at` now is, False: more is needed.

    def _skip_blank(self) -> bool:
        self._raw = self._raw.lstrip(_BLANK)
        return bool(self._raw)

    def _start(self) -> bool:
        if not self._skip_blank():
            return False
        self._at = self._before_key if self._raw[0] == "{" else self._over
        self._raw = self._raw[1:]
        return True

    def _before_key(self) -> bool:
        self._raw = self._raw.lstrip(_BLANK + ",")
        if not self._raw:
            return False
        if self._raw[0] != '"':
            self._at = self._over
            return True
        self._raw = self._raw[1:]
        self._string = []
        self._at = self._in_key
        return True

    def _in_key(self) -> bool:
        if not self._take_string(self._string):
            return False
        self._key = "".join(self._string)
        self._at = self._after_key
        return True

    def _after_key(self) -> bool:
        self._raw = self._raw.lstrip(_BLANK + ":")
        if not self._raw:
            return False
        first = self._key not in self._seen
        self._seen.add(self._key)
        if self._raw[0] == '"':
            self._raw = self._raw[1:]
            if self._key == CONTENT and first:
                self._at = self._in_content
            else:
                self._string = []
                self._at = self._in_filename if self._key == FILENAME and first else self._in_other_string
            return True
        self._depth, self._in_string = 0, False
        self._at = self._in_value
        return True

    def _in_content(self) -> bool:
        if not self._take_string(self._out):
            return False
        self._at = self._before_key
        return True

    def _in_filename(self) -> bool:
        if not self._take_string(self._string):
            return False
        self.file = "".join(self._string)
        self._at = self._before_key
        return True

    def _in_other_string(self) -> bool:
        self._string = []
        if not self._take_string(self._string):
            return False
        self._at = self._before_key
        return True

    def _in_value(self) -> bool:
        """Skip a number, a literal or a nested value."""
        for number, character in enumerate(self._raw):
            if self._in_string:
                if character == '"' and not self._escaped(number):
                    self._in_string = False
            elif character == '"':
                self._in_string = True
            elif character in "[{":
                self._depth += 1
            elif character in "]}":
                self._depth -= 1
                if self._depth < 0:
                    self._at = self._over
                    return True
            elif character == "," and self._depth == 0:
                self._raw = self._raw[number + 1 :]
                self._at = self._before_key
                return True
        # The backslashes at the end decide what the next character means.
        kept = len(self._raw) - len(self._raw.rstrip("\\")) if self._in_string else 0
        self._raw = self._raw[len(self._raw) - kept % 2 :]
        return False

    def _escaped(self, number: int) -> bool:
        before = self._raw[:number]
        return (len(before) - len(before.rstrip("\\"))) % 2 == 1

    def _over(self) -> bool:
        self._raw = ""
        return False

    def _take_string(self, out: list[str]) -> bool:
        """Decode up to the closing quote; False when it has not come yet."""
        raw, at = self._raw, 0
        while at < len(raw):
            match = _PLAIN.match(raw, at)
            if match is not None:
                self._flush_high(out)
                out.append(match.group())
                at = match.end()
                continue
            if raw[at] == '"':
                self._flush_high(out)
                self._raw = raw[at + 1 :]
                return True
            size = 6 if raw[at + 1 : at + 2] == "u" else 2
            if len(raw) - at < size:
                break
            self._escape(raw[at : at + size], out)
            at += size
        self._raw = raw[at:]
        return False

    def _escape(self, sequence: str, out: list[str]) -> None:
        if sequence[1] != "u":
            self._flush_high(out)
            out.append(_ESCAPES.get(sequence[1], sequence[1]))
            return
        try:
            character = chr(int(sequence[2:], 16))
        except ValueError:
            character = "\ufffd"
        if self._high and "\udc00" <= character <= "\udfff":
            pair = (self._high + character).encode("utf-16", "surrogatepass").decode("utf-16")
            self._high = ""
            out.append(pair)
            return
        self._flush_high(out)
        if "\ud800" <= character <= "\udbff":
            self._high = character
        else:
            out.append("\ufffd" if "\udc00" <= character <= "\udfff" else character)

    def _flush_high(self, out: list[str]) -> None:
        if self._high:
            self._high = ""
            out.append("\ufffd")


def parse_arguments(raw: str) -> dict[str, Any]:
    """A call's arguments: strict JSON if they are, repaired if they can be.

    Of a key that comes twice the first value counts, as it was shown while streaming. Lone surrogates, which no file can
    hold, become U+FFFD.

    Raises:
        ValueError: nothing like an object is there; the message says why. Never returns {} for something else.
    """
    text = raw.strip()
    try:
        value = _strict(text)
        if isinstance(value, str):  # encoded twice
            value = _strict(value)
    except ValueError as error:
        value = _repaired(text, error)
    if not isinstance(value, dict):
        raise ValueError(f"an object was expected, not {_kind(value)}")
    clean: dict[str, Any] = _without_lone_surrogates(value)
    return clean


def _strict(text: str) -> Any:
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_first_wins)
    value, end = decoder.raw_decode(text)
    if text[end:].strip() and not isinstance(value, dict):
        raise ValueError("there is more after it")
    return value


def _first_wins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        found.setdefault(key, value)
    return found


def _repaired(text: str, error: ValueError) -> Any:
    if "{" not in text:
        raise ValueError(str(error)) from error
    import json_repair

    value = json_repair.loads(text[text.index("{") :])
    if not isinstance(value, dict) or not value:
        raise ValueError(str(error)) from error
    return value


def _without_lone_surrogates(value: Any) -> Any:
    if isinstance(value, str):
        return _LONE.sub("\ufffd", value)
    if isinstance(value, list):
        return [_without_lone_surrogates(item) for item in value]
    if isinstance(value, dict):
        return {_without_lone_surrogates(key): _without_lone_surrogates(item) for key, item in value.items()}
    return value


def _kind(value: Any) -> str:
    return {list: "a list", str: "a text", int: "a number", float: "a number", bool: "a truth value"}.get(
        type(value), "nothing"
    )
