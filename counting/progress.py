"""Progress bars on standard error, where a person is looking."""

from collections.abc import Iterator, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
console = Console(stderr=True)


def track(items: Sequence[T], what: str, unit: int = 1) -> Iterator[T]:
    """Yield ``items`` behind a bar called ``what``; each stands for ``unit`` things."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=len(items) * unit)
        for item in items:
            yield item
            progress.advance(task, unit)
