"""How a learner tries things, against the formulas."""

from __future__ import annotations

import numpy as np
import torch
from scipy.stats import norm

from cosim.policies.learning.distributions import Levels, Normal, sampled

CPU = torch.device("cpu")


def levels(stays: float = 0.0) -> Levels:
    """Two actions: three levels of 0.4 each, and a margin in steps of 0.05."""
    return Levels(np.array([0.0, 1.0, 2.0]), np.array([0.4, 0.05]), stays, CPU)


def test_levels_begin_as_a_normal_distribution_at_the_levels() -> None:
    found = levels(0.3).odds(torch.zeros(5, 6)).numpy()
    expected = norm.pdf([0.0, 1.0, 2.0])
    np.testing.assert_allclose(found, np.broadcast_to(expected / expected.sum(), (5, 2, 3)), rtol=1e-6)


def test_a_part_of_the_probabilities_of_levels_stays() -> None:
    out = torch.tensor([[-50.0, 0.0, 50.0, 50.0, 0.0, -50.0]])
    first = norm.pdf([0.0, 1.0, 2.0]) / norm.pdf([0.0, 1.0, 2.0]).sum()
    found = levels(0.2).odds(out).numpy()[0]
    np.testing.assert_allclose(found, 0.2 * first + 0.8 * np.eye(3)[[2, 0]], atol=1e-6)


def test_levels_are_in_units_of_each_action() -> None:
    np.testing.assert_allclose(levels().shift(np.array([[2.0, 1.0], [0.0, 2.0]])), [[0.8, 0.05], [0.0, 0.1]])
    assert levels().outputs(("battery.value", "margin"))[1:4] == (
        "battery.value@0.4",
        "battery.value@0.8",
        "margin@0",
    )


def test_probability_entropy_and_mean_of_levels() -> None:
    out = torch.tensor(np.random.default_rng(1).normal(size=(4, 6)), dtype=torch.float64)
    tried, odds = levels(0.1), levels(0.1).odds(out).numpy()
    taken = np.array([[0, 2], [1, 1], [2, 0], [0, 0]])
    expected = np.log(np.take_along_axis(odds, taken[..., None], -1)[..., 0])
    np.testing.assert_allclose(tried.log_probability(out, torch.tensor(taken)).numpy(), expected, rtol=1e-5)
    np.testing.assert_allclose(tried.entropy(out).numpy(), -(odds * np.log(odds)).sum(-1), rtol=1e-5)
    np.testing.assert_allclose(tried.mean(out).numpy(), odds @ [0.0, 1.0, 2.0] * [0.4, 0.05], rtol=1e-5)


def test_levels_are_drawn_with_their_probabilities() -> None:
    out = torch.tensor([[0.0, 1.0, -1.0, 0.0, 0.0, 2.0]]).repeat(40_000, 1)
    drawn = np.random.default_rng(2).random((40_000, 2))
    taken, odds = levels().take(out, drawn), levels().odds(out[:1]).numpy()[0]
    for action in (0, 1):
        share = np.bincount(taken[:, action].astype(int), minlength=3) / len(taken)
        np.testing.assert_allclose(share, odds[action], atol=0.01)
    assert (levels().take(out, None) == odds.argmax(-1)).all()


def test_rounding_leads_to_no_level_beyond_the_last() -> None:
    assert sampled(np.array([0.1, 0.2, 0.7 - 1e-9]), np.array(1.0 - 1e-12)) == 2


def test_a_normal_distribution_against_scipy() -> None:
    tried = Normal(np.array([0.3, 0.05]), 0.03, CPU)
    out = torch.tensor([[0.1, -0.2, 0.5, -9.0], [0.0, 0.4, 9.0, 0.0]], dtype=torch.float64)
    mean, std = np.array([[0.1, -0.2], [0.0, 0.4]]), np.array([[0.3 * np.exp(0.5), 0.03], [1.0, 0.05]])
    taken = np.array([[0.2, -0.25], [1.5, 0.41]])
    found = tried.log_probability(out, torch.tensor(taken)).numpy() - 0.5 * np.log(2.0 * np.pi)
    np.testing.assert_allclose(found, norm.logpdf(taken, mean, std), rtol=1e-5)
    np.testing.assert_allclose(tried.entropy(out).numpy(), norm.entropy(mean, std), rtol=1e-5)
    drawn = np.array([[0.2, 0.9], [0.5, 0.01]])
    np.testing.assert_allclose(tried.take(out, drawn), norm.ppf(drawn, mean, std), rtol=1e-5)
    np.testing.assert_allclose(tried.take(out, None), mean, atol=1e-7)
