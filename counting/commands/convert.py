"""counting convert"""

import argparse
import json
from collections.abc import Callable
from pathlib import Path

from rich.console import Console

from counting.tables.annotations.cvat import cvat_xml
from counting.tables.annotations.fiftyone import samples
from counting.tables.annotations.label_studio import labelling_configuration, tasks
from counting.tables.annotations.photos import LocatedPhotos, read_located
from counting.utils.files import write_json, write_text
from counting.utils.progress import report_skipped
from counting_datasets.errors import CountingError

Writer = Callable[[LocatedPhotos, argparse.Namespace], list[Path]]


def run(arguments: argparse.Namespace) -> int:
    """Write the counts in another tool's format."""
    ending = ".xml" if arguments.to == "cvat" else ".json"
    if arguments.out.suffix.lower() != ending:
        raise CountingError(f"--out {arguments.out}: a file for {arguments.to} must end in {ending}")
    if arguments.prefix and arguments.to != "label-studio":
        raise CountingError("--prefix is for label-studio only")
    located = read_located(arguments.counts, arguments.images)
    written = WRITERS[arguments.to](located, arguments)
    report_skipped(list(located.skipped))
    points = sum(len(photo.points) for photo in located.photos)
    if arguments.json:
        files = [str(path) for path in written]
        print(json.dumps({"photos": len(located.photos), "points": points, "out": files}))
        return 0
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{points:,} located objects in {len(located.photos):,} photos")
    for path in written:
        console.print(f"wrote {path}", markup=False)
    return 0


def _cvat(located: LocatedPhotos, arguments: argparse.Namespace) -> list[Path]:
    write_text(arguments.out, cvat_xml(located))
    return [arguments.out]


def _label_studio(located: LocatedPhotos, arguments: argparse.Namespace) -> list[Path]:
    write_json(arguments.out, tasks(located, arguments.prefix))
    configuration = arguments.out.with_suffix(".xml")
    write_text(configuration, labelling_configuration(located))
    return [arguments.out, configuration]


def _fiftyone(located: LocatedPhotos, arguments: argparse.Namespace) -> list[Path]:
    write_json(arguments.out, samples(located))
    return [arguments.out]


WRITERS: dict[str, Writer] = {"cvat": _cvat, "fiftyone": _fiftyone, "label-studio": _label_studio}
