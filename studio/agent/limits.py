"""How far a run may go by itself."""

import msgspec

DEFAULT_STEPS = 300


class Limits(msgspec.Struct, kw_only=True):
    """Steps and money of one book, counted over all its runs."""

    steps: int = DEFAULT_STEPS
    budget: float | None = None  # US dollars; None = no limit

    def stops_run(self, step: int, cost: float | None) -> str | None:
        """Why the run must pause before another step, or None.

        Args:
            step: steps made so far.
            cost: US dollars spent so far; None when a price was unknown, and then no budget can be held.
        """
        if step >= self.steps:
            return f"the limit of {self.steps:,} steps is reached; resume with a larger --max-steps to go on"
        if self.budget is not None and cost is not None and cost >= self.budget:
            return f"the budget of ${self.budget:.2f} is spent; resume with a larger --budget to go on"
        return None

    def extended(self, step: int, cost: float | None, grant: "Limits") -> "Limits":
        """The limits after the author said to go on: another `grant` from here."""
        budget = None if grant.budget is None else (cost or 0.0) + grant.budget
        return Limits(steps=max(self.steps, step + grant.steps), budget=budget)
