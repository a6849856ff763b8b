"""Progress bars and messages on standard error."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
console = Console(stderr=True)

LINE_EVERY = 100
"""Number of items per line of progress without a terminal."""


def _bar(*, shown: bool, transient: bool = False) -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=console, transient=transient, disable=not shown)


def track(items: Sequence[T], what: str, unit: int = 1) -> Iterator[T]:
    """Yield ``items`` with a progress bar called ``what``, in which each item counts as ``unit``."""
    with _bar(shown=console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=len(items) * unit)
        for item in items:
            yield item
            progress.advance(task, unit)


def follow(items: Iterator[T], what: str, total: int | None) -> Iterator[T]:
    """Yield about ``total`` ``items`` with a progress bar, or without a terminal a line every ``LINE_EVERY``.

    ``total`` is None if the number of items is unknown.
    """
    with _bar(shown=console.is_terminal, transient=True) as progress:
        task = progress.add_task(what, total=total)
        for number, item in enumerate(items, 1):
            yield item
            progress.advance(task)
            if not console.is_terminal and number % LINE_EVERY == 0:
                of_all = "" if total is None else f" of {total:,}"
                console.print(f"{what}: {number:,}{of_all}", highlight=False)


class EpochProgress:
    """Loss and validation mRMSE of a training run: a live bar, or without a terminal a line per epoch."""

    def __init__(self, epochs: int, done: int, *, shown: bool) -> None:
        self._lines = shown and not console.is_terminal
        self._bar = _bar(shown=shown and console.is_terminal)
        self._task = self._bar.add_task("training", total=epochs, completed=done)

    def advance(self, epoch: int, loss: float, val_mrmse: float | None) -> None:
        """Show the results of ``epoch``, which has just ended."""
        text = f"loss {loss:.4f}" + ("" if val_mrmse is None else f"  val mRMSE {val_mrmse:.3f}")
        self._bar.update(self._task, completed=epoch, description=text)
        if self._lines:
            console.print(f"epoch {epoch}  {text}", highlight=False)

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()


def report_skipped(reasons: Sequence[str], shown: int = 5) -> None:
    """Print on standard error what was skipped and why: the first ``shown`` reasons and the number of others."""
    for reason in reasons[:shown]:
        console.print(f"skipped {reason}", style="yellow", highlight=False, soft_wrap=True)
    if len(reasons) > shown:
        console.print(f"skipped {len(reasons) - shown} more", style="yellow", highlight=False)
