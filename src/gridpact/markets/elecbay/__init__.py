"""Elecbay: the bidding game of flexible water heaters, an exact potential game in logarithms."""

from collections.abc import Callable, Mapping
from types import MappingProxyType

from gridpact.markets.elecbay.game import FLOOR_KWH, MOST_FREE, BestResponses, HeaterGame
from gridpact.markets.elecbay.games import Games, default_level_kw, game_of, largest_draws_kw, play_games
from gridpact.markets.elecbay.mechanism import Elecbay, elecbay

VARIANTS: Mapping[str, Callable[..., Elecbay]] = MappingProxyType({"": elecbay})

__all__ = [
    "FLOOR_KWH",
    "MOST_FREE",
    "VARIANTS",
    "BestResponses",
    "Elecbay",
    "Games",
    "HeaterGame",
    "default_level_kw",
    "elecbay",
    "game_of",
    "largest_draws_kw",
    "play_games",
]
