"""Elecbay: water heaters play for a small exchange with the grid; what then meets within the community is traded."""

from dataclasses import dataclass, field

import numpy as np

from gridpact.energy import Heaters
from gridpact.errors import InputError
from gridpact.markets._pool_matching import Sides, match_proportionally, mid_price, trades_of
from gridpact.markets.certificate import Certificate, Check
from gridpact.markets.elecbay.game import FLOOR_KWH, check_floor
from gridpact.markets.elecbay.games import Games, default_level_kw, play_games
from gridpact.markets.mechanism import Gate, Memory
from gridpact.markets.outlook import Outlook
from gridpact.markets.pact import Pact
from gridpact.units import FloatArray, to_wh

REGRET = 1e-9
"""Relative gain by changing alone that an equilibrium may leave: a tie keeps the action."""


def elecbay(level_kw: float | None = None, floor_kwh: float = FLOOR_KWH) -> "Elecbay":
    """Water heaters bid ON or OFF for a small exchange with the grid; what meets is traded at mid price.

    Parameters
    ----------
    level_kw
        L of the payoff, as a mean power, above every draw. None: `default_level_kw` of what the outlook foresees.
    floor_kwh
        An exchange with the grid below it counts as so much.

    Raises
    ------
    InputError
        If an option is out of range; in a run, if L is not above every draw.

    Examples
    --------
    >>> elecbay(level_kw=100).name
    'elecbay'
    """
    return Elecbay(level_kw, floor_kwh)


@dataclass(frozen=True, slots=True)
class Elecbay:
    """The bidding game of Zhang's thesis (Cardiff 2017), interval by interval, on the expected demand of all members.

    Members without a water heater take part with what they draw and inject. The heaters' schedule is the equilibrium that
    `play_games` selects. The trades are pro rata at the middle of import and export price.
    """

    level_kw: float | None = None
    floor_kwh: float = FLOOR_KWH
    name: str = "elecbay"
    gate: Gate = field(default_factory=Gate)

    def __post_init__(self) -> None:
        check_floor(self.floor_kwh, "floor_kwh")
        if self.level_kw is not None and not 0 < self.level_kw < np.inf:
            found = f"level_kw = {self.level_kw!r} is out of range"
            raise InputError(found, place=self.name, accepted="a finite number above every draw")

    def clear(self, outlook: Outlook, memory: Memory, rng: np.random.Generator) -> tuple[Pact, Memory]:
        """Schedules of the heaters and trades; an empty pact, which says so, where nobody has a water heater.

        Raises
        ------
        InputError
            If L is not above every draw.
        """
        heaters, heating = Heaters.of(outlook.members), outlook.heating
        if heating is None:
            return Pact(certificate=Certificate((_taking_part(heaters),))), memory
        hours = outlook.horizon.hours
        base_kw = outlook.net_kw - heating.heater_kw
        level_kw = default_level_kw(heaters, base_kw) if self.level_kw is None else self.level_kw
        games = play_games(
            heaters,
            base_kw,
            heating.draw_kw,
            heating.state,
            hours,
            level_kw=level_kw,
            floor_kw=self.floor_kwh / hours,
        )
        schedule_kw = np.where((heaters.power_kw > 0)[:, None], games.on * heaters.power_kw[:, None], np.nan)
        net_wh = to_wh((base_kw + games.heater_kw) * hours)
        trades = trades_of(*match_proportionally(Sides.of(net_wh)), mid_price(outlook.tariff))
        return Pact(trades, heater_kw=schedule_kw, certificate=_certify(heaters, games, base_kw)), memory


def _certify(heaters: Heaters, games: Games, base_kw: FloatArray) -> Certificate:
    """Regret as the game leaves it, comfort from the tanks' own temperatures, and what is only told."""
    has = heaters.power_kw > 0
    cold = games.tank_c[has, 1:] < heaters.min_c[has, None]
    hot = games.tank_c[has, 1:] > heaters.max_c[has, None] + 1e-9
    exchange_kw = (base_kw + games.heater_kw).sum(axis=0)
    return Certificate(
        (
            Check("gain by changing alone, relative", float(games.regret.max(initial=0.0)), REGRET),
            Check("OFF although too cold (heater-intervals)", float((cold & ~games.on[has]).sum()), adds_up=True),
            Check("tanks above their band (heater-intervals)", float(hot.sum()), adds_up=True),
            Check("best responses", float(games.moves.sum()), np.inf, adds_up=True),
            Check("largest expected exchange with the grid, kW", float(np.abs(exchange_kw).max(initial=0.0)), np.inf),
            _taking_part(heaters),
        )
    )


def _taking_part(heaters: Heaters) -> Check:
    return Check("members with a water heater", float((heaters.power_kw > 0).sum()), np.inf)
