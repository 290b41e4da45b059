"""Themes: readable ones come with the studio, broken ones say what to mend and stop nothing."""

from pathlib import Path

import pytest
from textual.color import Color

from studio.errors import UsageError
from studio.tui.themes import Themes, load_themes, theme_folders

GOOD = (Path(__file__).parent.parent.parent / "themes" / "ink.yaml").read_text(encoding="utf-8")


def contrast(one: str, other: str) -> float:
    """WCAG 2.2, relative luminance and contrast ratio."""

    def luminance(colour: str) -> float:
        parts = [c / 12.92 if c <= 0.03928 else ((c + 0.055) / 1.055) ** 2.4 for c in Color.parse(colour).normalized]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_the_studios_own_themes_are_found(tmp_path: Path) -> None:
    themes = load_themes(theme_folders(tmp_path))
    assert themes.names[0] == "ink"
    assert {"ink", "harbour", "paper", "contrast"} <= set(themes.names)
    assert themes.problems == []
    assert not themes.get("paper").dark


@pytest.mark.parametrize("name", ["ink", "harbour", "paper", "contrast"])
def test_every_text_is_readable_on_every_ground(themes: Themes, name: str) -> None:
    theme = themes.get(name)
    texts = {
        "foreground": theme.foreground,
        "primary": theme.primary,
        "secondary": theme.secondary,
        "accent": theme.accent,
        "success": theme.success,
        "warning": theme.warning,
        "error": theme.error,
        "muted": theme.variables["text-muted"],
    }
    grounds = {"background": theme.background, "surface": theme.surface, "panel": theme.panel}
    poor = {
        f"{text} on {ground}": round(contrast(str(one), str(other)), 2)
        for text, one in texts.items()
        for ground, other in grounds.items()
        if contrast(str(one), str(other)) < 4.5
    }
    assert poor == {}


def test_an_unknown_theme_names_those_there_are(themes: Themes) -> None:
    with pytest.raises(UsageError, match=r"no theme “mauve”.*ink"):
        themes.get("mauve")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (GOOD.replace('background: "#14161b"', "background: 12"), "background"),
        (GOOD.replace('background: "#14161b"', "background: '#xyz'"), "`background` is no colour"),
        (GOOD + "sparkle: yes\n", "line 16: `sparkle` is no setting"),
        (GOOD.replace("dark: true\n", ""), "`dark`"),
        ("dark: [\n", "line 2"),
        ("a: &a [1]\nb: *a\n", "aliases"),
        ("", "dark"),
    ],
)
def test_a_broken_theme_says_what_to_mend_and_stops_no_other(tmp_path: Path, text: str, says: str) -> None:
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    (tmp_path / "good.yaml").write_text(GOOD, encoding="utf-8")
    themes = load_themes([tmp_path])
    assert themes.names == ["good"]
    assert len(themes.problems) == 1
    with pytest.raises(UsageError) as raised:
        themes.get("mine")
    assert "mine.yaml" in str(raised.value)
    assert says in str(raised.value)


def test_an_unreadable_folder_or_none_at_all_stops_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder.yaml").mkdir()
    themes = load_themes([tmp_path, tmp_path / "missing"])
    assert themes.names == []
    assert "folder.yaml" in themes.problems[0]


def test_the_authors_theme_wins_over_ours_of_the_same_name(tmp_path: Path) -> None:
    (tmp_path / "themes").mkdir()
    (tmp_path / "themes" / "ink.yaml").write_text(GOOD.replace("#14161b", "#010203"), encoding="utf-8")
    assert load_themes(theme_folders(tmp_path)).get("ink").background == "#010203"
