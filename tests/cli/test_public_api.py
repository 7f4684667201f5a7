"""What `import cosim` offers, and that it imports nothing heavy until it is asked to."""

from __future__ import annotations

import subprocess
import sys

import cosim

HEAVY = (
    *("gymnasium", "numba", "numpy", "pandapower", "pandas", "pettingzoo"),
    *("plotly", "pyarrow", "rich", "simbench", "torch"),
)


def test_public_names_are_pinned() -> None:
    assert cosim.__all__ == [
        "Scenario",
        "Simulation",
        "__version__",
        "env",
        "load",
        "load_scenario",
        "policies",
        "run",
    ]
    for name in cosim.__all__:
        assert getattr(cosim, name) is not None
    assert dir(cosim) == sorted(cosim.__all__)


def test_help_imports_nothing_heavy() -> None:
    code = (
        "import sys, cosim.cli\n"
        "try: cosim.cli.app(['--help'], prog_name='cosim')\n"
        "except SystemExit as end: assert not end.code\n"
        f"loaded = [name for name in {HEAVY!r} if name in sys.modules]\n"
        "print(loaded, file=sys.stderr)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stderr.strip() == "[]"
    assert "Usage: cosim" in result.stdout


def test_python_m_cosim_is_the_command() -> None:
    result = subprocess.run(
        [sys.executable, "-m", "cosim", "check", "nowhere.yaml"], capture_output=True, text=True, check=False
    )
    assert result.returncode == 2
    assert result.stderr.startswith("nowhere.yaml: there is no such file")
