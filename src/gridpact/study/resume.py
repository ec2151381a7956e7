"""Results of a long study kept on disk while it runs, so that one that was interrupted goes on where it stopped."""

import os
import pickle
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import joblib

import gridpact


@dataclass(frozen=True, slots=True)
class Shelf:
    """A folder of results, each under the hash of what was called: function, arguments, version of the package.

    What other calls or versions have left there is never taken for one's own. The files are pickles of this package's making: a
    shelf is no place for files from elsewhere.

    Attributes
    ----------
    folder
        Where the results lie; it is made when the first one comes.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     shelf = Shelf(Path(folder) / "parts")
    ...     shelf.keep(pow, (2, 3), 8)
    ...     shelf.find(pow, (2, 3)), shelf.find(pow, (2, 4))
    ([8], [])
    """

    folder: Path

    def find(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> list[Any]:
        """The result of a call, if it is there; else nothing."""
        try:
            return [pickle.loads(self._place(call, arguments).read_bytes())]
        except FileNotFoundError:
            return []

    def keep(self, call: Callable[..., Any], arguments: tuple[Any, ...], result: Any) -> None:
        """Put the result of a call there, whole or not at all."""
        self.folder.mkdir(parents=True, exist_ok=True)
        place = self._place(call, arguments)
        beside = place.with_suffix(f".{os.getpid()}")
        beside.write_bytes(pickle.dumps(result))
        beside.replace(place)

    def clear(self) -> None:
        """Take everything away: the study is complete."""
        for file in self.folder.glob("*"):
            file.unlink()
        if self.folder.is_dir():
            self.folder.rmdir()

    def _place(self, call: Callable[..., Any], arguments: tuple[Any, ...]) -> Path:
        return self.folder / str(joblib.hash((call.__module__, call.__qualname__, gridpact.__version__, arguments)))
