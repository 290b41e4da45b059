"""Every way to the screen goes through the one door, and none takes markup; read from the source, so it stays so."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

FILES = sorted((Path(__file__).parent.parent.parent / "studio" / "tui").rglob("*.py"))
DOOR = {"shown", "one_line", "fit", "pad", "printable", "pasted"}
# Whatever takes markup, or passes escapes whatever it is told.
FORBIDDEN = {"Label", "Markdown", "MarkdownViewer", "Log", "RichLog", "DataTable", "Tree", "DirectoryTree", "Link"}
TAKES_MARKUP = {"Static", "OptionList", "Checkbox", "Button", "Collapsible"}


def calls(name: str) -> Iterator[tuple[str, ast.Call, ast.AST]]:
    """Every call of a function or method of that name: (where, the call, the function around it)."""
    for file in FILES:
        tree = ast.parse(file.read_text(encoding="utf-8"))
        around: dict[ast.AST, ast.AST] = {}
        for outer in ast.walk(tree):
            if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef):
                around.update(dict.fromkeys(ast.walk(outer), outer))
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and name_of(node.func) == name:
                yield f"{file.name}:{node.lineno}", node, around.get(node, tree)


def name_of(function: ast.expr) -> str:
    return function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")


def says_no_markup(call: ast.Call) -> bool:
    return any(
        word.arg == "markup" and isinstance(word.value, ast.Constant) and word.value.value is False
        for word in call.keywords
    )


def is_safe(text: ast.expr, function: ast.AST) -> bool:
    """Whether this can hold nothing but literals, numbers set out by a format, and what went through the door."""
    match text:
        case ast.Constant():
            return True
        case ast.JoinedStr(values=values):
            return all(is_safe(value, function) for value in values)
        case ast.FormattedValue(value=value, format_spec=spec):
            return spec is not None or is_safe(value, function)
        case ast.IfExp(body=body, orelse=otherwise):
            return is_safe(body, function) and is_safe(otherwise, function)
        case ast.Call(func=called):
            return name_of(called) in DOOR
        case ast.Name(id=name):
            given = [
                node.value
                for node in ast.walk(function)
                if isinstance(node, ast.Assign) and any(getattr(target, "id", "") == name for target in node.targets)
            ]
            return bool(given) and all(is_safe(value, function) for value in given)
        case _:
            return False


def test_every_notification_goes_through_the_door_and_takes_no_markup() -> None:
    found = list(calls("notify"))
    assert len(found) > 8
    assert [where for where, call, _ in found if not says_no_markup(call)] == []
    assert [where for where, call, function in found if not is_safe(call.args[0], function)] == []


@pytest.mark.parametrize("widget", sorted(TAKES_MARKUP))
def test_no_widget_takes_markup(widget: str) -> None:
    for where, call, _ in calls(widget):
        is_content = bool(call.args) and isinstance(call.args[0], ast.Call) and "Content" in ast.unparse(call.args[0])
        assert says_no_markup(call) or is_content, where


def test_our_own_widgets_of_such_a_kind_take_none_either() -> None:
    found = 0
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ClassDef) and any(name_of(base) in TAKES_MARKUP for base in node.bases):
                made = [
                    call for call in ast.walk(node) if isinstance(call, ast.Call) and name_of(call.func) == "__init__"
                ]
                assert made and all(map(says_no_markup, made)), f"{file.name}: {node.name}"
                found += 1
    assert found > 1


@pytest.mark.parametrize("name", [*sorted(FORBIDDEN), "from_markup", "print", "bell"])
def test_what_can_not_be_made_safe_is_not_used(name: str) -> None:
    assert [where for where, _, _ in calls(name)] == []


def test_titles_in_borders_are_content_or_literals() -> None:
    found = 0
    for file in FILES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).endswith(
                ("border_title", "border_subtitle", "tooltip", "sub_title")
            ):
                made = node.value
                # `Content(text)`, or what its own constructors and methods make of contents.
                assert isinstance(made, ast.Call), f"{file.name}:{node.lineno}"
                assert ast.unparse(made).startswith(("Content(", "Content.assemble(")), f"{file.name}:{node.lineno}"
                found += 1
    assert found > 6
