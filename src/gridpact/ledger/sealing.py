"""Salted commitments: what a log shows of a table whose rows are for their owners and for an auditor.

The commitment of a row is SHA-256 over 16 random bytes, its salt, followed by the row as canonical JSON. The salt keeps
anybody from finding the row by trying what it might be; a row is disclosed by handing over the salt with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gridpact.errors import InputError
from gridpact.ledger.canonical import Json, encode_rows
from gridpact.ledger.encoding import sha256, to_bytes, to_text
from gridpact.ledger.keys import Entropy

SALT_BYTES = 16


@dataclass(frozen=True, eq=False)
class Opening:
    """A table with what opens its commitments.

    Attributes
    ----------
    columns
        By name, all of the same length.
    salts
        One a row, as text.
    """

    columns: Mapping[str, Sequence[Any]]
    salts: Sequence[str]

    @classmethod
    def from_json(cls, value: Any) -> "Opening":
        """Read what `to_json` wrote.

        Raises
        ------
        InputError
            If it is no table with a salt a row.
        """
        match value:
            case {"columns": dict(columns), "salts": list(salts)} if len(value) == 2 and columns:
                if all(isinstance(column, list) and len(column) == len(salts) for column in columns.values()):
                    return cls(columns, salts)
        raise InputError("an opening that is no table", accepted="columns and salts of one length")

    def to_json(self) -> dict[str, Json]:
        """As it stands in an export."""
        return {"columns": self.columns, "salts": self.salts}

    def commitments(self) -> list[str]:
        """The commitment of each row, as text."""
        salts = [to_bytes(salt, SALT_BYTES, "salt") for salt in self.salts]
        return [to_text(sha256(salt + row)) for salt, row in zip(salts, encode_rows(self.columns), strict=True)]


def seal(columns: Mapping[str, Sequence[Json]], entropy: Entropy) -> tuple[list[str], Opening]:
    """Commit to every row of a table.

    Parameters
    ----------
    columns
        By name, all of the same length.
    entropy
        Where salts come from.

    Returns
    -------
    The commitments, and what opens them.

    Examples
    --------
    >>> commitments, opening = seal({"member": ["anna"], "energy_wh": [1200]}, lambda count: bytes(count))
    >>> commitments == opening.commitments()
    True
    """
    rows = len(next(iter(columns.values())))
    drawn = entropy(SALT_BYTES * rows)
    salts = [to_text(drawn[at : at + SALT_BYTES]) for at in range(0, len(drawn), SALT_BYTES)]
    opening = Opening(columns, salts)
    return opening.commitments(), opening
