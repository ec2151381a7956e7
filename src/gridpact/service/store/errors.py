"""What can go wrong with a store."""

from gridpact.errors import GridpactError


class StoreError(GridpactError):
    """The database cannot be reached or used at the moment; nothing of the call has been written."""


class StoreConflictError(GridpactError):
    """Somebody else has written to the area in the meantime; nothing of the call has been written.

    An area has one writer. Whoever gets this error is not it any more, and must read the area again before it goes on.
    """
