"""Progress bars on standard error, where a person is looking."""

from collections.abc import Iterator, Sequence
from types import TracebackType
from typing import Self, TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

T = TypeVar("T")
console = Console(stderr=True)

LINE_EVERY = 100
"""Items between two lines of progress where no person is looking."""


def track(items: Sequence[T], what: str, unit: int = 1) -> Iterator[T]:
    """Yield ``items`` behind a bar called ``what``; each stands for ``unit`` things."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=len(items) * unit)
        for item in items:
            yield item
            progress.advance(task, unit)


def follow(items: Iterator[T], what: str, total: int) -> Iterator[T]:
    """Yield ``items``, about ``total`` of them, behind a bar; without a terminal, with a line now and then."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task(what, total=total)
        for number, item in enumerate(items, 1):
            yield item
            progress.advance(task)
            if not console.is_terminal and number % LINE_EVERY == 0:
                console.print(f"{what}: {number:,} of {total:,}", highlight=False)


class EpochProgress:
    """Live loss and val mRMSE of a training run; a line an epoch where nobody is looking."""

    def __init__(self, epochs: int, done: int, *, shown: bool) -> None:
        self._live = shown and console.is_terminal
        self._lines = shown and not console.is_terminal
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        self._bar = Progress(*columns, console=console, disable=not self._live)
        self._task = self._bar.add_task("training", total=epochs, completed=done)

    def advance(self, epoch: int, loss: float, val_mrmse: float | None) -> None:
        """An epoch is over."""
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
    """Say on standard error what was left out and why."""
    for reason in reasons[:shown]:
        console.print(f"skipped {reason}", style="yellow", highlight=False, soft_wrap=True)
    if len(reasons) > shown:
        console.print(f"skipped {len(reasons) - shown} more", style="yellow", highlight=False)
