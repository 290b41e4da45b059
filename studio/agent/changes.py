"""What is different after a switch of backends, in the author's words."""

from studio.backends.backend import Backend, Prices


def changes(before: Backend, after: Backend) -> list[str]:
    """Short clauses, the weightiest first; empty when only the name differs."""
    found = []
    if after.guided and not before.guided:
        found.append("this model can't call tools: the studio decides the order of the work and asks it for the prose")
    elif before.guided and not after.guided:
        found.append("the agent decides again what to do next, with the whole conversation so far")
    if after.context != before.context:
        found.append(f"the window is {after.context:,} tokens instead of {before.context:,}")
    if after.prices != before.prices:
        found.append(_price(after.prices))
    return found


def _price(prices: Prices | None) -> str:
    if prices is None:
        return "its price is unknown"
    if not (prices.input or prices.output):
        return "it costs nothing"
    return f"it costs ${prices.input:.2f} a million tokens in, ${prices.output:.2f} out"
