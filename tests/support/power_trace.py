"""What a process did to its files, as strace saw it: every system call, when it began and when it ended."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

STRACE = shutil.which("strace")
_CALLS = (
    "open,openat,creat,close,lseek,write,pwrite64,writev,pwritev,pwritev2,sendfile,copy_file_range,fsync,fdatasync,"
    "ftruncate,truncate,fallocate,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,unlinkat,mkdir,"
    "mkdirat,rmdir"
)
_LINE = re.compile(r"(\d+) +(.*)", re.DOTALL)
_WHOLE = re.compile(r"(\w+)\((.*)\) += (-?\d+|\?).*", re.DOTALL)
_BEGUN = re.compile(r"(\w+)\((.*?),? *<unfinished \.\.\.>", re.DOTALL)
_ENDED = re.compile(r"<\.\.\. (\w+) resumed>.*\) += (-?\d+|\?).*", re.DOTALL)
_STRING = re.compile(r'"((?:\\x[0-9a-f]{2})*)"(\.\.\.)?')


@dataclass(eq=False)
class Call:
    """One system call; `result` is known once it has ended, -1 means that it failed."""

    name: str
    raw: str
    result: int = -1

    @property
    def strings(self) -> list[bytes]:
        """The byte strings among its arguments, in order."""
        found = _STRING.findall(self.raw)
        assert not any(cut for _, cut in found), "strace cut a string short"
        return [bytes.fromhex(text.replace("\\x", "")) for text, _ in found]

    @property
    def arguments(self) -> list[str]:
        """The arguments as strace prints them."""
        return self.raw.split(", ")

    def number(self, place: int) -> int:
        """An argument that is a number: a descriptor (-100 for the current folder), an offset, a length."""
        text = self.arguments[place]
        return -100 if text == "AT_FDCWD" else int(text, 0)

    def __str__(self) -> str:
        shown = _STRING.sub(lambda found: ascii(bytes.fromhex(found[1].replace("\\x", ""))[-40:]), self.raw)
        return f"{self.name}({shown})"


def record(script: Path, *arguments: str, trace: Path) -> None:
    """Run a Python script under strace, to its good end."""
    assert STRACE is not None
    command = [
        STRACE,
        "-f",
        "--seccomp-bpf",
        "-qq",
        "-xx",
        "-s",
        "100000000",
        "-e",
        f"trace={_CALLS}",
        "-e",
        "signal=none",
    ]
    done = subprocess.run(
        [*command, "-o", str(trace), sys.executable, str(script), *arguments],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]


def calls(trace: Path) -> Iterator[tuple[bool, Call]]:
    """Every call twice, in the order in which things happened: (False, as it begins), (True, when it has ended)."""
    under_way: dict[str, Call] = {}
    with trace.open(encoding="ascii") as lines:
        for line in lines:
            found = _LINE.match(line)
            assert found is not None, line[:200]
            thread, text = found[1], found[2].rstrip("\n")
            if whole := _WHOLE.fullmatch(text):
                call = Call(whole[1], whole[2])
                yield False, call
                call.result = _result(whole[3])
                yield True, call
            elif begun := _BEGUN.fullmatch(text):
                under_way[thread] = Call(begun[1], begun[2])
                yield False, under_way[thread]
            elif ended := _ENDED.fullmatch(text):
                call = under_way.pop(thread)
                call.result = _result(ended[2])
                yield True, call
            else:
                assert text.startswith(("+++", "---")), f"not understood: {text[:200]}"


def _result(text: str) -> int:
    return -1 if text == "?" else int(text)
