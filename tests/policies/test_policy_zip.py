"""ZIP's arithmetic against figures worked out by hand; its skill is judged in tests/cases/zip-dispersion."""

from __future__ import annotations

import numpy as np
import pytest

from cosim.core.records import BUY, SELL, PublicInformation
from cosim.policies import RoundView, Shout, create
from cosim.policies.rules.zip import (
    Band,
    Memory,
    Traders,
    direction,
    hear,
    price_of,
    share_of,
    target_price,
    widrow_hoff,
)
from cosim.policies.sample import sample_inputs, sample_spec

NAN = float("nan")


@pytest.mark.parametrize(
    ("shout", "price", "bid_moves", "ask_moves"),
    [
        # accepted bid at 1.0: every seller that could do it raises, every buyer that would pay more as well
        (Shout(BUY, 1.0, True), 1.2, 1, -1),
        (Shout(BUY, 1.0, True), 0.8, 0, 1),
        # accepted ask at 1.0: a buyer whose price is lower was passed over
        (Shout(SELL, 1.0, True), 1.2, 1, 0),
        (Shout(SELL, 1.0, True), 0.8, -1, 1),
        # refused bid: buyers that bid no more have to come up
        (Shout(BUY, 1.0, False), 1.2, 0, 0),
        (Shout(BUY, 1.0, False), 0.8, -1, 0),
        # refused ask: sellers that ask no less have to come down
        (Shout(SELL, 1.0, False), 1.2, 0, -1),
        (Shout(SELL, 1.0, False), 0.8, 0, 0),
        # a trade of which only the price is public
        (Shout(0, 1.0, True), 1.2, 1, -1),
        (Shout(0, 1.0, True), 0.8, -1, 1),
        # at exactly the accepted price one could have traded: more margin
        (Shout(SELL, 1.0, True), 1.0, 1, 1),
    ],
)
def test_direction(shout: Shout, price: float, bid_moves: int, ask_moves: int) -> None:
    move = direction(shout, np.array([[price, price]]), np.ones((1, 2), dtype=bool))
    assert move.tolist() == [[bid_moves, ask_moves]]


def test_who_has_nothing_left_raises_but_never_lowers_its_margin() -> None:
    idle = np.zeros((1, 2), dtype=bool)
    assert direction(Shout(0, 1.0, True), np.array([[0.8, 0.8]]), idle).tolist() == [[0.0, 1.0]]
    assert direction(Shout(SELL, 1.0, False), np.array([[1.2, 1.2]]), idle).tolist() == [[0.0, 0.0]]


def test_side_without_an_order_does_not_move() -> None:
    move = direction(Shout(0, 1.0, True), np.array([[NAN, 0.8]]), np.ones((1, 2), dtype=bool))
    assert move.tolist() == [[0.0, 1.0]]


def test_target_lies_beyond_the_quote_in_the_direction_of_the_move() -> None:
    move = np.array([[1.0, 1.0], [-1.0, -1.0]])  # more margin: bids fall, asks rise
    draw = np.full((2, 2), 0.05)
    target = target_price(2.0, move, draw, draw, np.ones((2, 2)))
    assert target == pytest.approx(np.array([[1.85, 2.15], [2.15, 1.85]]))


def test_target_of_a_negative_price_is_on_the_right_side() -> None:
    draw = np.full((1, 2), 0.1)
    target = target_price(-0.1, np.array([[1.0, 1.0]]), draw, 0 * draw, np.ones((1, 2)))
    assert target == pytest.approx(np.array([[-0.11, -0.09]]))


def test_widrow_hoff_with_momentum() -> None:
    price, target, change = (np.array([[value]]) for value in (2.0, 2.5, 0.4))
    rate, momentum = np.array([[0.3]]), np.array([[0.1]])
    # 0.1 x 0.4 + 0.9 x 0.3 x 0.5
    assert widrow_hoff(price, target, change, rate, momentum).item() == pytest.approx(0.175)


def test_margins_of_the_report_are_shares_of_the_limit_price() -> None:
    limit = np.array([[3.0, 1.0]])
    far = limit * np.array([0.0, 2.0])
    share = np.array([[0.2, 0.3]])
    price = price_of(share, limit, far)
    assert price == pytest.approx(np.array([[3.0 * 0.8, 1.0 * 1.3]]))
    assert share_of(price, limit, far) == pytest.approx(share)


