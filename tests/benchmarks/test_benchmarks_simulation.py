"""What the benchmark of whole runs measures about a process."""

from __future__ import annotations

import multiprocessing
import sys

import numpy as np
import pytest

from cosim.benchmarks.simulation import peak_mb


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a process is not told from its parent")
def test_the_memory_of_a_process_is_not_that_of_the_one_that_started_it() -> None:
    ballast = np.ones(150_000_000)  # 1.2 GB, all of it touched
    here = peak_mb()
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        there = pool.apply(peak_mb)
    assert here >= 1e-6 * ballast.nbytes
    assert 10.0 < there < 0.5 * here
