"""What can go wrong, by name. A message says what, where, and what to do."""

from difflib import get_close_matches

import msgspec

UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises on bytes that are no message of the kind that is asked for."""


class GridpactError(Exception):
    """Root of every error that the package raises on purpose."""


class InputError(GridpactError, ValueError):
    """Something the user wrote cannot be used.

    Parameters
    ----------
    found
        What was found, in plain words.
    place
        Where: file, line or table, field (``community.toml: [tariff] import_price``).
    accepted
        What would have been accepted.

    Examples
    --------
    >>> print(InputError("'-3' is negative", place="homes.csv line 4, pv_kwp", accepted="a number from 0 up"))
    homes.csv line 4, pv_kwp: '-3' is negative; accepted: a number from 0 up
    """

    def __init__(self, found: str, *, place: str = "", accepted: str = "") -> None:
        self.found, self.place, self.accepted = found, place, accepted
        super().__init__(f"{place}: " * bool(place) + found + f"; accepted: {accepted}" * bool(accepted))

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild_input_error, (self.found, self.place, self.accepted)


def _rebuild_input_error(found: str, place: str, accepted: str) -> InputError:
    return InputError(found, place=place, accepted=accepted)


class PowerFlowError(GridpactError):
    """The power flow of a scenario has no solution, or the grid cannot be modelled."""


class ForkError(GridpactError):
    """A log shows a history that does not go on from the one shown before, or too few witnesses vouch for it."""


def nearest_name(word: str, known: list[str]) -> str:
    """Say which known name was probably meant, as the tail of a message.

    Examples
    --------
    >>> nearest_name("improt_price", ["import_price", "export_price"])
    "; did you mean 'import_price'?"
    >>> nearest_name("colour", ["import_price"])
    ''
    """
    close = get_close_matches(word, known, n=1)
    return f"; did you mean '{close[0]}'?" if close else ""
