"""Random streams: keyed by seed and names, independent of each other and of who else draws."""

from __future__ import annotations

import numpy as np

from cosim.core.streams import Streams


def draws(streams: Streams, *names: str | int) -> list[float]:
    return streams.generator(*names).random(4).tolist()


def test_the_same_names_give_the_same_draws_again() -> None:
    assert draws(Streams(7), "market", 3) == draws(Streams(7), "market", 3)


def test_scopes_are_names_in_front() -> None:
    assert draws(Streams(7).within("a", 1), "b") == draws(Streams(7), "a", 1, "b")


def test_seed_names_and_their_borders_matter() -> None:
    streams = Streams(7)
    others = [
        draws(Streams(8), "ab"),
        draws(streams, "ab"),
        draws(streams, "a", "b"),
        draws(streams, "b", "a"),
        draws(streams),
        draws(streams, 1),
        draws(streams, 11),
    ]
    assert len({tuple(other) for other in others}) == len(others)


def test_streams_are_uncorrelated() -> None:
    many = np.array([Streams(1).generator("x", i).standard_normal(2000) for i in range(20)])
    correlation = np.corrcoef(many) - np.eye(20)
    assert np.abs(correlation).max() < 0.1


def test_entropy_is_words_for_other_libraries() -> None:
    words = Streams(5).entropy("torch")
    assert words[0] == 5 and all(0 <= word < 2**32 for word in words)
