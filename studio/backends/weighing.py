"""What a server makes of our counts, learned from its reports: a Kalman filter over a handful of weights. Pure.

A request is taken to be `weights · features`. Each report is one measurement of that sum; the filter moves the weights
that are least certain the most (R. E. Kalman, 1960; here without a process model: a template stays as it is).
"""

from typing import NamedTuple

Vector = list[float]

_PRIOR: Vector = [4.0, 1.0, 1.0, 1.0, 1.0, 0.0]  # tokens for one of each feature
# How far a weight may be from its prior: templates put 2-10 tokens around a message, drop old thoughts or keep them,
# render tools at half their JSON's size or more.
_SPREAD: Vector = [3.0, 0.15, 0.5, 0.25, 0.4, 60.0]
_NOISE_SHARE = 0.01  # of a measurement: two vocabularies agree to about this on prose
_NOISE_LEAST = 6.0  # tokens


class Features(NamedTuple):
    """What a request is made of."""

    messages: float = 0.0  # how many
    text: float = 0.0  # tokens of what was said
    reasoning: float = 0.0  # tokens of thoughts
    calls: float = 0.0  # tokens of tool calls
    tools: float = 0.0  # tokens of the tools' descriptions

    def __add__(self, other: tuple[float, ...]) -> "Features":  # type: ignore[override]
        return Features(*(one + two for one, two in zip(self, other, strict=True)))

    def __sub__(self, other: "Features") -> "Features":
        return Features(*(one - two for one, two in zip(self, other, strict=True)))


class Weighing:
    """The weights as they stand."""

    def __init__(self, *, counted: bool = True) -> None:
        """Nothing learned yet. `counted`: by a vocabulary; an estimate by characters may be off by more."""
        self._weights = list(_PRIOR)
        spreads = _SPREAD if counted else [3 * spread for spread in _SPREAD]
        self._covariance = [
            [spread * spread if row == column else 0.0 for column in range(len(_PRIOR))]
            for row, spread in enumerate(spreads)
        ]

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

    def _learn(self, features: Vector, measured: float) -> None:
        spread = [_dot(row, features) for row in self._covariance]
        noise = max(_NOISE_LEAST, _NOISE_SHARE * abs(measured))
        certainty = _dot(features, spread) + noise * noise
        surprise = measured - _dot(self._weights, features)
        gain = [value / certainty for value in spread]
        self._weights = [weight + share * surprise for weight, share in zip(self._weights, gain, strict=True)]
        # Nothing takes a negative number of tokens; the last one is the template's own.
        self._weights[:5] = [max(0.0, weight) for weight in self._weights[:5]]
        self._covariance = [
            [cell - gain[row] * spread[column] for column, cell in enumerate(cells)]
            for row, cells in enumerate(self._covariance)
        ]


def _dot(one: Vector, other: Vector) -> float:
    return sum(a * b for a, b in zip(one, other, strict=True))
