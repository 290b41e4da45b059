"""An editor that saves one file again and again, in every way editors do: `python racing_editor.py FILE SEED SAVES`.

Prints `ready`, waits for a line, and then for each save: the name of the text it wrote (SHA-256), 1 if it saw it on
disk afterwards, 1 if something else stood there when it came back for the next one, and the way it saved.
"""

import contextlib
import hashlib
import os
import random
import sys
import time
from collections.abc import Callable
from pathlib import Path

KEEPS = 30  # lines of others that it leaves in the file: the text stays small, however long this goes on


def in_place(path: Path, text: bytes) -> None:
    """VS Code, nano, Notepad."""
    with path.open("wb") as file:
        file.write(text)


def in_pieces(path: Path, text: bytes) -> None:
    """The same, slowly."""
    with path.open("wb", buffering=0) as file:
        for at in range(0, len(text), max(1, len(text) // 3)):
            file.write(text[at : at + max(1, len(text) // 3)])
            time.sleep(0.0005)


def over_then_cut(path: Path, text: bytes) -> None:
    """Written over the old text, then cut to its length."""
    with path.open("r+b", buffering=0) as file:
        file.write(text)
        file.truncate()


def rename_over(path: Path, text: bytes) -> None:
    """gedit and most of GNOME."""
    temp = path.with_name(f".goutputstream-{os.getpid()}")
    temp.write_bytes(text)
    temp.rename(path)


def flushed(path: Path, text: bytes) -> None:
    """The careful ones: flush the file, rename, flush the folder."""
    temp = path.with_name(f"{path.name}.tmp")
    with temp.open("wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    temp.rename(path)
    handle = os.open(path.parent, os.O_RDONLY)
    os.fsync(handle)
    os.close(handle)


def vim(path: Path, text: bytes) -> None:
    """backupcopy=no: probe, move the old one away, write a new one, remove the old one."""
    probe = path.with_name("4913")
    probe.touch()
    probe.unlink()
    backup = path.with_name(f"{path.name}~")
    path.rename(backup)
    path.write_bytes(text)
    backup.unlink()


def vim_copy(path: Path, text: bytes) -> None:
    """backupcopy=yes: copy the old one, write over it, remove the copy."""
    backup = path.with_name(f"{path.name}~")
    backup.write_bytes(path.read_bytes())
    in_place(path, text)
    backup.unlink()


def emacs(path: Path, text: bytes) -> None:
    """A lock that is a link, an autosave, the old one renamed to a backup that stays."""
    lock = path.with_name(f".#{path.name}")
    lock.unlink(missing_ok=True)
    lock.symlink_to("author@desk.1:2")
    path.with_name(f"#{path.name}#").write_bytes(text)
    path.rename(path.with_name(f"{path.name}~"))
    path.write_bytes(text)
    path.with_name(f"#{path.name}#").unlink()
    lock.unlink()


def jetbrains(path: Path, text: bytes) -> None:
    """Safe write: the new one beside, the old one away, the new one in its place."""
    new, old = (path.with_name(f"{path.name}___jb_{part}___") for part in ("tmp", "old"))
    new.write_bytes(text)
    path.rename(old)
    new.rename(path)
    old.unlink()


def unnamed_file(path: Path, text: bytes) -> None:
    """O_TMPFILE, linked under a name of its own, renamed."""
    handle = os.open(path.parent, os.O_TMPFILE | os.O_RDWR, 0o644)
    temp = path.with_name(f".{os.getpid()}.tmp")
    try:
        os.write(handle, text)
        # With a folder's handle Python calls linkat, which follows the link that /proc has for the open file.
        os.link(f"/proc/self/fd/{handle}", temp, src_dir_fd=handle, follow_symlinks=True)
    finally:
        os.close(handle)
    temp.rename(path)


def removed_first(path: Path, text: bytes) -> None:
    """Removed, then made anew."""
    path.unlink()
    path.write_bytes(text)


def held_open(path: Path, text: bytes) -> None:
    """A handle opened long before the text comes."""
    with path.open("r+b", buffering=0) as file:
        time.sleep(0.003)
        file.truncate(0)
        file.write(text)


WAYS: list[Callable[[Path, bytes], None]] = [
    in_place,
    in_pieces,
    over_then_cut,
    rename_over,
    flushed,
    vim,
    vim_copy,
    emacs,
    jetbrains,
    unnamed_file,
    removed_first,
    held_open,
]


def main(path: Path, seed: int, saves: int) -> None:
    chance = random.Random(seed)
    print("ready", flush=True)
    sys.stdin.readline()
    text, way, seen = b"", "", False
    for number in range(saves + 1):
        body = b""
        for _ in range(200):  # the agent's write may be about to put it there
            with contextlib.suppress(FileNotFoundError):
                body = path.read_bytes()
                break
        if number:
            print(hashlib.sha256(text).hexdigest(), int(seen), int(body != text), way, flush=True)
        if number == saves:
            return
        lines = [line for line in body.split(b"\n") if not line.startswith(b"Author")]
        text = b"\n".join([b"Author wrote line %d here." % number, *lines[-KEEPS:]])
        save = chance.choice(WAYS)
        way = save.__name__
        with contextlib.suppress(FileNotFoundError):  # moved away under our hands: nothing was saved then
            save(path, text)
        try:
            seen = path.read_bytes() == text
        except FileNotFoundError:
            seen = False
        if chance.random() < 0.7:
            time.sleep(chance.random() * 0.04)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
