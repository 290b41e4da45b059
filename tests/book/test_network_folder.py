"""A book on a network: what the server fails to say of one file keeps no other from being watched."""

import os
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

NETWORK = r"""
    // A file system that tells no types of what is in a folder, and of one file, at times, not even its status.
    #define _GNU_SOURCE
    #include <dirent.h>
    #include <dlfcn.h>
    #include <errno.h>
    #include <string.h>
    #include <sys/stat.h>
    #include <unistd.h>
    #define NEXT(name) ((__typeof__(name) *)dlsym(RTLD_NEXT, #name))
    static int stale(const char *path) { return strstr(path, "/b.md") && access("stale", F_OK) == 0; }
    struct dirent64 *readdir64(DIR *folder) {
        struct dirent64 *entry = NEXT(readdir64)(folder);
        if (entry) entry->d_type = DT_UNKNOWN;
        return entry;
    }
    int lstat64(const char *path, struct stat64 *status) {
        return stale(path) ? (errno = ESTALE, -1) : NEXT(lstat64)(path, status);
    }
    int fstatat64(int folder, const char *path, struct stat64 *status, int flags) {
        return stale(path) ? (errno = ESTALE, -1) : NEXT(fstatat64)(folder, path, status, flags);
    }
"""

ON_A_NETWORK = """
    import asyncio, sys
    from pathlib import Path
    from studio import events as ev
    from studio.book.files import Folder
    from studio.book.ledger import Ledger
    from studio.book.watcher import Watcher

    root, ledger = Path(sys.argv[1]), Ledger()

    def record(event, *texts):
        ledger.apply(event)
        return event

    async def main():
        watcher = Watcher(Folder(root), ledger, lambda _: "", record, hints=False, rescan=0.05)
        await watcher.scan()
        watching = asyncio.create_task(watcher.watch())
        for number, act in enumerate([Path("stale").touch, Path("stale").unlink]):
            act()
            await asyncio.sleep(0.3)
            (root / "a.md").write_text(f"Save {number}.\\n")
            await asyncio.sleep(0.3)
            print(watching.done(), ledger.words("a.md"), ledger.words("b.md"), sorted(ledger.files()), flush=True)
        watching.cancel()

    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux" or not shutil.which("cc"), reason="wants a C compiler on Linux")
def test_a_network_folder_that_stumbles_over_one_file_is_watched_on(root: Path, tmp_path: Path) -> None:
    (tmp_path / "network.c").write_text(textwrap.dedent(NETWORK))
    subprocess.run(["cc", "-shared", "-fPIC", "-o", "network.so", "network.c", "-ldl"], cwd=tmp_path, check=True)
    for file in ("a.md", "b.md"):
        (root / file).write_text("One.\n")
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(ON_A_NETWORK), str(root)],
        env={**os.environ, "LD_PRELOAD": str(tmp_path / "network.so")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == ["False 2 1 ['a.md', 'b.md']"] * 2
