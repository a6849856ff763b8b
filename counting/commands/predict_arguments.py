"""Arguments of ``counting predict``."""

import argparse
from typing import Any

from counting.commands.arguments import (
    Commands,
    Parser,
    add_command,
    add_counter,
    add_device,
    integer,
    name,
    path,
    tile,
)
from counting.commands.video_arguments import add_over_time
from counting_datasets.errors import CountingError

_MAX_WORKERS = 256

_ENDINGS = (".csv", ".json", ".parquet")

_PHOTOS = """\
PHOTO is one of these, on disk or at a URL such as s3://bucket/photos/:
  a photo, a folder with its subfolders or a pattern such as '*.jpg'
  a .tar archive of photos, such as a WebDataset shard
  a .parquet file with a column of image bytes or of paths
  - for a list of these on standard input"""


def add_predict(commands: Commands) -> None:
    """Add `counting predict`."""
    parser = add_command(
        commands,
        "predict",
        "count objects in photos",
        "counting predict holiday/ --out counts.csv --draw drawn/\n"
        "  counting predict street.mp4 --every 1s --out counts.csv --plot counts.png",
    )
    parser.description = f"{parser.description}\n\n{_PHOTOS}"
    parser.add_argument("photos", nargs="*", type=name, metavar="PHOTO|FOLDER|GLOB", help="the photos")
    add_counter(parser)
    add_device(parser)
    parser.add_argument(
        "--tile",
        type=tile,
        metavar="auto|N",
        help="count large photos also in tiles, N along the longer side (auto: by the photo's size and content)",
    )
    _add_outputs(parser)
    _add_engine(parser)
    add_over_time(parser)


def counter_options(arguments: argparse.Namespace) -> dict[str, Any]:
    """The keyword arguments of ``counting.load``: which counter to load, and how it counts.

    Everything that changes the counts belongs here: other processes load the same counter from these options, and
    an interrupted run is only resumed with the same ones.
    """
    keys = {
        "name": "counter",
        "device": "device",
        "categories": "categories",
        "runtime": "runtime",
        "tile": "tile",
    }
    return {key: getattr(arguments, option) for key, option in keys.items()}


def _add_outputs(parser: Parser) -> None:
    parser.add_argument(
        "--out",
        type=path,
        metavar="FILE",
        help="write a .csv (raw counts), .parquet (also cells and distributions) or .json file (everything)",
    )
    parser.add_argument("--draw", type=path, metavar="DIR", help="save each photo with its counts drawn on it")
    parser.add_argument("--json", action="store_true", help="print the counts as JSON rows")
    parser.add_argument(
        "--region",
        type=path,
        metavar="FILE.json",
        help="also count in the regions of a file: polygons of LabelMe or supervision",
    )
    parser.add_argument(
        "--resume",
        action="store_true",
        help="resume an interrupted run: keep what it counted (only with --out and the same request)",
    )


def _add_engine(parser: Parser) -> None:
    parser.add_argument(
        "--workers",
        type=integer(1, _MAX_WORKERS),
        metavar="N",
        help="count N photos at a time: in N processes if there are at least 100 photos for each, else in threads "
        "(default: threads, one per processor, at most 8)",
    )
    parser.add_argument(
        "--engine",
        choices=["local", "ray"],
        default="local",
        help="ray: count on a Ray cluster, with --workers N workers (default: one per processor)",
    )
    parser.add_argument(
        "--runtime",
        choices=["torch", "onnx"],
        default="torch",
        help="count with PyTorch (torch, default) or with onnxruntime (onnx), which is faster on a CPU",
    )
    parser.add_argument(
        "--address", metavar="HOST:PORT", help="with --engine ray: the cluster (default: this machine)"
    )


def check_options(arguments: argparse.Namespace) -> None:
    """Refuse an unknown format and options that do not go together.

    Raises:
        CountingError: says what to change.
    """
    if arguments.out and arguments.out.suffix.lower() not in _ENDINGS:
        raise CountingError(f"--out {arguments.out}: must end in .csv, .json or .parquet")
    if arguments.resume and not arguments.out:
        raise CountingError("--resume needs --out FILE: only runs that write a file can be resumed")
    if arguments.address and arguments.engine != "ray":
        raise CountingError("--address needs --engine ray")
    if arguments.draw and arguments.engine == "ray":
        raise CountingError("--draw does not work with --engine ray: draw on one machine, with --engine local")
