"""What ``counting predict`` prints: outputs are contexts that take rows and complete at their end."""

import argparse
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager

from rich.console import Console

from counting.bulk.table_files import Add, json_list
from counting.stats.best_guess import readable
from counting.stats.count_distribution import LEVEL

SHOWN_ROWS = 50
"""Maximum number of photos in the printed table."""


def open_outputs(categories: Sequence[str], arguments: argparse.Namespace, contexts: ExitStack) -> list[Add]:
    """The requested outputs, to be completed by ``contexts``."""
    printed = json_list(sys.stdout) if arguments.json else printed_table(categories, arguments)
    return [contexts.enter_context(printed)]


@contextmanager
def printed_table(categories: Sequence[str], arguments: argparse.Namespace) -> Iterator[Add]:
    """A table of the first photos with their counts in words, and what else a person wants to know."""
    from rich.table import Table

    from counting.bulk.rows import Row

    table = Table("photo", f"objects ({LEVEL:.0%} interval)", box=None, header_style="bold")
    photos = 0

    def add(row: Row) -> None:
        nonlocal photos
        if row.error:
            return
        photos += 1
        if photos <= SHOWN_ROWS:
            table.add_row(row.file_name, row.text)
            for region, text in row.regions:
                table.add_row(f"  {region}", text)

    yield add
    output = Console(highlight=False, markup=False)
    output.print(table)
    if photos > SHOWN_ROWS:
        rest = "" if arguments.out else "; write all with --out counts.csv"
        output.print(f"and {photos - SHOWN_ROWS} more photos{rest}")
    known = ", ".join(map(readable, categories))
    output.print(f"this counter counts {len(categories)} categories and nothing else: {known}", style="dim")
    for written in filter(None, (arguments.out, arguments.draw)):
        output.print(f"wrote {written}", soft_wrap=True)
