"""Tool-call arguments: prose decoded while they are still arriving, and the whole parsed, salvaged or refused.

Both agree: of a complete object, and of one that was cut inside a text, the prose shown is the `content` parsed.
"""

import json
import re
from collections.abc import Callable
from typing import Any

CONTENT, FILENAME = "content", "filename"

_PLAIN = re.compile(r'[^"\\]+')
_STRUCTURE = re.compile(r'["\[\]{},]')
_ESCAPES = {'"': '"', "\\": "\\", "/": "/", "b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_LONE = re.compile("[\ud800-\udfff]")
_BLANK = " \t\r\n"
_LONG = 2_000  # characters that are decoded in one go where they can be
_DECODER = json.JSONDecoder(strict=False)


class ProseDecoder:
    """Decodes the top-level string `content` of a JSON object as it arrives, whatever way it is cut.

    `feed` returns pieces of (file, text), where file is "" until the model has sent `filename`. Of a key that comes
    twice the first counts; what follows the object is ignored, unless the object was empty: some servers send `{}`
    before the real one.
    """

    def __init__(self) -> None:
        self.file = ""
        # Each state consumes `text` from `at` and says where it stopped; short of the end only when the state changed.
        self._state: Callable[[str, int], int] = self._before_object
        self._plain = False  # inside the content with nothing held back: the common case has a short way
        self._held = ""  # the beginning of an escape
        self._high = ""  # the first half of a surrogate pair
        self._closed = False  # the string being read has ended
        self._seen: set[str] = set()
        self._string: list[str] = []  # a key, the file name or another value
        self._prose: list[str] = []
        self._depth = 0
        self._found: list[tuple[str, str]] = []

    def feed(self, piece: str) -> list[tuple[str, str]]:
        """What this piece adds to the prose."""
        if self._plain and '"' not in piece and "\\" not in piece:
            return [(self.file, _LONE.sub("\ufffd", piece))] if piece else []
        self._plain = False
        text, at = self._held + piece, 0
        self._held = ""
        while at < len(text):
            at = self._state(text, at)
        self._hand_out()
        self._plain = self._state == self._in_content and not self._held and not self._high
        found, self._found = self._found, []
        return found

    def _hand_out(self) -> None:
        if self._prose:
            self._found.append((self.file, _LONE.sub("\ufffd", "".join(self._prose))))
            self._prose.clear()

    def _before_object(self, text: str, at: int) -> int:
        brace = text.find("{", at)
        if brace < 0:
            return len(text)
        self._state = self._before_key
        return brace + 1

    def _before_key(self, text: str, at: int) -> int:
        if text[at] == '"':
            self._string.clear()
            self._state = self._in_key
        elif text[at] not in _BLANK + ",":
            self._end()
        return at + 1

    def _end(self) -> None:
        self._state = self._over if self._seen else self._before_object

    def _in_key(self, text: str, at: int) -> int:
        at = self._read_string(text, at, self._string)
        if self._closed:
            self._state = self._after_key
        return at

    def _after_key(self, text: str, at: int) -> int:
        if text[at] in _BLANK + ":":
            return at + 1
        key = "".join(self._string)
        first = key not in self._seen
        self._seen.add(key)
        if text[at] != '"':
            self._depth = 0
            self._state = self._in_value
            return at
        self._string.clear()
        if key == CONTENT and first:
            self._state = self._in_content
        else:
            self._state = self._in_filename if key == FILENAME and first else self._in_text
        return at + 1

    def _in_content(self, text: str, at: int) -> int:
        at = self._read_string(text, at, self._prose)
        if self._closed:
            self._state = self._before_key
        return at

    def _in_filename(self, text: str, at: int) -> int:
        at = self._read_string(text, at, self._string)
        if self._closed:
            self._hand_out()  # prose that came before the name
            self.file = _LONE.sub("\ufffd", "".join(self._string))
            self._state = self._before_key
        return at

    def _in_text(self, text: str, at: int) -> int:
        at = self._read_string(text, at, self._string)
        if self._closed:
            self._state = self._before_key
        return at

    def _in_value(self, text: str, at: int) -> int:
        """Skip a number, a literal or a nested value."""
        while match := _STRUCTURE.search(text, at):
            at = match.end()
            match match.group():
                case '"':
                    self._string.clear()
                    self._state = self._in_nested_text
                    return at
                case "[" | "{":
                    self._depth += 1
                case "]" | "}":
                    self._depth -= 1
                    if self._depth < 0:
                        self._end()
                        return at
                case _ if self._depth == 0:
                    self._state = self._before_key
                    return at
        return len(text)

    def _in_nested_text(self, text: str, at: int) -> int:
        at = self._read_string(text, at, self._string)
        if self._closed:
            self._state = self._in_value
        return at

    def _over(self, text: str, at: int) -> int:
        return len(text)

    def _read_string(self, text: str, at: int, out: list[str]) -> int:
        """Decode up to and with the closing quote, or to the end; a begun escape is held back."""
        self._closed = False
        # Only a string that begins here has its quote before `at`. Some servers send a whole chapter in one piece.
        if at and len(text) - at > _LONG:
            try:
                whole, end = _DECODER.raw_decode(text, at - 1)
            except ValueError:
                pass  # it goes on in the next piece, or is no JSON
            else:
                out.append(whole)
                self._closed = True
                return end
        while at < len(text):
            plain = _PLAIN.match(text, at)
            if plain is not None:
                self._flush_high(out)
                out.append(plain.group())
                at = plain.end()
            elif text[at] == '"':
                self._flush_high(out)
                self._closed = True
                return at + 1
            else:
                size = 6 if text.startswith("\\u", at) else 2
                if len(text) - at < size:
                    self._held = text[at:]
                    return len(text)
                self._escape(text[at : at + size], out)
                at += size
        return at

    def _escape(self, sequence: str, out: list[str]) -> None:
        if sequence[1] != "u":
            self._flush_high(out)
            out.append(_ESCAPES.get(sequence[1], sequence[1]))
            return
        try:
            code = int(sequence[2:], 16)
        except ValueError:
            code = 0xFFFD
        if self._high and 0xDC00 <= code <= 0xDFFF:
            out.append(chr(0x10000 + (ord(self._high) - 0xD800 << 10) + code - 0xDC00))
            self._high = ""
            return
        self._flush_high(out)
        if 0xD800 <= code <= 0xDBFF:
            self._high = chr(code)
        else:
            out.append(chr(code & 0xFFFF))

    def _flush_high(self, out: list[str]) -> None:
        if self._high:
            self._high = ""
            out.append("\ufffd")


def parse_arguments(raw: str) -> dict[str, Any]:
    """A call's arguments: strict JSON if they are, salvaged if they were cut, repaired if they can be.

    Of a key that comes twice the first value counts, as it was shown while streaming. Lone surrogates, which no file
    can hold, become U+FFFD. Nothing at all, or `null`, is a call without arguments.

    Raises:
        ValueError: nothing like an object is there; the message says why. Never returns {} for something else.
    """
    if raw.strip() in ("", "null"):
        return {}
    try:
        try:
            value = _strict(raw)
            if isinstance(value, str) and value.lstrip().startswith("{"):  # encoded twice
                value = _strict(value)
        except ValueError as error:
            value = _repaired(raw, error)
        if not isinstance(value, dict):
            raise ValueError(f"an object was expected, not {_kind(value)}")
        clean: dict[str, Any] = _without_lone_surrogates(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return clean


def is_whole(raw: str) -> bool:
    """Whether these are a call's arguments in full, with nothing to repair."""
    try:
        return isinstance(_strict(raw), dict)
    except (ValueError, RecursionError):
        return False


def is_unclosed(raw: str) -> bool:
    """Whether these are the beginning of a call's arguments: an object that was cut off before its end."""
    text = raw.strip()
    return text.startswith("{") and not text.endswith("}") and not is_whole(raw)


def _strict(text: str) -> Any:
    decoder = json.JSONDecoder(strict=False, object_pairs_hook=_first_wins)
    text = text.strip()
    value, end = decoder.raw_decode(text)
    while value == {} and (rest := text[end:].lstrip()).startswith("{"):
        text = rest  # some servers send an empty object before the real one
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
    text = text[text.index("{") :]
    try:
        if value := _strict(_closed(text)):
            return value
    except ValueError:
        pass  # more is wrong with it than its end
    import json_repair

    value = json_repair.loads(text)
    if not isinstance(value, dict) or not value:
        raise ValueError(str(error)) from error
    return value


_TOKEN = re.compile(r'"(?P<text>(?:[^"\\]++|\\.)*+)(?P<end>"|\\?\Z)|[\[\]{}]', re.DOTALL)
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|u[0-9a-fA-F]{0,3}\Z|.)", re.DOTALL)
_HIGH = re.compile(r"\\u[dD][89abAB]")
_BAD_ESCAPE = re.compile(r'\\(?:(u[0-9a-fA-F]{4}|["\\/bfnrt])|(u?))')


def _closed(text: str) -> str:
    """`text` with what a cut left open closed again, and with the escapes mended that JSON does not know."""
    parts: list[str] = []
    open_: list[str] = []
    at = 0
    for token in _TOKEN.finditer(text):
        parts.append(text[at : token.start()])
        at = token.end()
        if token["text"] is None:
            bracket = token.group()
            parts.append(bracket)
            if bracket in "{[":
                open_.append("}" if bracket == "{" else "]")
            elif open_:
                open_.pop()
            continue
        inside = token["text"] if token["end"] == '"' else _without_cut_escape(token["text"])
        parts.append('"' + _BAD_ESCAPE.sub(_mended, inside) + '"')
    return "".join([*parts, text[at:], *reversed(open_)])


def _without_cut_escape(text: str) -> str:
    """Without the escape that `text` ends in the middle of, be it the second of a pair."""
    end = len(text)
    escapes = list(_ESCAPE.finditer(text))
    if escapes and escapes[-1].end() == end and escapes[-1].group().startswith("\\u") and len(escapes[-1].group()) < 6:
        end = escapes.pop().start()
    if escapes and escapes[-1].end() == end and _HIGH.match(escapes[-1].group()):
        end = escapes.pop().start()
    return text[:end]


def _mended(escape: re.Match[str]) -> str:
    if escape[1]:
        return escape.group()
    return "\\ufffd" if escape[2] else ""


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
