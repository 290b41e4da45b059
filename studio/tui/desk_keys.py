"""The keys of the desk, with what each does, in the order in which they are shown: the help is made of them."""

from textual.binding import Binding, BindingType

from studio.tui.widgets.panes import TITLES

KEYS: list[BindingType] = [
    Binding("space", "pause", "pause", key_display="Space", tooltip="hold after the reply in flight; go on"),
    Binding("escape", "interrupt", "interrupt", key_display="Esc", tooltip="cut the reply now; what came is kept"),
    # With priority, what is typed next finds the keys already given away, however fast it comes.
    Binding("i", "say", "note", priority=True, tooltip="say something to the agent, or answer it"),
    Binding("G", "go", "go", show=False, tooltip="end the talk before the book: have it written"),
    Binding("e", "edit", "edit", tooltip="open the chapter in $VISUAL or $EDITOR"),
    Binding("h", "history", "history", tooltip="every version of every file; put one back"),
    Binding("b", "backend", "backend", tooltip="another backend or model, after this reply or at once"),
    Binding("g", "gate", "gate", tooltip="stop after each chapter, each step, or nowhere"),
    Binding("B", "board", "board", tooltip="every chapter: planned, drafted, reviewed, finished; and the bible"),
    Binding("t", "app.next_theme", "theme", tooltip="the next theme"),
    Binding("r", "retry", "try again", tooltip="make the call that failed again, now"),
    Binding(
        "slash", "search", "search", key_display="/", priority=True, tooltip="search in the pane that has the keys"
    ),
    Binding("L", "lock", "lock", show=False, tooltip="lock the chosen file against the agent; unlock it"),
    Binding("n", "search_on", "next place", show=False, tooltip="the next place of the search"),
    Binding("question_mark", "help", "help", key_display="?", tooltip="this page"),
    Binding("q", "leave", "quit", tooltip="save everything and quit (Ctrl+C too)"),
    Binding("ctrl+c,ctrl+q", "leave", "quit", show=False, priority=True),
    Binding("tab", "next_pane(1)", "next pane", show=False, key_display="Tab", tooltip="the next pane"),
    Binding("shift+tab", "next_pane(-1)", "pane before", show=False),
    Binding("l", "live", "live", show=False, tooltip="from a file back to the live prose"),
    Binding("c", "screen.copy_text", "copy", show=False, tooltip="copy what the mouse selected"),
    *(
        Binding(str(number), f"pane('{name}')", title, show=False)
        for number, (name, title) in enumerate(TITLES.items(), 1)
    ),
]
"""What the desk listens to."""

GO = Binding("G", "go", "go: write it")
"""Shown first while there is a talk to end."""

READING: list[tuple[str, str]] = [
    ("1 – 5", "a pane by its number"),
    ("↑ ↓ PgUp PgDn Home", "read back: the pane stops following"),
    ("End", "follow the stream again"),
    ("[  ]", "the step before, the step after"),
    ("Enter", "on a file of the book: read it; on the live one: back"),
]
"""(key, what it does) of the panes themselves."""
