"""What a user waits for before anything happens."""

import subprocess
import sys
from collections.abc import Callable

from benchmarks.registry import benchmark


@benchmark("study", bars={1: 0.5})
def import_gridpact(size: int) -> Callable[[], float]:
    """Wall time of ``import gridpact`` inside a fresh interpreter; the interpreter's own start is not counted."""
    script = "import time; begin = time.perf_counter(); import gridpact; print(time.perf_counter() - begin)"

    def start() -> float:
        return float(subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True).stdout)

    return start
