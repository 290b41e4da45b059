"""Names that stay in the book's folder, whole reads, and writes that displace but never destroy."""

import contextlib
import os
import socket
import subprocess
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from studio.book.exchange import exchange, exchange_by_steps
from studio.book.files import LARGEST, Folder
from studio.book.leavings import is_leaving
from studio.errors import BookError, BookUnsaved, PathRefused


@pytest.fixture
def folder(root: Path) -> Folder:
    return Folder(root)


@pytest.mark.parametrize(
    ("raw", "name"),
    [
        ("chapter_01.md", "chapter_01.md"),
        ("chapter_01", "chapter_01.md"),
        ("./outline.md", "outline.md"),
        ("bible/people", "bible/people.md"),
        ("Kapitel 1 — Übergang.md", "Kapitel 1 — Übergang.md"),
        ("島.md", "島.md"),
        ("notes.txt", "notes.txt.md"),
        ("a..b.md", "a..b.md"),
    ],
)
def test_a_plain_name_is_taken(raw: str, name: str, folder: Folder) -> None:
    assert folder.name(raw) == name


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "  ",
        ".",
        "..",
        "../x.md",
        "bible/../../x.md",
        "/etc/passwd",
        "//x",
        "bible//x.md",
        "bible/",
        "./",
        "././../x",
        "a\0b.md",
        "a\nb.md",
        "a\x1b[2J.md",
        "a\u202eb.md",
        "a\u2028b.md",
        ".hidden.md",
        ".studio/journal.db",
        "bible/.x.md",
        "exports/book.md",
        "Exports/book.md",
        "con",
        "CON.md",
        "aux.txt",
        "lpt1.md",
        "COM¹.md",
        "bible/nul.md",
        "a.md ",
        " a.md",
        "a.",
        "a .../b",
        "a\\b.md",
        "..\\x.md",
        "C:x.md",
        "C:\\x.md",
        "what?.md",
        "a*b",
        "<b>.md",
        '"q".md',
        "a|b",
        "x" * 300,
        "a/b/c/d/e.md",
        "chapter.md~",
        "~$chapter.md",
        "#chapter.md#",
        "x.tmp",
        "\ud800.md",
    ],
)
def test_a_name_that_leads_out_or_that_no_system_holds_is_refused(raw: str, folder: Folder, root: Path) -> None:
    with pytest.raises(PathRefused) as refused:
        folder.name(raw)
    sentence = str(refused.value)
    assert "\n" not in sentence and "\x1b" not in sentence and "\u202e" not in sentence
    assert sentence.encode()
    assert list(root.iterdir()) == []


parts = st.sampled_from(
    ["..", ".", "", "a", "b.md", "~", "/", "\\", "C:", "con", "\0", "link", ".studio", "é", "島", " "]
)


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(st.text(max_size=20), st.lists(parts, max_size=6).map("/".join), st.lists(parts, max_size=6).map("".join))
)
def test_no_name_whatever_leaves_the_folder(root: Path, raw: str) -> None:
    if not (root / "link").is_symlink():
        (root / "link").symlink_to(root.parent)
    folder = Folder(root)
    try:
        name = folder.name(raw)
    except PathRefused:
        return
    path = (root / name).resolve()
    assert path.is_relative_to(root.resolve())
    assert not path.relative_to(root.resolve()).parts[0].startswith(".")
    assert folder.name(name) == name
    assert folder.read(name) is None
    folder.stage("t.tmp", "x")
    folder.put("t.tmp", name)
    folder.drop("t.tmp")
    assert folder.read(name) == "x"
    assert name in folder.names()
    (root / name).unlink()


def test_an_existing_spelling_is_reused(folder: Folder, root: Path) -> None:
    (root / "Bible").mkdir()
    (root / "Bible/Ëlodie.md").write_text("x")
    assert folder.name("bible/e\u0308lodie") == "Bible/Ëlodie.md"
    assert folder.name("BIBLE/new.md") == "Bible/new.md"
    (root / "bible").mkdir()
    assert folder.name("bible/new.md") == "bible/new.md"


