"""Numbers that may be fixed or drawn: `6`, `{uniform: [4, 12]}`, `{normal: {mean: 3500, std: 900}}`,
`{choice: [3.7, 11]}`. Sampling takes the generator that the caller owns."""

from __future__ import annotations

from typing import Annotated

import numpy as np
from pydantic import AfterValidator, model_validator

from cosim.core.arrays import FloatArray
from cosim.core.config import Config, setting


class Uniform(Config):
    """Every value between two bounds is equally likely."""

    uniform: tuple[float, float] = setting(about="Lowest and highest value.")

    @model_validator(mode="after")
    def _ordered(self) -> Uniform:
        if self.uniform[0] > self.uniform[1]:
            raise ValueError(
                f"uniform range {list(self.uniform)} is upside down (write the lower bound first)"
            )
        return self

    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that can come out."""
        return self.uniform

    def sample(self, rng: np.random.Generator, count: int) -> FloatArray:
        """`count` values."""
        return rng.uniform(*self.uniform, size=count)


class NormalParameters(Config):
    """Mean, standard deviation and the bounds at which draws are cut."""

    mean: float = setting(about="Mean before cutting.")
    std: float = setting(about="Standard deviation before cutting.", ge=0)
    low: float = setting(0.0, about="Draws below are set to this value.")
    high: float | None = setting(None, about="Draws above are set to this value.")

    @model_validator(mode="after")
    def _ordered(self) -> NormalParameters:
        if self.high is not None and self.low > self.high:
            raise ValueError(f"low {self.low:g} is above high {self.high:g} (write the lower bound first)")
        return self


class Normal(Config):
    """A normal distribution, cut at `low` and `high`."""

    normal: NormalParameters = setting(about="Its parameters.")

    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that can come out."""
        high = self.normal.high
        return self.normal.low, float("inf") if high is None else high

    def sample(self, rng: np.random.Generator, count: int) -> FloatArray:
        """`count` values."""
        draws = rng.normal(self.normal.mean, self.normal.std, size=count)
        return np.clip(draws, *self.bounds())


class Choice(Config):
    """One of a list, each equally likely."""

    choice: tuple[float, ...] = setting(about="The values to choose from.", min_length=1)

    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that can come out."""
        return min(self.choice), max(self.choice)

    def sample(self, rng: np.random.Generator, count: int) -> FloatArray:
        """`count` values."""
        return rng.choice(np.asarray(self.choice, dtype=float), size=count)


Distribution = Uniform | Normal | Choice
AnyDraw = float | Uniform | Normal | Choice


def bounds(draw: AnyDraw) -> tuple[float, float]:
    """Lowest and highest value of a fixed number or a distribution."""
    return draw.bounds() if isinstance(draw, Config) else (draw, draw)


def sample(draw: AnyDraw, rng: np.random.Generator, count: int) -> FloatArray:
    """`count` values of a fixed number or a distribution."""
    if isinstance(draw, Config):
        return draw.sample(rng, count)
    return np.full(count, float(draw))


def within(low: float = -float("inf"), high: float = float("inf")) -> AfterValidator:
    """For the type of a field: every draw must lie in [low, high]."""

    def check(draw: AnyDraw) -> AnyDraw:
        lowest, highest = bounds(draw)
        if lowest < low:
            raise ValueError(f"{lowest:g} is below the lowest allowed value {low:g}")
        if highest > high:
            raise ValueError(f"{highest:g} is above the highest allowed value {high:g}")
        return draw

    return AfterValidator(check)


Real = AnyDraw
NonNegative = Annotated[AnyDraw, within(low=0.0)]
Share = Annotated[AnyDraw, within(low=0.0, high=1.0)]
