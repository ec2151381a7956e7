"""Premiums that buyers state seller by seller, from a CSV file with the columns buyer, seller, premium."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from gridpact.community.decode import decode, located
from gridpact.community.premiums import PairPremiums
from gridpact.community.rows import read_rows
from gridpact.community.schema import PremiumRow
from gridpact.errors import InputError, nearest_name
from gridpact.units import to_micro

_COLUMNS = PremiumRow.__struct_fields__


def read_premiums(path: Path, ids: Sequence[str]) -> PairPremiums:
    """Premiums pair by pair.

    Parameters
    ----------
    path
        CSV with the columns ``buyer``, ``seller`` (ids) and ``premium`` (units of the currency per kWh), in any order.
    ids
        Of the members, in the order of the member axis.

    Raises
    ------
    InputError
        With line and column: an id that is no member's, a member with itself, a pair that stands twice, a premium that is
        missing or no finite number.
    """
    position = {name: at for at, name in enumerate(ids)}
    first: dict[tuple[int, int], str] = {}
    premiums: list[float] = []
    for cells, line in read_rows(path, _COLUMNS, required=_COLUMNS):
        row = decode({key: text for key, text in cells.items() if text}, PremiumRow, place=line, strict=False)
        for key in ("buyer", "seller"):
            name = getattr(row, key)
            if name not in position:
                found = f"there is no member {name!r}{nearest_name(name, list(ids))}"
                raise InputError(found, place=f"{line}, {key}", accepted="the id of a member")
        if row.buyer == row.seller:
            found = f"{row.buyer!r} is the buyer, too"
            raise InputError(found, place=f"{line}, seller", accepted="two different members")
        pair = position[row.buyer], position[row.seller]
        if pair in first:
            found = f"buyer {row.buyer!r} and seller {row.seller!r} stand at {first[pair]} already"
            raise InputError(found, place=f"{line}, seller", accepted="each pair once")
        first[pair] = line
        premiums.append(row.premium)
    buyer, seller = np.array(list(first), dtype=np.int64).reshape(-1, 2).T
    with located(f"{path}, premium"):
        return PairPremiums(buyer, seller, to_micro(premiums))
