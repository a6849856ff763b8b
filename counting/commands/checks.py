"""Fast checks of the names in a request, made before slow imports so that typos are reported at once."""

import argparse
from collections.abc import Callable
from pathlib import Path

from counting.commands.video_arguments import check_places
from counting_datasets.data_sets import find_data_set
from counting_datasets.errors import CountingError, choices
from counting_datasets.text_files import expanded


def check_request(arguments: argparse.Namespace) -> None:
    """Refuse a counter, photo, category, data set or configuration that does not exist.

    Raises:
        CountingError: names the first one that does not exist.
    """
    for option, check in _CHECKS.items():
        value = getattr(arguments, option, None)
        if value is not None:
            check(value, arguments)


def check_counter(counter: str) -> None:
    """Refuse an unknown zoo name or a path without a counter.

    Raises:
        CountingError: lists the known names.
    """
    if ":" in counter:  # a detector, checked when it is built
        return
    from counting.networks.zoo import find_weights

    file = Path(counter)
    if file.suffix and file.is_file():
        return
    weights = find_weights(counter)
    if not weights.is_file():
        raise CountingError(f"{counter}: no such file")


def _check_what(what: str, arguments: argparse.Namespace) -> None:
    """Check each member of an ensemble, or the single counter."""
    from counting.commands.sources import member_names
    from counting.detection.detectors.registry import split_counter_file
    from counting.networks.baselines import BASELINES
    from counting.networks.zoo import zoo_names

    for member, fitted in map(split_counter_file, member_names(what)):
        if fitted and not fitted.is_file():
            raise CountingError(f"{fitted}: no such file; `counting fit` writes it")
        if member in BASELINES or ":" in member or Path(member).exists():
            continue
        if Path(member).suffix:
            raise CountingError(f"{member}: no such file")
        if "/" in member:
            check_counter(member)
        elif member not in zoo_names():
            known = (*zoo_names(), *BASELINES)
            raise CountingError(f"unknown counter {member!r}: {choices(member, known)}, or a run folder or file")


def _check_photo(photo: Path, arguments: argparse.Namespace) -> None:
    if not photo.exists():
        raise CountingError(f"{photo}: no such photo")


def _check_photos(places: list[str], arguments: argparse.Namespace) -> None:
    """Check that at least one photo exists; patterns, URLs and standard input are read later."""
    check_places(arguments)
    if places and not any(
        place == "-" or set(place) & set("*?[:") or expanded(Path(place)).exists() for place in places
    ):
        raise CountingError(f"{places[0]}: no photo found")


def _check_place(place: str, arguments: argparse.Namespace) -> None:
    """Check that a folder of photos exists; patterns are read later."""
    if not set(place) & set("*?[:") and not expanded(Path(place)).exists():
        raise CountingError(f"{place}: no photo found")


def _check_categories(names: list[str], arguments: argparse.Namespace) -> None:
    """Check that the counter knows each category, by its own name or VOC's or COCO's."""
    from counting.networks.zoo import BEST, find_weights
    from counting.networks.zoo.cards import read_categories
    from counting_datasets.categories import match_categories

    counter = getattr(arguments, "counter", None) or BEST
    if ":" in counter:
        return
    known = read_categories(find_weights(counter))
    for name in names if known else ():
        if not match_categories((name,), known or ()):
            raise CountingError(f"{counter} does not count {name!r}: {choices(name, known or ())}")


def _check_question(question: str, arguments: argparse.Namespace) -> None:
    """Check that counts of the counter's categories can answer the question."""
    from counting.networks.zoo import BEST, find_weights
    from counting.networks.zoo.cards import read_categories
    from counting.questions.parsing.parser import understood

    counter = getattr(arguments, "counter", None) or BEST
    known = None if ":" in counter else read_categories(find_weights(counter))
    if known:
        understood(question, known)


def _check_data(data: str, arguments: argparse.Namespace) -> None:
    find_data_set(data)


def _check_config(config: str, arguments: argparse.Namespace) -> None:
    from counting.networks.config import config_names

    if not Path(config).is_file() and config not in config_names():
        if Path(config).suffix in (".yaml", ".yml"):
            raise CountingError(f"{config}: no such file")
        raise CountingError(f"no configuration {config!r}: {choices(config, config_names())}, or a YAML file")


_CHECKS: dict[str, Callable[..., None]] = {
    "config": _check_config,
    "data": _check_data,
    "counter": lambda counter, arguments: check_counter(counter),
    "what": _check_what,
    "against": _check_what,
    "photo": _check_photo,
    "photos": _check_photos,
    "int8": _check_place,
    "category": _check_categories,
    "question": _check_question,
}
"""The check of each argument, in the order in which they run."""
