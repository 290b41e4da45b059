"""The house: imports go down only, no circles (TYPE_CHECKING included), no floor uses what is not its own."""

import ast
import subprocess
import sys
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "studio"

# Top to bottom; a module may import from lower floors only. Those on one floor don't know each other.
FLOORS: list[set[str]] = [
    {"__main__"},
    {"cli"},
    {"wiring"},
    {"sessions", "book_cards", "replay", "history_command", "tui"},
    {"headless"},
    {"agent"},
    {"book", "backends"},
    {"addresses", "config", "logs"},
    {"settings_file"},
    {"events", "errors", "printable", "redact"},
]


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph("studio", exclude_type_checking_imports=False)


def floor_of(module: str) -> int:
    name = module.split(".")[1]
    return next(number for number, floor in enumerate(FLOORS) if name in floor)


def test_every_module_has_a_floor(graph: grimp.ImportGraph) -> None:
    assert {module.split(".")[1] for module in graph.modules if "." in module} == set().union(*FLOORS)


def test_imports_go_down_only(graph: grimp.ImportGraph) -> None:
    upward = [
        f"{importer} imports {imported}"
        for importer in graph.modules
        if "." in importer
        for imported in graph.find_modules_directly_imported_by(importer)
        if "." in imported
        and importer.split(".")[1] != imported.split(".")[1]
        and floor_of(importer) >= floor_of(imported)
    ]
    assert upward == []


def test_there_is_no_import_circle(graph: grimp.ImportGraph) -> None:
    done: set[str] = set()

    def visit(module: str, path: list[str]) -> list[str] | None:
        if module in path:
            return [*path[path.index(module) :], module]
        if module in done:
            return None
        for imported in sorted(graph.find_modules_directly_imported_by(module)):
            circle = visit(imported, [*path, module])
            if circle:
                return circle
        done.add(module)
        return None

    circles = [circle for module in sorted(graph.modules) if (circle := visit(module, []))]
    assert circles == []


def imported_names(file: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize(
    ("floor", "forbidden"),
    [
        ("agent", {"textual", "rich", "openai"}),
        ("book", {"textual", "rich", "openai", "httpx2", "tiktoken"}),
        ("backends", {"textual", "rich", "watchfiles", "sqlite3"}),
        ("tui", {"openai", "tiktoken", "watchfiles", "sqlite3"}),
        ("events.py", {"studio"}),
        ("errors.py", {"studio"}),
    ],
)
def test_a_floor_uses_only_what_is_its_own(floor: str, forbidden: set[str]) -> None:
    place = PACKAGE / floor
    files = [place] if place.is_file() else sorted(place.rglob("*.py"))
    assert files
    assert {file.name: imported_names(file) & forbidden for file in files if imported_names(file) & forbidden} == {}


def test_the_first_paint_imports_nothing_heavy() -> None:
    script = "import sys, studio.cli, studio.tui.app; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT
    ).stdout.split()
    assert {"openai", "tiktoken", "watchfiles", "xllamacpp"} & set(loaded) == set()
    assert "textual.app" in loaded
