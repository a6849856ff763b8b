"""Questions about a photo with their answers, both from the same counts."""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from counting.inputs.photo_sources import PhotoSource
from counting.networks.checkpoint import Checkpoint
from counting.questions.answering import Answer, answer_from, count_photo
from counting.questions.generator.decoding import Method
from counting.questions.generator.files import load_generator
from counting.questions.generator.selection import Contents, WorthAsking


def questions_for_photo(checkpoint: Checkpoint, source: Path | PhotoSource, method: Method) -> list[Answer]:
    """Different questions about things in a photo that ``checkpoint`` can answer, most probable first.

    Raises:
        CountingError: the generator knows none of the counter's categories.
        PhotoError: the photo cannot be read.
    """
    photo = count_photo(checkpoint, source)
    contents = contents_of(checkpoint, photo.counts)
    generator, categories = load_generator(), checkpoint.counter.categories
    placed = generator.place(torch.from_numpy(contents.likely()[None]).float(), categories)
    beams = method(generator, *generator.prompt(*placed, method.mark))[0]
    texts = [generator.text(beam) for beam in beams]
    return [answer_from(checkpoint, photo, each) for each in WorthAsking(categories)(texts, contents)]


def contents_of(checkpoint: Checkpoint, raw: NDArray[np.float64]) -> Contents:
    """Contents of a photo with K ``raw`` counts; without calibration, counts from 0.5 mean that it is there."""
    categories = checkpoint.counter.categories
    if checkpoint.calibration is None:
        return Contents.certain(categories, raw)
    return Contents(categories, raw, 1 - checkpoint.calibration.distribution(raw)[:, 0].astype(np.float64))
