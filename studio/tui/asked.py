"""What the author asked for and the run has not reached yet: what is said of it, and when it is over. Pure."""

from collections.abc import Iterable
from enum import Enum, auto

from studio import events as ev
from studio.agent.progress import Progress


class Asked(Enum):
    """One wish at a time: the last one is shown."""

    NOTHING = auto()
    PAUSE = auto()
    CUT = auto()
    RETRY = auto()
    SWITCH = auto()
    CUT_OVER = auto()  # a switch that does not await the reply's end
    SAVE = auto()


def waits_for_retry(progress: Progress) -> bool:
    """Whether something failed (a call, the disk) and is tried at once if the author says so."""
    return progress.state == "retrying" or (progress.state == "paused" and progress.paused_by in ("fault", "disk"))


def is_over(asked: Asked, event: ev.Event, progress: Progress) -> bool:
    """Whether `event`, which `progress` has taken in, says that the wish is fulfilled or can't be."""
    if asked is Asked.SAVE:
        return False
    if asked is Asked.RETRY:
        # A call that is made again is told by what comes of it.
        return isinstance(event, ev.BackendFault | ev.Paused) or not waits_for_retry(progress)
    match event:
        case ev.RunFinished() | ev.RunFailed():
            return True
        case ev.Paused() | ev.Resumed():
            return asked in (Asked.PAUSE, Asked.CUT)
        # A backend is announced instead of switched to, when the one before never got ready.
        case ev.BackendSwitched() | ev.RunStarted() | ev.BackendFault(retry_in=None):
            return asked in (Asked.SWITCH, Asked.CUT_OVER)
        case _:
            return False


def asked_words(asked: Asked, progress: Progress) -> str:
    """What the header says of it; "" for nothing."""
    match asked:
        case Asked.NOTHING:
            return ""
        case Asked.PAUSE:
            return "‖ pausing after this reply…"
        case Asked.CUT:
            return "✂ cutting the reply…"
        case Asked.RETRY:
            return "! trying again…"
        case Asked.SAVE:
            return "saving…"
        case Asked.SWITCH | Asked.CUT_OVER:
            return f"⇄ {_switching(asked, progress)}…"


def next_gate(progress: Progress, coming: Iterable[ev.Event]) -> ev.Gate:
    """The gate after the one that is chosen, which `progress` may not have taken in yet."""
    chosen = [event.gate for event in coming if isinstance(event, ev.GateChosen)] or [progress.gate]
    at = [*ev.GATES].index(chosen[-1]) if chosen[-1] in ev.GATES else -1
    return ev.GATES[(at + 1) % len(ev.GATES)]


def _switching(asked: Asked, progress: Progress) -> str:
    """When the switch comes: there is not always a reply to wait for."""
    if waits_for_retry(progress) or progress.state == "turn":
        return "switching"
    if progress.state == "paused":
        return "switching when the run goes on"
    if progress.state == "asking":
        return "switching after your answer"
    return "cutting over" if asked is Asked.CUT_OVER else "switching after this reply"
