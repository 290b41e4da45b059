"""Themes: YAML files of colours, the studio's own and the author's."""

from collections.abc import Sequence
from pathlib import Path

import msgspec
from textual.color import Color, ColorParseError
from textual.theme import Theme

from studio.errors import UsageError
from studio.settings_file import load_settings_file

DEFAULT = "ink"


class ThemeFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What stands in a theme's file: colours as `#rrggbb` or by name."""

    dark: bool
    background: str
    surface: str  # bars and dialogs
    panel: str  # what is highlighted
    foreground: str
    muted: str  # what may recede: reasoning, counts, titles
    primary: str  # headings
    secondary: str  # what the author did
    accent: str  # what the agent does
    success: str
    warning: str
    error: str
    border: str  # of the pane that has the keys
    border_blurred: str  # of the others


class Themes:
    """The themes found; a broken one is reported when it is asked for, and never stops the others."""

    def __init__(self, good: dict[str, Theme], broken: dict[str, UsageError]) -> None:
        self._good = good
        self._broken = broken

    @property
    def names(self) -> list[str]:
        """Those that can be used."""
        return list(self._good)

    @property
    def problems(self) -> list[str]:
        """One sentence for each broken file."""
        return [str(error) for error in self._broken.values()]

    def get(self, name: str) -> Theme:
        """The theme. Raises `UsageError` when there is none of that name, or its file is broken."""
        if name in self._broken:
            raise self._broken[name]
        if name not in self._good:
            raise UsageError(f"There is no theme “{name}”; there are {', '.join(self._good)}.")
        return self._good[name]

    def all(self) -> list[Theme]:
        """Every one that can be used."""
        return list(self._good.values())


def theme_folders(config_dir: Path) -> list[Path]:
    """Where themes are: the studio's own (in the package, or at the top of a checkout), then the author's."""
    package = Path(__file__).parent.parent
    own = [folder for folder in (package / "themes", package.parent / "themes") if folder.is_dir()]
    return [*own[:1], config_dir / "themes"]


def load_themes(folders: Sequence[Path]) -> Themes:
    """Every `*.yaml` of the folders by its file's name; a later folder's wins. Folders may be missing."""
    good: dict[str, Theme] = {}
    broken: dict[str, UsageError] = {}
    for folder in folders:
        for file in sorted(folder.glob("*.yaml")):
            try:
                good[file.stem] = _theme(file)
                broken.pop(file.stem, None)
            except UsageError as error:
                broken[file.stem] = error
    good = {name: theme for name, theme in good.items() if name not in broken}
    return Themes(dict(sorted(good.items(), key=lambda item: item[0] != DEFAULT)), broken)


def _theme(file: Path) -> Theme:
    read = load_settings_file(file, ThemeFile)
    for name in ThemeFile.__struct_fields__:
        value = getattr(read, name)
        if isinstance(value, str):
            try:
                Color.parse(value)
            except ColorParseError as error:
                raise UsageError(f"{file}: `{name}` is no colour (“{value}”); write it as #rrggbb.") from error
    return Theme(
        name=file.stem,
        dark=read.dark,
        background=read.background,
        surface=read.surface,
        panel=read.panel,
        foreground=read.foreground,
        primary=read.primary,
        secondary=read.secondary,
        accent=read.accent,
        success=read.success,
        warning=read.warning,
        error=read.error,
        variables={
            "border": read.border,
            "border-blurred": read.border_blurred,
            "text-muted": read.muted,
            "footer-key-foreground": read.primary,
            "footer-description-foreground": read.muted,
            "footer-background": read.background,
            "block-cursor-background": read.panel,
            "block-cursor-foreground": read.foreground,
            "block-cursor-blurred-background": read.surface,
            "block-cursor-blurred-foreground": read.foreground,
            "input-cursor-background": read.accent,
            "input-cursor-foreground": read.background,
        },
    )
