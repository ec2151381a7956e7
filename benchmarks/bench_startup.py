"""What a user waits for before anything happens."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.registry import benchmark


@benchmark("study", bars={1: 0.5})
def import_gridpact(size: int) -> Callable[[], float]:
    """Wall time of ``import gridpact`` inside a fresh interpreter; the interpreter's own start is not counted."""
    script = "import time; begin = time.perf_counter(); import gridpact; print(time.perf_counter() - begin)"

    def start() -> float:
        return float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)

    return start


@benchmark("study", bars={1: 60.0}, repeat=3)
def demo_after_installation(size: int) -> Callable[[], None]:
    """What `make demo` runs once `.venv` stands, which includes compiled kernels."""
    return _demo


@benchmark("study", repeat=1, warm_up=False)
def demo_with_nothing_compiled(size: int) -> Callable[[], None]:
    """The same as the first run after `pip install`: every kernel is compiled on the way."""

    def start() -> None:
        with TemporaryDirectory() as cache:
            _demo(NUMBA_CACHE_DIR=cache)

    return start


def _demo(**environment: str) -> None:
    with TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "gridpact", "run", "--output", str(Path(folder) / "out")]
        subprocess.run(command, check=True, capture_output=True, env=os.environ | environment)
