"""Tracing a counter, without the exporters' warnings about themselves and with errors in one line."""

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from counting.export.exportable import INPUT, Exportable
from counting_datasets.errors import CountingError

BATCH = "batch"
"""Name of the dimension whose size is free."""


@contextmanager
def without_advice() -> Iterator[None]:
    """A context in which libraries log no warnings, which are about their own code."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


@contextmanager
def tracing(name: str) -> Iterator[None]:
    """A context for the exporters of torch.

    Raises:
        CountingError: the counter called ``name`` cannot be exported, as its code is more than a fixed graph.
    """
    try:
        with warnings.catch_warnings(), without_advice(), torch.no_grad():
            warnings.simplefilter("ignore")
            yield
    except RuntimeError as error:
        why = next(iter(str(error).strip().splitlines()), type(error).__name__)
        raise CountingError(f"{name} cannot be exported, its code is more than a fixed graph ({why})") from error


def trace(exportable: Exportable) -> torch.export.ExportedProgram:
    """The graph of a counter, for any number of photos at once."""
    shapes = {INPUT: {0: torch.export.Dim(BATCH)}}
    return torch.export.export(exportable, (exportable.example(),), dynamic_shapes=shapes)
