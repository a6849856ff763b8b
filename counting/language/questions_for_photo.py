"""Questions about a photo and their answers, both from the same counts."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from counting.checkpoint import Checkpoint
from counting.distribution import intervals
from counting.language.methods import Method
from counting.language.question_files import load_generator
from counting.language.what_to_ask import Contents, WorthAsking
from counting.metrics import round_half_up
from counting.vqa.answering import Answer, answer_from, count_photo


def questions_for_photo(checkpoint: Checkpoint, path: Path, method: Method) -> list[Answer]:
    """Different questions that ``checkpoint`` can answer about something in a photo, the likeliest first.

    Raises:
        CountingError: the generator knows none of the counter's categories.
        PhotoError: the photo cannot be read.
    """
    photo = count_photo(checkpoint, path)
    contents = contents_of(checkpoint, photo.counts)
    generator, categories = load_generator(), checkpoint.counter.categories
    placed = generator.place(torch.from_numpy(contents.counts[None]).float(), categories)
    beams = method(generator, *generator.prompt(*placed))[0]
    texts = [generator.text(beam) for beam in beams]
    return [answer_from(checkpoint, photo, each) for each in WorthAsking(categories)(texts, contents)]


def contents_of(checkpoint: Checkpoint, raw: NDArray[np.float64]) -> Contents:
    """The median of each count's distribution, 0 of what probably is not there; else the rounded count."""
    categories = checkpoint.counter.categories
    if checkpoint.calibration is None:
        return Contents.certain(categories, np.asarray(round_half_up(raw), dtype=np.float64))
    distribution = checkpoint.calibration.distribution(raw)
    medians, _ = intervals(distribution, 0.0)
    return Contents(categories, medians.astype(np.float64), 1 - distribution[:, 0].astype(np.float64))
