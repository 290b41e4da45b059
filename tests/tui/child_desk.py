"""A real desk in a real terminal, for the tests: python child_desk.py SCENE FOLDER."""

import importlib.util
import sys
from pathlib import Path

from studio import events as ev
from studio.agent.commands import BookCard
from studio.tui.app import StudioApp
from studio.tui.themes import load_themes

spec = importlib.util.spec_from_file_location("played", Path(__file__).with_name("conftest.py"))
assert spec is not None
assert spec.loader is not None
played = importlib.util.module_from_spec(spec)
spec.loader.exec_module(played)

EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b]0;evil\x07\x1b[2Jevil\x9b2J\x9d0;evil\x07\x7f\u202eevil[/][@click=app.quit]evil[/]"


class Broken(played.PlayedSession):  # type: ignore[misc, name-defined]
    """A session whose history can't be read, which is a fault of ours."""

    def history(self) -> list[ev.Event]:
        key = "sk-very-secret"
        raise RuntimeError(f"no history, {len(key)}")


def evil_events() -> list[ev.Event]:
    """Every text a model, a file or a server can send, with all that acts on a terminal in it."""
    return [
        ev.RunStarted(book=EVIL, backend=EVIL, model=EVIL, context=100),
        ev.TitleGiven(title=EVIL),
        ev.StepStarted(step=1, limit=3, message=EVIL),
        ev.ReasoningDelta(text=EVIL),
        ev.ReplyDelta(text=EVIL),
        ev.ToolArriving(index=0, name=EVIL),
        ev.ProseDelta(file=EVIL, text=EVIL),
        ev.ToolFinished(id="1", name=EVIL, ok=True, result=EVIL),
        ev.ToolFinished(id="2", name=EVIL, ok=False, result=EVIL),
        ev.FileWritten(file=EVIL + ".md", sha256="1", words=3, mode="create"),
        ev.AuthorEdited(file=EVIL, sha256="1", words=3, diff=EVIL),
        ev.NoteGiven(text=EVIL),
        ev.MergeConflict(file=EVIL, author=EVIL, agent=EVIL),
        ev.BackendPreparing(text=EVIL),
        ev.BackendSwitched(backend=EVIL, model=EVIL, context=100, changes=(EVIL, EVIL)),
        ev.PartialKept(file=EVIL, sha256="1", words=1, mode=""),
        ev.BackendFault(error=EVIL, retry_in=None),
        ev.QuestionAsked(text=EVIL),
    ]


def main(scene: str, folder: str) -> int:
    """Play one scene; the exit code is the app's."""
    root = Path(folder)
    session = played.PlayedSession(root, played.opening_events())
    studio = played.PlayedStudio(session)
    book: str | None = root.name
    if scene == "evil":
        session = played.PlayedSession(root, evil_events(), held_by=EVIL)
        studio = played.PlayedStudio(session)
    elif scene == "evil-library":
        studio.cards = [BookCard(name=EVIL, title=EVIL, words=1, state=EVIL, touched=0.0)]
        book = None
    elif scene == "broken":
        studio = played.PlayedStudio(Broken(root))
    app = StudioApp(studio, themes=load_themes([played.THEMES]), theme="ink", book=book)
    code = app.run()
    if app.failure:
        print(f"studio: {app.failure}", file=sys.stderr)
    print(f"code {code or app.return_code}", file=sys.stderr)
    return int(code or app.return_code or 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
