"""A table of a page in a terminal."""

from typing import Any

from gridpact.study.pages.tables import Table


def in_terminal(table: Table) -> Any:
    """The table as a ``rich.table.Table``, to be printed by `gridpact.study.tables.show`."""
    from rich.table import Table as Shown
    from rich.text import Text

    shown = Shown(title=Text(table.title), box=None, padding=(0, 1, 0, 0), header_style="bold")
    for column in table.columns:
        head = Text(column.head.replace(", ", "\n"))
        shown.add_column(head, justify="right" if column.numeric else "left", no_wrap=True)
    for row in table.rows():
        shown.add_row(*map(Text, row))
    return shown
