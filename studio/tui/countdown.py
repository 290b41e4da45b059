"""How long until a call that failed is made again, in numbers that count down. Pure."""

import math

from studio.agent.progress import Progress


def seconds_left(progress: Progress, now: float) -> int:
    """Whole seconds until the failed call is made again, rounded up; 0 = it is being made, or none failed.

    Args:
        now: seconds since the epoch.
    """
    return max(0, math.ceil(progress.retry_at - now)) if progress.state == "retrying" else 0


def countdown(seconds: int) -> str:
    """`7 s`, `4:32`, `2:05:00`."""
    minutes, second = divmod(seconds, 60)
    hours, minute = divmod(minutes, 60)
    if hours:
        return f"{hours}:{minute:02}:{second:02}"
    return f"{minute}:{second:02}" if minute else f"{second} s"


def again(left: int) -> str:
    """What is said of a call that failed; `left` as `seconds_left` has it."""
    return f"again in {countdown(left)}" if left else "trying again…"
