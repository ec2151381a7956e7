"""The tables of the store, as the newest migration leaves them."""

from sqlalchemy import BigInteger, Boolean, Column, Integer, LargeBinary, MetaData, Table, Text

METADATA = MetaData()

JOURNAL = Table(
    "journal",
    METADATA,
    Column("area", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("step", LargeBinary, nullable=False),
)
"""One row a step, JSON; numbered by area from 0 up without gaps."""

OUTBOX = Table(
    "outbox",
    METADATA,
    Column("area", Text, primary_key=True),
    Column("number", BigInteger, primary_key=True, autoincrement=False),
    Column("place", Integer, primary_key=True, autoincrement=False),
    Column("topic", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),
    Column("retained", Boolean, nullable=False),
)
"""Messages that follow from a step and have not been handed to the broker yet; ``number`` is that of the step."""

SNAPSHOT = Table(
    "snapshot",
    METADATA,
    Column("area", Text, primary_key=True),
    Column("number", BigInteger, nullable=False),
    Column("state", LargeBinary, nullable=False),
)
"""The newest snapshot of an area: its state after all steps before ``number``."""
