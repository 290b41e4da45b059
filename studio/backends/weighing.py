"""What a server makes of our counts, learned from its reports: a Kalman filter over a handful of weights. Pure.

A request is taken to be `weights · features`. Each report is one measurement of that sum; the filter moves the weights
that are least certain the most (R. E. Kalman, 1960; here without a process model: a template stays as it is).
"""

from typing import NamedTuple

Vector = list[float]


class Features(NamedTuple):
    """What a request is made of."""

    messages: float = 0.0  # how many
    calls: float = 0.0  # how many
    latin: float = 0.0  # tokens of what was said and called
    wide: float = 0.0  # of these, those of Chinese, Japanese or Korean text, which vocabularies differ on most
    thought: float = 0.0  # tokens of thoughts since the last word of the user's
    thought_wide: float = 0.0
    old_thought: float = 0.0  # and of those before it, which many templates leave out
    old_thought_wide: float = 0.0
    tools: float = 0.0  # tokens of the tools' descriptions

    def __add__(self, other: tuple[float, ...]) -> "Features":  # type: ignore[override]
        return Features(*(one + two for one, two in zip(self, other, strict=True)))

    def __sub__(self, other: "Features") -> "Features":
        return Features(*(one - two for one, two in zip(self, other, strict=True)))


# For each feature, and for the template's own last: tokens for one of it, and how far that may be off on its own.
# Templates put 2-15 tokens around a message, drop old thoughts or keep them, render tools at half their JSON's size.
_PRIOR: Vector = [4.0, 4.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 0.0]
_SPREAD: Vector = [4.0, 6.0, 0.03, 0.05, 0.15, 0.15, 0.15, 0.15, 0.4, 40.0]
# What is off for all of them at once: another vocabulary cuts finer or coarser; a template keeps thoughts or doesn't.
_TOGETHER: list[tuple[float, tuple[int, ...]]] = [(0.25, (2, 4, 6, 8)), (0.4, (3, 5, 7)), (0.6, (6, 7))]
_NOISE_SHARE = 0.01  # of a measurement: two vocabularies agree to about this on prose
_NOISE_LEAST = 6.0  # tokens


def _covariance(scale: float) -> list[Vector]:
    size = len(_PRIOR)
    cells = [[(scale * _SPREAD[row]) ** 2 if row == column else 0.0 for column in range(size)] for row in range(size)]
    for spread, places in _TOGETHER:
        for row in places:
            for column in places:
                cells[row][column] += (scale * spread) ** 2
    return cells


class Weighing:
    """The weights as they stand."""

    def __init__(self, *, counted: bool = True) -> None:
        """Nothing learned yet. `counted`: by a vocabulary; an estimate by characters may be off by more."""
        self._weights = list(_PRIOR)
        self._covariance = _covariance(1.0 if counted else 2.0)

    def unlearned(self, features: Features) -> float:
        """Tokens of a request by what is known beforehand."""
        return _dot(_PRIOR, [*features, 1.0])

    def whole(self, features: Features) -> float:
        """Tokens of a request."""
        return _dot(self._weights, [*features, 1.0])

    def part(self, features: Features) -> float:
        """Tokens that these features add to a request."""
        return _dot(self._weights, [*features, 0.0])

    def learn_whole(self, features: Features, tokens: float) -> None:
        """A request took so many tokens."""
        self._learn([*features, 1.0], tokens)

    def learn_part(self, features: Features, tokens: float) -> None:
        """These features added so many tokens to a request."""
        self._learn([*features, 0.0], tokens)

    def learn_said(self, latin: float, wide: float, calls: float, tokens: float) -> None:
        """Words that were said, thoughts among them, took so many tokens: what the vocabulary alone makes of them."""
        self._learn([0.0, calls, latin, wide, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0], tokens)

    def _learn(self, features: Vector, measured: float) -> None:
        spread = [_dot(row, features) for row in self._covariance]
        noise = max(_NOISE_LEAST, _NOISE_SHARE * abs(measured))
        certainty = _dot(features, spread) + noise * noise
        surprise = measured - _dot(self._weights, features)
        gain = [value / certainty for value in spread]
        self._weights = [weight + share * surprise for weight, share in zip(self._weights, gain, strict=True)]
        # Nothing takes a negative number of tokens; the last one is the template's own.
        self._weights[:-1] = [max(0.0, weight) for weight in self._weights[:-1]]
        self._covariance = [
            [cell - gain[row] * spread[column] for column, cell in enumerate(cells)]
            for row, cells in enumerate(self._covariance)
        ]


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
