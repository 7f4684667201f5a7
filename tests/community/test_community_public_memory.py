"""What a community remembers of its markets: prices by local time of day, across a change of clocks."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from cosim.community.public_memory import MarketMemory
from cosim.core.records import PublicInformation


@pytest.mark.parametrize("minutes", [5, 6, 10, 12, 15, 20, 30, 60])
def test_prices_of_the_same_local_time_are_found_again(kit: Any, minutes: int) -> None:
    """27 March 2016 has 23 hours: from 3 o'clock on the same hour is 23 hours ago."""
    clock = kit.clock("2016-03-26 00:00", minutes, 47 * 60 // minutes)
    memory = MarketMemory(clock.hours, 0.1)
    price = {}
    for index in range(24 * 60 // minutes):
        period = clock.period(index)
        price[period.hour_of_day] = 0.05 + 0.001 * index
        nothing = float("nan")
        memory.remember(
            period,
            PublicInformation(nothing, price[period.hour_of_day], nothing, nothing, 1.0, 1.0, 1.0, 1),
        )
    ahead = clock.hour_of_day[24 * 60 // minutes :]
    assert 2.0 not in ahead and len(ahead) == 23 * 60 // minutes
    np.testing.assert_array_equal(memory.price_at(ahead), [price[hour] for hour in ahead])
    assert memory.known_at(ahead).all()
    assert len({memory.price_at(np.array([hour])).item() for hour in price}) == 24 * 60 // minutes


def test_it_knows_at_which_times_of_day_the_market_has_opened(kit: Any) -> None:
    clock = kit.clock("2016-06-06 05:00", 60, 48)
    memory = MarketMemory(clock.hours, 0.1)
    hours = np.arange(24.0)
    assert not memory.known_at(hours).any() and (memory.price_at(hours) == memory.middle_price).all()
    nothing = float("nan")
    for index in range(3):
        memory.remember(
            clock.period(index), PublicInformation(nothing, nothing, nothing, nothing, 0.0, 1.0, 0.0, 0)
        )
    assert np.flatnonzero(memory.known_at(hours)).tolist() == [5, 6, 7]
