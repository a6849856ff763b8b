"""Arguments of ``counting predict`` for videos and cameras."""

import argparse
import re
from pathlib import PurePath

from counting.commands.arguments import Parser, path, shortened
from counting_datasets.errors import CountingError

VIDEO_SUFFIXES = frozenset({
    ".mp4", ".m4v", ".mov", ".avi", ".mkv", ".webm", ".mpg", ".mpeg", ".mts", ".m2ts", ".wmv", ".flv", ".3gp",
    ".ogv",
})  # fmt: skip
"""Common file name suffixes of videos, in lower case; with --every, a video may have any name."""

LONGEST = 86_400.0
"""Largest value of --every, in seconds: a day."""

SHORTEST = 0.001
"""Smallest value of --every, in seconds."""

DEFAULT_CAMERA = ""
"""Stands for the default camera."""

_UNITS = {"": 1.0, "ms": 0.001, "s": 1.0, "sec": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}


def add_over_time(parser: Parser) -> None:
    """Add the options that count a video or a camera over time."""
    group = parser.add_argument_group("videos and cameras")
    group.add_argument(
        "--every",
        type=interval_seconds,
        metavar="TIME",
        help="count a video over time, in one frame every TIME: 1s, 500ms, 2m",
    )
    group.add_argument(
        "--plot", type=path, metavar="FILE", help="with --every: plot the counts over time (.png, .svg or .pdf)"
    )
    group.add_argument(
        "--webcam",
        nargs="?",
        const=DEFAULT_CAMERA,
        metavar="CAMERA",
        help="print what a camera sees, once a second or every TIME; CAMERA is a device such as /dev/video1, or a "
        "video file (default: the first camera)",
    )


def interval_seconds(text: str) -> float:
    """A length of time with a unit: ``1s``, ``500ms``, ``2m``, ``1h``; a bare number is seconds."""
    match = re.fullmatch(r"\s*(\d+\.?\d*|\.\d+)\s*([a-z]*)\s*", text.lower())
    if not match or match[2] not in _UNITS:
        raise argparse.ArgumentTypeError(f"not a length of time, such as 1s, 500ms or 2m: {shortened(text)!r}")
    seconds = float(match[1]) * _UNITS[match[2]]
    if not SHORTEST <= seconds <= LONGEST:
        raise argparse.ArgumentTypeError(f"must be between 1ms and 24h, not {shortened(text)}")
    return seconds


def is_over_time(arguments: argparse.Namespace) -> bool:
    """Whether to count a video or a camera over time, rather than photos.

    Raises:
        CountingError: --plot without --every.
    """
    if is_asked(arguments):
        return True
    if arguments.plot:
        raise CountingError(f"--plot {arguments.plot}: plots the counts of a video; add --every 1s")
    return False


def is_asked(arguments: argparse.Namespace) -> bool:
    """Whether --every or --webcam is given."""
    return arguments.every is not None or arguments.webcam is not None


def check_places(arguments: argparse.Namespace) -> None:
    """Refuse a request without photos, and one that names only videos but no --every.

    Raises:
        CountingError: says what to add.
    """
    places = arguments.photos
    if not places and arguments.webcam is None:
        raise CountingError("name photos, folders or patterns to count, or a video with --every 1s")
    if places and not is_asked(arguments) and all(map(is_video_name, places)):
        raise CountingError(f"{places[0]}: is a video; count it over time with --every 1s")


def is_video_name(place: str) -> bool:
    """Whether a name has a video's suffix."""
    return PurePath(place).suffix.lower() in VIDEO_SUFFIXES
