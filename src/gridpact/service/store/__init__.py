"""Where the events of all market areas are kept: SQLite or PostgreSQL, by the same code.

A batch of steps and the messages that follow from them are written in one transaction, or not at all. An area is numbered from
0 up without gaps; whoever appends says which number comes next, so that of two writers one is refused.
"""

from gridpact.service.store.errors import StoreConflictError, StoreError
from gridpact.service.store.store import Effect, Snapshot, Store, check_url, open_store

__all__ = ["Effect", "Snapshot", "Store", "StoreConflictError", "StoreError", "check_url", "open_store"]
