"""A short chaos: nothing that was acknowledged is lost, nothing happens twice, no bill changes."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from service.chaos import World, run


@pytest.mark.slow
def test_what_was_acknowledged_outlives_a_kill_a_broker_that_restarts_and_a_cut_line(
    mosquitto_program: str, tmp_path: Path
) -> None:
    with TemporaryDirectory() as broker:  # tmp_path is closed to Mosquitto, which gives up being root
        Path(broker).chmod(0o777)
        world = World(Path(broker), f"sqlite:///{tmp_path / 'events.db'}", mosquitto_program, seed=7)
        summary = asyncio.run(run(world, ["kill -9", "partition", "broker restart"], bad=500))
        assert summary.acknowledged > 10
        assert summary.bad == 500
        assert summary.bills > 0
        assert (summary.lost, summary.duplicated, summary.bills_changed) == (0, 0, 0)
