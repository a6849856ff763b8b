"""counting export"""

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from counting.commands.photo_arguments import Photo, find_photos
from counting.export.description import describe
from counting.export.formats import ENDINGS, export
from counting.inputs.photo_sources import PhotoSource
from counting.networks.checkpoint import Checkpoint
from counting.networks.zoo import BEST, find_counter, find_weights
from counting.utils.progress import console, report_skipped
from counting_datasets.errors import CountingError, PhotoError

CALIBRATION_PHOTOS = 100
"""Largest number of calibration photos that are used."""


def run(arguments: argparse.Namespace) -> int:
    """Write a counter in another format, or refuse options that do not go together."""
    counter, file_format = arguments.counter or BEST, arguments.format
    if ":" in counter and not Path(counter).exists():
        raise CountingError(f"{counter} is a detector: only trained counters are exported")
    if arguments.int8 and file_format != "onnx":
        raise CountingError(f"--int8 needs --format onnx, not {file_format}")
    name = _name(counter)
    ending = ENDINGS[file_format]
    out: Path = arguments.out or Path(f"{name}{'-int8' if arguments.int8 else ''}{ending}")
    if out.suffix.lower() != ending:
        raise CountingError(f"--out {out}: the file of --format {file_format} must end in {ending}")
    photos = _chosen(find_photos([arguments.int8]).paths) if arguments.int8 else None
    checkpoint = find_counter(counter, "cpu")
    with console.status(f"exporting {name}"):
        inputs = None if photos is None else _inputs(checkpoint, photos)
        export(checkpoint, name, file_format, out, inputs)
    _print(out, describe(checkpoint, name), arguments)
    return 0


def _name(counter: str) -> str:
    """The name of the exported counter: that of its zoo entry, run folder or weights file."""
    weights = find_weights(counter)
    path = Path(counter).resolve()
    return path.name if path.is_dir() else weights.stem


def _chosen(photos: Sequence[Photo]) -> list[Photo]:
    """At most ``CALIBRATION_PHOTOS`` of the photos, evenly spaced."""
    number = min(len(photos), CALIBRATION_PHOTOS)
    return [photos[i * len(photos) // number] for i in range(number)]


def _inputs(checkpoint: Checkpoint, photos: Sequence[Photo]) -> Iterator[NDArray[np.float32]]:
    """The network's input for each photo that can be read; the others are reported.

    Raises:
        CountingError: none can be read.
    """
    skipped = []
    for photo in photos:
        try:
            image = PhotoSource.of(photo).open()
        except PhotoError as error:
            skipped.append(str(error))
            continue
        yield checkpoint.counter.preprocess(image)[None].numpy()
    report_skipped(skipped)
    if len(skipped) == len(photos):
        raise CountingError("none of the calibration photos could be read")


def _print(out: Path, description: dict[str, object], arguments: argparse.Namespace) -> None:
    files = [out, out.with_suffix(".bin")] if arguments.format == "openvino" else [out]
    size = sum(file.stat().st_size for file in files)
    if arguments.json:
        print(json.dumps({"files": list(map(str, files)), "bytes": size, **description}, ensure_ascii=False))
        return
    written = " and ".join(map(str, files))
    Console(highlight=False, markup=False).print(f"wrote {written} ({size / 1e6:.1f} MB)", soft_wrap=True)
