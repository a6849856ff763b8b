"""An argument parser with short errors, argument types, and options that several commands share."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from counting_datasets.categories import parse_categories
from counting_datasets.errors import DataError, choices

LONGEST_NAME = 255
"""Maximum length in bytes of one part of a path on common file systems."""

LONGEST_PATH = 4095
"""Maximum length in bytes of a path on Linux."""

MOST_TILES = 16
"""Maximum number of tiles along a side of a photo."""

_SHOWN = 40
"""Maximum number of characters of an argument that an error message quotes."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors fit on one line and suggest corrections."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def unknown_options(self, left: list[str]) -> NoReturn:
        """Report arguments that this command does not take, and exit."""
        word = shortened(left[0])
        if not word.startswith("-"):
            self.error(f"unexpected argument {word!r}")
        options = [name for name in self._option_string_actions if name.startswith("--")]
        self.error(f"unknown option {word!r}: {choices(word.partition('=')[0], options)}")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.choices is None or value in action.choices:
            return
        word = shortened(str(value))
        raise argparse.ArgumentError(action, f"unknown value {word!r}: {choices(word, map(str, action.choices))}")


def name(text: str) -> str:
    """A path, a pattern, or the name of a counter or a split."""
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty")
    if "\0" in text:
        raise argparse.ArgumentTypeError("contains a NUL byte")
    parts = (part for whole in text.split("+") for part in Path(whole).parts)
    size = max((len(os.fsencode(part)) for part in parts), default=0)
    if size > LONGEST_NAME:
        raise argparse.ArgumentTypeError(
            f"name too long: {shortened(text)!r} has {size} bytes (at most {LONGEST_NAME})"
        )
    if len(os.fsencode(text)) > LONGEST_PATH and "+" not in text:
        raise argparse.ArgumentTypeError(f"path too long: {shortened(text)!r} (at most {LONGEST_PATH} bytes)")
    return text


def folder_name(text: str) -> str:
    """The name of one folder, without a path to it."""
    if name(text) in (".", "..") or "/" in text or "\\" in text:
        raise argparse.ArgumentTypeError(f"{shortened(text)!r} is not a plain folder name, such as my-run")
    return text


def path(text: str) -> Path:
    """A path, with ``~`` for the home folder."""
    try:
        return Path(name(text)).expanduser()
    except RuntimeError as error:
        raise argparse.ArgumentTypeError(f"{shortened(text)!r}: {str(error).lower()}") from None


def integer(low: int, high: int) -> Callable[[str], int]:
    """The type of an argument that is a whole number from ``low`` to ``high``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a whole number: {shortened(text)!r}") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must be between {low:,} and {high:,}, not {shortened(text)}")
        return value

    return parse


def tile(text: str) -> "int | str":
    """Number of tiles along the longer side of a photo, or "auto"."""
    return text if text == "auto" else integer(1, MOST_TILES)(text)


def number(low: float, high: float) -> Callable[[str], float]:
    """The type of an argument that is a number from ``low`` to ``high``."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a number: {shortened(text)!r}") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise argparse.ArgumentTypeError(f"must be between {low:,g} and {high:,g}, not {shortened(text)}")
        return value

    return parse


def shortened(text: str) -> str:
    """An argument cut to a length that fits in an error message."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def words(text: str) -> tuple[str, ...]:
    """The categories in a list such as "apple, traffic cone"."""
    try:
        return parse_categories(text)
    except DataError as error:
        raise argparse.ArgumentTypeError(shortened(str(error))) from None


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"
Options: TypeAlias = "argparse._ActionsContainer"
"""A parser or a group of its arguments."""


def add_command(commands: Commands, command: str, summary: str, example: str) -> Parser:
    """The parser of ``command``, whose help begins with ``summary`` and ends with ``example``."""
    return commands.add_parser(
        command,
        help=summary,
        description=summary[0].upper() + summary[1:] + ".",
        epilog=f"example:\n  {example}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def add_device(parser: Parser) -> None:
    """Add --device."""
    parser.add_argument("--device", help="cpu, cuda, cuda:1 or mps (default: cuda if available)")


def add_counter(parser: Parser) -> None:
    """Add --counter, and --categories for a zero-shot detector."""
    parser.add_argument(
        "--counter",
        type=name,
        metavar="WHAT",
        help="a name from `counting models`, a run folder, a .safetensors file, or a detector: torchvision:NAME, "
        "ultralytics:FILE, rfdetr:NAME, transformers:MODEL or onnx:FILE, alone or with the file of its fitted "
        "counter: DETECTOR+FILE.counter.json",
    )
    parser.add_argument(
        "--categories",
        type=words,
        default=(),
        metavar="A,B,C",
        help='what a zero-shot detector is to count, such as "apple, traffic cone"',
    )


def add_place(parser: Options) -> None:
    """Add the options that locate a data set."""
    parser.add_argument("--root", type=path, metavar="DIR", help="the folder with JPEGImages or annotations")
    parser.add_argument("--annotations", type=path, metavar="FILE", help="COCO instances file, instead of --root")
    parser.add_argument("--images", type=path, metavar="DIR", help="the folder with the photos of --annotations")
    parser.add_argument(
        "--categories",
        metavar="A,B,C",
        help="all categories of your own data in VOC's format, or some of another data set's",
    )
    parser.add_argument(
        "--unannotated-are-empty",
        action="store_true",
        help="in your own data in VOC's format, treat photos without an XML file as empty",
    )