def one_step(shout: Shout, share: float) -> tuple[Memory, Memory]:
    """A buyer with limit 0.30 and a seller with limit 0.10 on a band from 0.10 to 0.30."""
    shape = (1, 2)
    limit, far = np.array([[0.30, 0.10]]), np.array([[0.10, 0.30]])
    band = Band(limit, far, np.abs(far - limit), np.ones(shape))
    before = Memory(np.full(shape, share), np.zeros(shape))
    traders = Traders(np.full(shape, 0.5), np.zeros(shape))
    return before, hear(shout, before, traders, band, np.ones(shape, dtype=bool), np.zeros((2, *shape)))


def test_hearing_moves_half_way_with_a_rate_of_one_half() -> None:
    _, after = one_step(Shout(0, 0.20, True), share=0.25)  # bid 0.25, ask 0.15
    assert after.share == pytest.approx(np.full((1, 2), 0.375))  # bid 0.225, ask 0.175
    assert after.change == pytest.approx(np.array([[-0.025, 0.025]]))


def test_nobody_goes_beyond_its_limit_or_the_band() -> None:
    _, after = one_step(Shout(SELL, -5.0, False), share=0.1)
    assert after.share.tolist() == [[pytest.approx(0.1), 0.0]]
    _, after = one_step(Shout(0, 5.0, True), share=0.5)
    assert after.share.tolist() == [[0.0, 1.0]]


def test_band_without_width_leaves_margins_alone() -> None:
    shape = (1, 2)
    flat = np.full(shape, 0.2)
    before = Memory(np.full(shape, 0.3), np.zeros(shape))
    band = Band(flat, flat, np.zeros(shape), np.ones(shape))
    traders = Traders(np.full(shape, 0.5), np.zeros(shape))
    after = hear(
        Shout(0, 0.25, True), before, traders, band, np.ones(shape, dtype=bool), np.zeros((2, *shape))
    )
    assert np.array_equal(after.share, before.share)


def view(shouts: tuple[Shout, ...], n: int) -> RoundView:
    limit, far = np.tile([0.30, 0.10], (n, 1)), np.tile([0.10, 0.30], (n, 1))
    public = PublicInformation(0.2, 0.2, NAN, NAN, 1.0, 1.0, 1.0, 1)
    return RoundView(0, public, shouts, limit, far, limit.copy(), np.ones((n, 2)))


def test_policy_starts_with_the_traits_of_the_report() -> None:
    policy = create("zip", sample_spec(), 5000, 1)
    for values, low, high in (
        (policy.memory.share, 0.05, 0.35),
        (policy.traders.rate, 0.1, 0.5),
        (policy.traders.momentum, 0.0, 0.1),
    ):
        assert values.shape == (5000, 2)
        assert low <= values.min() < low + 0.01 and high - 0.01 < values.max() <= high


def test_margins_are_kept_from_period_to_period_and_reset_forgets_nothing_learnt() -> None:
    spec = sample_spec()
    policy = create("zip", spec, 3, 1)
    inputs = sample_inputs(spec, 3, np.random.default_rng(0))
    first = policy.act(inputs)[:, :2]
    quoted = policy.requote(view((Shout(0, 0.2, True),), 3))
    assert not np.array_equal(quoted, first)
    assert np.array_equal(policy.act(inputs)[:, :2], quoted)
    policy.reset()
    assert np.array_equal(policy.act(inputs)[:, :2], quoted)


def test_silence_changes_nothing() -> None:
    policy = create("zip", sample_spec(), 3, 1)
    before = policy.memory
    policy.requote(view((), 3))
    assert policy.memory is before


def test_prices_gather_around_the_price_that_trades() -> None:
    policy = create("zip", sample_spec(), 50, 1)
    for _ in range(100):
        margins = policy.requote(view((Shout(0, 0.22, True),), 50))
    share = 0.5 * (margins + 1.0)
    bid, ask = 0.30 - 0.20 * share[:, 0], 0.10 + 0.20 * share[:, 1]
    assert abs(bid.mean() - 0.22) < 0.02 and abs(ask.mean() - 0.22) < 0.02
