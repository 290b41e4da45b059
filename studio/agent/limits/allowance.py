"""How far a run may go by itself: its limits, when they come near, what a `resume` at one of them adds."""

import msgspec

from studio.agent.conversation import Conversation
from studio.agent.limits.spending import Spending
from studio.agent.progress import Progress
from studio.backends.backend import Prices
from studio.events import LimitNear

DEFAULT_STEPS = 300
NEAR = 0.8  # the share of a grant from which on the author is warned


class Limits(msgspec.Struct, kw_only=True):
    """Steps, money and working time of one book, counted over all its runs."""

    steps: int = DEFAULT_STEPS
    budget: float | None = None  # US dollars; None = no limit
    hours: float | None = None  # of work, pauses and outages left out; None = no limit

    def stops_run(self, step: int, cost: float | None, seconds: float = 0.0) -> str | None:
        """Why the run must pause before another step, or None.

        Args:
            step: steps made so far.
            cost: US dollars spent so far, as far as that is known; None = not at all, and then no budget can be held.
            seconds: worked so far.
        """
        if step >= self.steps:
            return f"the limit of {self.steps:,} steps is reached; resume with a larger --max-steps to go on"
        if self.budget is not None and cost is not None and cost >= self.budget:
            return f"the budget of ${self.budget:.2f} is spent; resume with a larger --budget to go on"
        if self.hours is not None and seconds >= self.hours * 3600:
            return f"the limit of {self.hours:g} hours of work is reached; resume with a larger --max-hours to go on"
        return None

    def near(self, step: int, cost: float | None, seconds: float, grant: "Limits") -> list[LimitNear]:
        """The limits of which no more than a fifth of the last `grant` is left, those that are reached left out."""
        uses: list[tuple[str, float | None, float | None, float | None]] = [
            ("steps", step, self.steps, grant.steps),
            ("money", cost, self.budget, grant.budget),
            ("time", seconds, _seconds(self.hours), _seconds(grant.hours)),
        ]
        return [
            LimitNear(what=what, used=used, limit=limit)
            for what, used, limit, given in uses
            if used is not None
            and limit is not None
            and given is not None
            # In one piece with the limit: 0.8 of it must not be missed by a rounding.
            and limit > used >= limit - given + NEAR * given - 1e-9
        ]

    def extended(self, step: int, cost: float | None, grant: "Limits", seconds: float = 0.0) -> "Limits":
        """The limits after the author said to go on: another `grant` from here."""
        budget = None if grant.budget is None else (cost or 0.0) + grant.budget
        hours = None if grant.hours is None else seconds / 3600 + grant.hours
        return Limits(steps=max(self.steps, step + grant.steps), budget=budget, hours=hours)


def _seconds(hours: float | None) -> float | None:
    return None if hours is None else hours * 3600


def describe_near(near: LimitNear) -> str:
    """What the author reads: `81 of 100 steps are made`."""
    match near.what:
        case "money":
            return f"${near.used:.2f} of the budget of ${near.limit:.2f} are spent"
        case "time":
            return f"{near.used / 3600:.1f} of {near.limit / 3600:g} hours of work are used"
        case _:
            return f"{near.used:,.0f} of {near.limit:,.0f} {near.what} are made"


class Allowance:
    """What is left of the limits in this run."""

    def __init__(self, limits: Limits, conversation: Conversation, progress: Progress, spending: Spending) -> None:
        self._limits = limits
        self._grant = limits
        self._conversation = conversation
        self._progress = progress
        self._spending = spending

    @property
    def steps(self) -> int:
        """The limit of steps."""
        return self._limits.steps

    @property
    def _made(self) -> int:
        """Steps made."""
        conversation = self._conversation
        return conversation.step if conversation.step_finished else conversation.step - 1

    def reached(self) -> str | None:
        """Why no further call may be made, or None."""
        return self._limits.stops_run(self._made, self._progress.paid, self._spending.seconds)

    def unheld(self, prices: Prices | None) -> str:
        """That there is a budget, and none can be held at these prices; "" where it can."""
        if prices is not None or self._limits.budget is None:
            return ""
        others = [f"{self._limits.steps:,} steps"]
        if self._limits.hours is not None:
            others.append(f"{self._limits.hours:g} hours of work")
        return (
            f"no price of it is known, so the budget of ${self._limits.budget:.2f} can't be held: "
            f"what stops the run is the limit of {' or of '.join(others)}"
        )

    def warnings(self) -> list[LimitNear]:
        """The limits that came near and were not told yet; each once a grant."""
        near = self._limits.near(self._made, self._progress.paid, self._spending.seconds, self._grant)
        return [one for one in near if self._spending.warned.get(one.what) != one.limit]

    def extend(self) -> None:
        """The author says to go on: where a limit holds the run, another grant from here."""
        steps, cost, seconds = self._made, self._progress.paid, self._spending.seconds
        if self._limits.stops_run(steps, cost, seconds):
            self._limits = self._limits.extended(steps, cost, self._grant, seconds)

    def money_left(self) -> float | None:
        """US dollars that may still be spent, as far as prices are known; None when that is unlimited."""
        return None if self._limits.budget is None else self._limits.budget - self._progress.paid