@pytest.mark.parametrize(
    "make", ["symlink", "hard link", "linked folder", "folder", "pipe", "socket", "file as folder"]
)
def test_what_is_no_plain_file_of_the_book_is_refused(make: str, folder: Folder, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("outside")
    raw = "x.md"
    match make:
        case "symlink":
            (root / "x.md").symlink_to(outside / "x.md")
        case "hard link":
            (root / "x.md").hardlink_to(outside / "x.md")
        case "linked folder":
            (root / "sub").symlink_to(outside)
            raw = "sub/x.md"
        case "folder":
            (root / "x.md").mkdir()
        case "pipe":
            os.mkfifo(root / "x.md")
        case "socket":
            with socket.socket(socket.AF_UNIX) as listening, contextlib.chdir(root):  # its name may be 100 bytes long
                listening.bind("x.md")
        case "file as folder":
            (root / "sub").write_text("x")
            raw = "sub/x.md"
    with pytest.raises(PathRefused):
        folder.name(raw)
    if make != "hard link":
        assert folder.names() == []
        with pytest.raises(BookError):
            folder.read(raw)
        folder.stage("t.tmp", "agent")
        with pytest.raises(BookError):
            folder.put("t.tmp", raw)
    assert (outside / "x.md").read_text() == "outside"


@pytest.mark.parametrize("what", ["folder", "file"])
def test_a_link_that_comes_and_goes_never_leads_out(what: str, folder: Folder, root: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.md").write_text("outside")
    (root / "sub").mkdir()
    (root / "sub/x.md").write_text("inside")
    place = "sub" if what == "folder" else "x.md"
    (root / "link").symlink_to(outside if what == "folder" else outside / "x.md")
    stop = threading.Event()

    def swap() -> None:
        parent = os.open(root if what == "folder" else root / "sub", os.O_RDONLY)
        while not stop.is_set():
            exchange(root / "link", place, parent)
        os.close(parent)

    swapping = threading.Thread(target=swap)
    swapping.start()
    seen = {"inside": 0, "refused": 0}
    try:
        for number in range(1500):  # tries to read; two kinds of link make it 3,000
            try:
                text = folder.read("sub/x.md")
            except BookError:
                seen["refused"] += 1
            else:
                assert text is None or text == "inside" or text.startswith("agent")
                seen["inside"] += 1
            if number % 5 == 0:
                folder.stage("t.tmp", f"agent {number}")
                try:
                    folder.put("t.tmp", "sub/x.md")
                except BookError:
                    seen["refused"] += 1
    finally:
        stop.set()
        swapping.join()
    assert seen["inside"] > 0 and seen["refused"] > 0
    assert [(file.name, file.read_text()) for file in outside.iterdir()] == [("x.md", "outside")]


def test_a_file_of_gigabytes_is_left_alone(folder: Folder, root: Path) -> None:
    with (root / "a.md").open("wb") as file:
        file.truncate(2**40)
    with pytest.raises(BookError, match=r"a\.md can't be read \(it is larger than 64 MB\); the studio leaves it alone"):
        folder.read("a.md")
    (root / "b.md").write_bytes(b"x" * LARGEST)
    assert len(folder.read("b.md") or "") == LARGEST


def test_every_byte_comes_back_and_what_is_not_utf8_is_left_alone(folder: Folder, root: Path) -> None:
    text = "a\r\nb\rc\n\ufeffd\u2028 🌊"
    (root / "a.md").write_bytes(text.encode())
    assert folder.read("a.md") == text
    assert folder.read("missing.md") is None
    assert folder.read("missing/missing.md") is None
    (root / "b.md").write_bytes(b"caf\xe9")
    with pytest.raises(BookError, match=r"b\.md is not UTF-8 text; the studio leaves it alone"):
        folder.read("b.md")


def test_names_lists_the_book_in_reading_order_without_leavings(folder: Folder, root: Path) -> None:
    for name in (
        "chapter_10.md",
        "chapter_2.md",
        "epilogue.md",
        "outline.md",
        "prologue.md",
        "bible/people.md",
        "notes/x/y.md",
        "exports/book.md",
        ".studio/x.md",
        ".chapter.md.swp",
        "~$chapter.md",
        "chapter_2.md~",
        "picture.png",
        "book.yaml",
    ):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text("x")
    (root / "link.md").symlink_to(root / "outline.md")
    assert folder.names() == [
        "outline.md",
        "prologue.md",
        "chapter_2.md",
        "chapter_10.md",
        "epilogue.md",
        "bible/people.md",
        "notes/x/y.md",
    ]


def test_a_book_that_was_moved_is_not_one_that_was_emptied(folder: Folder, root: Path) -> None:
    root.rename(root.with_name("elsewhere"))
    with pytest.raises(BookError, match="put it back"):
        folder.names()


@pytest.mark.parametrize(
    "name",
    [
        "4913",
        "a.md~",
        ".a.md.swp",
        "#a.md#",
        ".#a.md",
        "a.tmp",
        "a.bak",
        "a.md___jb_tmp___",
        "~$a.md",
        ".goutputstream-X",
    ],
)
def test_editors_leavings_are_known(name: str) -> None:
    assert is_leaving(name)
    assert not is_leaving("chapter_4913.md")


def test_putting_displaces_what_was_there(folder: Folder, root: Path) -> None:
    folder.stage("1.tmp", "first")
    assert folder.put("1.tmp", "bible/a.md") is False
    assert folder.is_linked("1.tmp", "bible/a.md")
    folder.drop("1.tmp")
    folder.stage("2.tmp", "second")
    assert folder.put("2.tmp", "bible/a.md") is True
    assert folder.displaced("2.tmp") == b"first"
    assert (root / "bible/a.md").read_text() == "second"
    assert not folder.is_linked("2.tmp", "bible/a.md")


def test_a_file_the_author_made_meanwhile_is_displaced_not_destroyed(folder: Folder, root: Path) -> None:
    folder.stage("1.tmp", "agent")
    (root / "a.md").write_text("author")
    assert folder.put("1.tmp", "a.md") is True
    assert folder.displaced("1.tmp") == b"author"


def test_where_files_cannot_be_exchanged_the_steps_do_the_same(root: Path) -> None:
    (root / "a.md").write_text("author")
    (root / "t.tmp").write_text("agent")
    parent = os.open(root, os.O_RDONLY)
    exchange_by_steps(root / "t.tmp", "a.md", parent)
    os.close(parent)
    assert ((root / "a.md").read_text(), (root / "t.tmp").read_text()) == ("agent", "author")
    assert sorted(file.name for file in root.iterdir()) == ["a.md", "t.tmp"]


def test_a_crash_between_the_steps_is_mended(folder: Folder, root: Path) -> None:
    folder.stage("1.tmp", "agent")
    (root / "a.md").write_text("author")
    (root / "a.md").rename(root / ".studio/tmp/1.kept")
    folder.mend("1.tmp", "a.md")
    assert (root / "a.md").read_text() == "author"
    assert folder.displaced("1.tmp") == b"agent"
    (root / "a.md").rename(root / ".studio/tmp/1.kept")
    (root / "a.md").write_text("agent")
    folder.mend("1.tmp", "a.md")
    assert ((root / "a.md").read_text(), folder.displaced("1.tmp")) == ("agent", b"author")
    assert folder.temps() == ["1.tmp"]


FULL = """
    import os, resource, signal, sys
    from pathlib import Path
    from studio.book.files import Folder
    from studio.errors import BookUnsaved
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    root = Path(sys.argv[1])
    folder = Folder(root)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
    try:
        folder.stage("1.tmp", "x" * 5000)
    except BookUnsaved as error:
        print(error)
"""


def test_a_full_disk_leaves_the_file_and_no_half_one(
    folder: Folder, root: Path, run_child: Callable[..., "subprocess.Popen[str]"]
) -> None:
    (root / "a.md").write_text("author")
    out, err = run_child(FULL).communicate(timeout=60)
    assert "free some room" in out, err
    assert folder.temps() == []
    assert (root / "a.md").read_text() == "author"


def test_a_folder_that_cannot_be_written_is_told_in_one_sentence(folder: Folder, root: Path) -> None:
    (root / ".studio").write_text("a file")
    with pytest.raises(BookUnsaved, match="salt can't be written"):
        folder.stage("1.tmp", "x")


def test_what_is_kept_beside_the_record_has_room_for_its_name(folder: Folder, root: Path) -> None:
    name = folder.name("/".join(["é" * 90] * 4))
    folder.stage("1.tmp", "x")
    kept = folder.keep("1.tmp", name)
    assert kept.read_text() == "x" and kept.name.endswith("é.md")
