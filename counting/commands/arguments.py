"""What the command line accepts: a parser with short errors, and the types of its arguments."""

import argparse
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeAlias

from counting_datasets.errors import choices

LONGEST_NAME = 255
"""Greatest length in bytes of one part of a path, on the usual file systems."""

LONGEST_PATH = 4095

_SHOWN = 40
"""Characters of an argument that an error repeats."""


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors take one line and suggest what may have been meant."""

    def error(self, message: str) -> NoReturn:
        """Print ``message`` and exit with 2."""
        self.exit(2, f"{self.prog}: {message} (see {self.prog} --help)\n")

    def unknown_options(self, left: list[str]) -> NoReturn:
        """Exit because of arguments that this command does not take."""
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
        raise argparse.ArgumentTypeError("contains a zero byte")
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
    """A whole number from ``low`` to ``high``."""

    def parse(text: str) -> int:
        try:
            value = int(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a whole number: {shortened(text)!r}") from None
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"must lie between {low:,} and {high:,}, not {shortened(text)}")
        return value

    return parse


def number(low: float, high: float) -> Callable[[str], float]:
    """A number from ``low`` to ``high``."""

    def parse(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise argparse.ArgumentTypeError(f"not a number: {shortened(text)!r}") from None
        if not (math.isfinite(value) and low <= value <= high):
            raise argparse.ArgumentTypeError(f"must lie between {low:,g} and {high:,g}, not {shortened(text)}")
        return value

    return parse


def shortened(text: str) -> str:
    """The beginning of a long argument, for an error."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


Commands: TypeAlias = "argparse._SubParsersAction[Parser]"


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
    parser.add_argument("--device", help="cpu, cuda, cuda:1, mps (default: cuda where there is one)")


def add_place(parser: Parser) -> None:
    """Add the options that say where data lie."""
    parser.add_argument("--root", type=path, help="the folder that holds JPEGImages or annotations")
    parser.add_argument("--annotations", type=path, help="a COCO instances file, in place of --root")
    parser.add_argument("--images", type=path, help="the folder with the photos of --annotations")
    parser.add_argument(
        "--categories", help="a,b,c: all categories of your own VOC data, or some of another data set"
    )
    parser.add_argument(
        "--unannotated-are-empty",
        action="store_true",
        help="in your own VOC data, take a photo without an XML file as one without objects",
    )
