"""The result of an AC power flow, and what it violates."""

from dataclasses import dataclass

import numpy as np

from gridpact.units import FloatArray


@dataclass(frozen=True, eq=False)
class Flow:
    """AC power flow of many scenarios (the intervals of a horizon, usually).

    Attributes
    ----------
    v_pu
        Voltage magnitudes, ``[scenario, bus]``, or ``[scenario, bus, phase]`` (phase to neutral) from a per-phase flow.
    loading
        Branch current (lines) or power (transformers) relative to the rating, ``[scenario, branch]``; 1.0 is full. The worst
        phase of a per-phase flow. 0 where a line has no rating.
    head_kw, head_kvar
        Power drawn from the upstream grid at the source, ``[scenario]``, + = import.
    losses_kw
        Active losses of the whole feeder, ``[scenario]``.
    """

    v_pu: FloatArray
    loading: FloatArray
    head_kw: FloatArray
    head_kvar: FloatArray
    losses_kw: FloatArray

    @property
    def v_low(self) -> FloatArray:
        """Lowest phase voltage of each bus, ``[scenario, bus]``."""
        return self.v_pu if self.v_pu.ndim == 2 else np.asarray(self.v_pu.min(axis=2))

    @property
    def v_high(self) -> FloatArray:
        """Highest phase voltage of each bus, ``[scenario, bus]``."""
        return self.v_pu if self.v_pu.ndim == 2 else np.asarray(self.v_pu.max(axis=2))
