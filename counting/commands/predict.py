"""counting predict"""

import argparse
from collections.abc import Generator, Sequence
from contextlib import ExitStack, closing
from functools import partial

from counting import __version__
from counting.bulk.fingerprint import weights_hash
from counting.bulk.processes import count_in_processes
from counting.bulk.rows import Contents, NamedPhoto, Row, count_rows
from counting.bulk.saved_rows import SMALLEST_PART, Count, SavedRows
from counting.bulk.table_files import write_rows
from counting.commands.photo_arguments import NamedPhotos, file_names, find_photos, photo_ids
from counting.commands.predict_arguments import check_options, counter_options
from counting.commands.predict_outputs import open_outputs
from counting.commands.region_arguments import regions_for
from counting.commands.video_arguments import is_over_time
from counting.inputs.photo_sources import PhotoSource
from counting.predictor.predictor import Predictor, load
from counting.utils.progress import console as standard_error
from counting.utils.progress import follow, report_skipped
from counting_datasets.errors import CountingError

PAYS_FROM = 100
"""Number of photos per worker from which processes are faster than threads, in spite of their start."""


def run(arguments: argparse.Namespace) -> int:
    """Count the objects in every photo; report and skip unreadable photos."""
    if is_over_time(arguments):
        from counting.commands.predict_video import run as run_video

        return run_video(arguments)
    check_options(arguments)
    found = find_photos(arguments.photos)
    photos = _named(found)
    contents = _contents(arguments)
    counter = load(**counter_options(arguments))
    count = _engine(counter, len(photos), contents, arguments)
    skipped: list[str] = []
    with ExitStack() as contexts:
        outputs = open_outputs(counter.categories, arguments, contexts)
        contexts.callback(_report, skipped, found)
        rows = contexts.enter_context(closing(_kept(photos, count, contents, arguments)))
        for photo, row in zip(photos, follow(rows, "counting", len(photos)), strict=True):
            if row.error:
                skipped.append(f"{photo.source.name}: {row.error}")
            for add in outputs:
                add(row)
    return 0


def _named(found: NamedPhotos) -> list[NamedPhoto]:
    names = file_names(found.paths)
    sources = map(PhotoSource.of, found.paths)
    return [NamedPhoto(*photo) for photo in zip(sources, names, photo_ids(names), strict=True)]


def _contents(arguments: argparse.Namespace) -> Contents:
    as_json = arguments.json or (arguments.out is not None and arguments.out.suffix.lower() == ".json")
    return Contents(as_json, regions_for(arguments), arguments.draw)


def _engine(counter: Predictor, photos: int, contents: Contents, arguments: argparse.Namespace) -> Count:
    """Threads of this process, processes of their own where they pay, or Ray."""
    workers, options = arguments.workers, counter_options(arguments)
    if arguments.engine == "ray":
        from counting.bulk.ray_engine import count_with_ray

        return partial(
            count_with_ray, options=options, contents=contents, workers=workers, address=arguments.address
        )
    if workers and workers > 1 and photos >= workers * PAYS_FROM:
        return partial(count_in_processes, options=options, contents=contents, workers=workers)
    return partial(count_rows, counter, contents=contents, workers=workers)


def _kept(
    photos: Sequence[NamedPhoto], count: Count, contents: Contents, arguments: argparse.Namespace
) -> Generator[Row]:
    """The rows of all photos; after the last one, they are in the file ``--out``.

    Raises:
        CountingError: no photo could be counted, or the file cannot be written.
    """
    out = arguments.out
    kept: list[Row] = []
    saved = None
    if out and (len(photos) > SMALLEST_PART or arguments.resume):
        folder = out.with_name(f"{out.name}.parts")
        saved = SavedRows.open(folder, photos, _request(contents, arguments), resume=arguments.resume)
    like, failed = None, False
    try:
        with closing(saved.count(count) if saved else count(photos)) as counted:
            for row in counted:
                like = like or row.table
                failed |= bool(row.error)
                if out and not saved:
                    kept.append(row)
                yield row
    except (KeyboardInterrupt, GeneratorExit, SystemExit):
        if saved:
            _say(f"what was counted so far is in {saved.folder}: add --resume to count the rest")
        raise
    if out and like is not None:
        write_rows(saved.read() if saved else kept, out, like, with_errors=failed)
    if saved:
        saved.remove()
    if like is None:
        raise CountingError("none of the photos could be read")


def _request(contents: Contents, arguments: argparse.Namespace) -> dict[str, object]:
    """What determines the rows of a run, apart from its photos."""
    options = counter_options(arguments) | {"device": None}
    return {
        "version": __version__,
        **{name: None if value is None else str(value) for name, value in options.items()},
        "weights": weights_hash(arguments.counter),
        "JSON": contents.json,
        "draw": arguments.draw and str(arguments.draw.absolute()),
        "regions": [f"{region.name} {region.polygon.tolist()} {region.size}" for region in contents.regions],
    }


def _report(skipped: list[str], found: NamedPhotos) -> None:
    """Print on standard error which photos were skipped, and how many files are not photos."""
    report_skipped(skipped)
    if note := found.note():
        _say(note)


def _say(line: str) -> None:
    standard_error.print(line, highlight=False, soft_wrap=True, markup=False)
