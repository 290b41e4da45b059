"""A book that stands before a step with everything in it, and that step under strace, which can make any call fail."""

import os
import re
import shutil
import subprocess
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

from scripted_book import call
from studio_command import CHECKOUT, Model, StudioCommand, events_of

ONE = "# One\n\nIt began. The lamp was lit.\n\nThe door stood open.\n"
OTHER = ONE.replace("open", "ajar")
MINE = ONE.replace("lit", "blown out")
SCRIPT: list[dict[str, Any]] = [
    {"calls": [call("title", "create_project", project_name="Salt")]},
    {"calls": [call("first", "write_file", filename="chapter_01.md", content=ONE, mode="create")]},
    {"calls": [call("read", "read_file", filename="chapter_01.md")]},
    {
        "reasoning_content": "Now all at once.",
        "calls": [
            call(
                "merge", "write_file", filename="chapter_01.md", content=ONE.replace("open", "ajar"), mode="overwrite"
            ),
            call("new", "write_file", filename="bible/people.md", content="Mara, 31.\n", mode="create"),
            call("append", "write_file", filename="chapter_01.md", content="\nThe end came.\n", mode="append"),
            call("edit", "edit_file", filename="bible/people.md", old_text="31", new_text="thirty-one"),
        ],
    },
    {"calls": [call("end", "finish", summary="Done.")]},
]
FILES = {
    "bible/people.md": "Mara, thirty-one.\n",
    "chapter_01.md": MINE.replace("open", "ajar") + "\nThe end came.\n",
}
CALLS = "write,pwrite64,fsync,fdatasync,rename,renameat2,linkat,unlink,ftruncate,mkdir,mkdirat"


class InterruptedStep:
    """Makes copies of the book and takes the step in each."""

    def __init__(self, studio: StudioCommand, model: Model) -> None:
        self.studio = studio
        self._served = ["--backend", "openai", "--base-url", model.url, "--model", "scripted", "--headless", "--json"]
        begun = studio.run("new", "Salt", "--name", "salt", *self._served, "--max-steps", "3")
        assert begun.returncode == 3, begun.stderr
        self.before = events_of(begun.stdout)
        self._book = studio.projects / "salt"
        (self._book / "chapter_01.md").write_text(MINE)
        self._kept = studio.home / "kept"
        self._book.rename(self._kept)

    def take(self, *inject: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """The step under strace, with a fault such as `fsync:signal=KILL:when=3`."""
        shutil.rmtree(self._book, ignore_errors=True)
        shutil.copytree(self._kept, self._book, symlinks=True)
        trace = self.studio.home / "trace"
        command = ["strace", "-f", "-o", str(trace), "-e", f"trace={CALLS}"]
        if not any("signal" in fault for fault in inject):
            command.insert(1, "--seccomp-bpf")  # much faster; strace 6.1 delivers no signal with it
        for fault in inject:
            command += ["-e", f"inject={fault}"]
        here = Path(__file__).parent
        environment = {
            **self.studio.environment,
            "PYTHONPATH": f"{here / 'one_thread'}{os.pathsep}{CHECKOUT}",
            "PYTHONDONTWRITEBYTECODE": "1",
        }
        return subprocess.run(
            [*command, *self.studio.command("resume", "salt", *self._served)],
            cwd=self.studio.home,
            env=environment,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=120,
            **options,
        )

    def counts(self) -> dict[str, int]:
        """How often a thread makes each call at most: beyond that, a fault would not come."""
        assert self.take().returncode == 0
        seen: Counter[tuple[str, str]] = Counter()
        for line in (self.studio.home / "trace").read_text().splitlines():
            if match := re.match(r"(\d+) +(\w+)\(", line):
                seen[match[1], match[2]] += 1
        return {name: max(n for (_, one), n in seen.items() if one == name) for _, name in seen}

    def finish(self) -> subprocess.CompletedProcess[str]:
        """Go on with what is there, undisturbed."""
        return self.studio.run("resume", "salt", *self._served)

    def check(self, printed: list[dict[str, Any]], record: Callable[[Path], list[dict[str, Any]]]) -> None:
        """The book is as if nothing had happened, and everything acknowledged is in its record."""
        files = self.studio.files("salt")
        assert files == FILES, files
        events = record(self._book)
        by_seq = {event["seq"]: event for event in events}
        for event in [*self.before, *printed]:
            assert by_seq.get(event["seq"]) == event, f"acknowledged, and not in the record: {event}"
        ids = [one["id"] for step in SCRIPT for one in step["calls"]]
        for kind in ("tool_started", "tool_finished"):
            assert [event["id"] for event in events if event["event"] == kind] == ids
        assert all(event["ok"] for event in events if event["event"] == "tool_finished")
        writes = [event["id"] for event in events if event["event"] == "file_written"]
        assert len(writes) == len(set(writes)) == 5
        assert [event["file"] for event in events if event["event"] == "author_edited"] == ["chapter_01.md"]
        assert list((self._book / ".studio/tmp").iterdir()) == []
