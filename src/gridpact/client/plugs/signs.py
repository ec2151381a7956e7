"""Sign conventions of others, and the way from theirs to ours and back: grid + = import, battery + = charging, PV ≥ 0."""

from dataclasses import dataclass
from typing import Literal

Sign = Literal[1, -1]


@dataclass(frozen=True, slots=True)
class Signs:
    """A convention: 1 where it is ours, −1 where it is the other way round.

    Attributes
    ----------
    grid
        Of what flows through the meter: ours is + = import.
    battery
        Of the battery: ours is + = charging.
    pv
        Of generation: ours is + = generated.

    Examples
    --------
    >>> EVCC.battery * 1_500  # evcc says that a battery gives 1.5 kW
    -1500
    """

    grid: Sign
    battery: Sign
    pv: Sign


GRIDPACT = Signs(grid=1, battery=1, pv=1)
EVCC = Signs(grid=1, battery=-1, pv=1)
HOME_ASSISTANT = Signs(grid=1, battery=-1, pv=1)
OPENEMS = Signs(grid=1, battery=-1, pv=1)
