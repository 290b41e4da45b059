"""Folders of books, book.yaml and the order of reading."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from studio.book.layout import (
    BookSettings,
    books,
    create_book,
    find_book,
    load_settings,
    reading_order,
    save_settings,
    slug,
    update_settings,
)
from studio.errors import BookError, UsageError


def test_a_new_book_has_its_folder_its_prompt_and_a_private_record(tmp_path: Path) -> None:
    projects = tmp_path / "deep" / "projects"
    root = create_book(projects, "  A sea story: with salt!  ")
    assert root == projects / "a-sea-story-with-salt"
    assert load_settings(root) == BookSettings(prompt="A sea story: with salt!")
    assert (root / ".studio").stat().st_mode & 0o777 == 0o700
    assert (root / ".studio/.gitignore").read_text() == "*\n"
    assert books(projects) == [root]


def test_a_second_book_of_one_prompt_gets_a_number_and_a_taken_name_is_refused(tmp_path: Path) -> None:
    assert [create_book(tmp_path, "Salt").name for _ in range(3)] == ["salt", "salt-2", "salt-3"]
    with pytest.raises(UsageError, match="studio resume salt"):
        create_book(tmp_path, "Salt", "salt")


@pytest.mark.parametrize("prompt", ["", " \n\t"])
def test_an_empty_prompt_is_refused_before_anything_is_made(prompt: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="prompt is empty"):
        create_book(tmp_path / "projects", prompt)
    assert not (tmp_path / "projects").exists()


@pytest.mark.parametrize(
    "name", ["", " ", "..", ".hidden", "a/b", "a\\b", "con", "-x", "a.", "a\0b", "a\nb", "x" * 300]
)
def test_a_name_no_folder_can_have_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="can't be a folder's name"):
        create_book(tmp_path, "Salt", name)
    assert list(tmp_path.iterdir()) == []


def test_projects_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "projects").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        create_book(tmp_path / "projects", "Salt")
    with pytest.raises(BookError, match="can't be made"):
        create_book(tmp_path / "projects" / "deeper", "Salt")
    assert books(tmp_path / "projects") == []
    with pytest.raises(UsageError):
        find_book(tmp_path / "projects", "salt")


def test_a_book_that_cannot_be_completed_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(BookError):
        create_book(Path("/proc"), "Salt")
    prompt = "Salt \udce9"  # as a terminal can send it
    assert load_settings(create_book(tmp_path, prompt)).prompt == "Salt ?"


@given(st.text(max_size=120))
def test_a_slug_is_a_folder_name_everywhere(title: str) -> None:
    name = slug(title)
    assert 0 < len(name) <= 60 and len(name.encode()) <= 200
    assert not set(name) & set('/\\:*?"<>|. \0')
    assert name.isprintable() and not name.startswith("-") and not name.endswith("-")
    assert name not in ("con", "nul", "com1")


@pytest.mark.parametrize(
    ("title", "name"),
    [
        ("The Salt Circus", "the-salt-circus"),
        ("Élodie's Übergang", "élodies-übergang"),
        ("島の灯", "島の灯"),
        ("हिन्दी कथा", "हिन्दी-कथा"),
        ("!!!", "book"),
        ("CON", "book"),
        ("word " * 40, "-".join(["word"] * 12)),
    ],
)
def test_a_slug_keeps_letters_of_any_script(title: str, name: str) -> None:
    assert slug(title) == name


def test_a_book_is_found_by_name_and_by_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = create_book(tmp_path, "Salt")
    assert find_book(tmp_path, "salt") == root.resolve()
    assert find_book(tmp_path / "elsewhere", str(root)) == root.resolve()
    monkeypatch.chdir(tmp_path)
    assert find_book(tmp_path / "elsewhere", "./salt") == root.resolve()


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("slat", "did you mean salt"),
        ("quite different", "studio list"),
        ("", "studio list"),
        ("x" * 400, "can't be opened"),
        ("file", "is a file"),
        ("empty", "There is no book"),
        ("/nowhere/at/all", "There is no book"),
    ],
)
def test_an_unknown_book_is_told_with_what_to_do(name: str, says: str, tmp_path: Path) -> None:
    create_book(tmp_path, "Salt")
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=says):
        find_book(tmp_path, name)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("title: [", r"book\.yaml, line \d"),
        ("title: Salt\nchapter: 3\n", r"book\.yaml, line 2: `chapter` is no setting"),
        ("title: Salt\nchapters: many\n", r"book\.yaml, line 2: `chapters`"),
        ("chapters: 0\n", r"`chapters`"),
        ("budget: -1\n", r"`budget`"),
        ("- a\n- b\n", "lines of `key: value`"),
        ("title: &a x\nauthor: *a\n", r"book\.yaml, line 2"),
        ("# " + "x" * 300_000, "larger than 256 KiB"),
    ],
)
def test_a_book_yaml_that_cannot_be_taken_is_told_with_its_line(text: str, says: str, tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(text)
    with pytest.raises(UsageError, match=says):
        load_settings(tmp_path)


def test_words_a_chapter_may_be_a_number_or_a_range(tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text("words_per_chapter: 3,000-4,000\n")
    assert load_settings(tmp_path).words_per_chapter == "3,000-4,000"
    (tmp_path / "book.yaml").write_text("words_per_chapter: 3000\n")
    assert load_settings(tmp_path).words_per_chapter == 3000


settings_of_any_kind = st.builds(
    BookSettings,
    title=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=20),
    prompt=st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), max_size=200),
    chapters=st.none() | st.integers(1, 100),
    budget=st.none() | st.floats(0, 1000, allow_nan=False),
    order=st.lists(st.sampled_from(["a.md", "b.md"]), max_size=3),
)


@given(settings_of_any_kind)
def test_settings_come_back_as_they_were_saved(
    tmp_path_factory: pytest.TempPathFactory, settings: BookSettings
) -> None:
    root = tmp_path_factory.mktemp("book")
    save_settings(root, settings)
    assert load_settings(root) == settings
    assert [file.name for file in root.iterdir()] == ["book.yaml"]


def test_a_changed_setting_leaves_the_authors_other_lines(tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(
        "# my book\nprompt: |\n  A sea story,\n  of salt.\n\n  And gulls.\n# the name\ntitle: Old\n"
        "budget: 5 # dollars\n"
    )
    settings = update_settings(tmp_path, title="The “Salt” Road: 2", language="en")
    assert (settings.title, settings.budget) == ("The “Salt” Road: 2", 5.0)
    assert load_settings(tmp_path) == settings
    text = (tmp_path / "book.yaml").read_text()
    assert "# my book\nprompt: |\n  A sea story,\n  of salt.\n\n  And gulls.\n# the name\ntitle:" in text
    assert text.endswith("budget: 5 # dollars\nlanguage: en\n")


@pytest.mark.parametrize(
    "text", ["", "{title: Old, budget: 5}\n", "title: Old", '"title": Old\n', "---\ntitle: >\n  Old\n  one\n"]
)
def test_a_setting_is_changed_whatever_the_style_of_the_file(text: str, tmp_path: Path) -> None:
    (tmp_path / "book.yaml").write_text(text)
    before = load_settings(tmp_path)
    assert update_settings(tmp_path, title="New").title == "New"
    assert load_settings(tmp_path).budget == before.budget
    with pytest.raises(UsageError):
        update_settings(tmp_path, chapters="many")
    assert load_settings(tmp_path).title == "New"


def test_chapters_are_read_by_their_numbers() -> None:
    names = ["notes/a.md", "chapter_10.md", "afterword.md", "outline.md", "chapter_2.md", "bible/x.md", "Prologue.md"]
    assert reading_order(names) == [
        "outline.md",
        "Prologue.md",
        "chapter_2.md",
        "chapter_10.md",
        "afterword.md",
        "bible/x.md",
        "notes/a.md",
    ]
    assert reading_order(names, ["afterword.md", "chapter_10.md"])[:3] == [
        "outline.md",
        "afterword.md",
        "chapter_10.md",
    ]


@given(st.lists(st.text(max_size=12), max_size=8, unique=True), st.randoms())
def test_the_order_does_not_depend_on_how_the_names_came(names: list[str], chance: object) -> None:
    shuffled = list(names)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]
    assert sorted(reading_order(names)) == sorted(names)
    if len({name.casefold() for name in names}) == len(names):
        assert reading_order(shuffled) == reading_order(names)
