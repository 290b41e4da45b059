"""An author who saves at random moments, in the ways editors do; it remembers what it saw on disk afterwards."""

import contextlib
import hashlib
import os
import random
import threading
from collections.abc import Callable
from pathlib import Path


def in_place(path: Path, text: str) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(text[: len(text) // 2])
        file.flush()
        file.write(text[len(text) // 2 :])


def rename_over(path: Path, text: str) -> None:
    temp = path.with_name(f".goutputstream-{os.getpid()}")
    temp.write_text(text, encoding="utf-8", newline="")
    temp.replace(path)


def with_a_backup(path: Path, text: str) -> None:
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    path.write_text(text, encoding="utf-8", newline="")
    backup.unlink()


def flushed(path: Path, text: str) -> None:
    temp = path.with_name(f"{path.name}.tmp")
    with temp.open("w", encoding="utf-8", newline="") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temp.replace(path)


STYLES: list[Callable[[Path, str], None]] = [in_place, rename_over, with_a_backup, flushed]


def name_of(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class BusyAuthor:
    """Saves into the chapters of a book until told to stop; nothing it says is in doubt while `saving` is held."""

    def __init__(self, root: Path, seed: int, every: float = 0.06) -> None:
        self.root = root
        self.saves = 0
        self.written: set[str] = set()  # every content it ever put on disk
        self.displaced: set[str] = set()  # those that something else replaced after they had been seen there
        self.saving = threading.Lock()
        self._chance = random.Random(seed)
        self._every = every
        self._seen: dict[Path, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._work, daemon=True)

    def __enter__(self) -> "BusyAuthor":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def _work(self) -> None:
        while not self._stopped.wait(self._chance.uniform(0, 2 * self._every)):
            with self.saving, contextlib.suppress(FileNotFoundError):
                self._save()

    def _save(self) -> None:
        chapters = sorted(self.root.glob("chapter_*.md"))
        if not chapters:
            return
        path = self._chance.choice(chapters[-3:])
        body = path.read_bytes().decode()
        self.look(path, body)
        paragraphs = body.split("\n")
        at = self._chance.randrange(1, len(paragraphs) + 1)
        self.saves += 1
        text = "\n".join([*paragraphs[:at], f"The author wrote line {self.saves} here.", *paragraphs[at:]])
        self.written.add(name_of(text))
        self._chance.choice(STYLES)(path, text)
        if path.read_bytes().decode() == text:
            self._seen[path] = text

    def look(self, path: Path, body: str) -> None:
        """Note whether what was last seen in a file was replaced since by something else."""
        before = self._seen.get(path)
        if before is not None and body != before:
            self.displaced.add(name_of(before))
            del self._seen[path]

    def standing(self) -> set[str]:
        """What it saw last in each file and nobody is known to have replaced."""
        return {name_of(text) for text in self._seen.values()}
