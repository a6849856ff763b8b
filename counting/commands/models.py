"""counting models"""

import argparse
import json
from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any

from rich.console import Console

from counting.networks.baselines import BASELINES
from counting.networks.config import config_names
from counting.networks.zoo.cards import BEST, read_card, zoo_names

WIDTH = 60
"""Largest number of characters in a line of a card."""


def run(arguments: argparse.Namespace) -> int:
    """List the counters of the zoo with their scores, the configurations for training, and the baselines."""
    cards = {name: read_card(name) for name in zoo_names()}
    if arguments.json:
        print(json.dumps({"zoo": cards, "configurations": config_names(), "baselines": list(BASELINES)}))
        return 0
    console = Console(highlight=False)
    console.print("Counters, for --counter and `counting evaluate`", style="bold")
    for name, card in cards.items():
        for line in _lines(name, card):
            console.print(line, markup=False)
    console.print("  mRMSE: root mean square error of the count, averaged over", style="dim")
    console.print("  the categories; lower is better", style="dim")
    for title, names in (
        ("Configurations, for `counting train`", config_names()),
        ("Baselines, for `counting evaluate`", tuple(BASELINES)),
    ):
        console.print(f"\n{title}", style="bold")
        for name in names:
            console.print(f"  {name}", markup=False)
    return 0


def _lines(name: str, card: Mapping[str, Any]) -> Iterator[str]:
    yield f"  {name}{' (default)' if name == BEST else ''}"
    yield from wrap(f"trained on {card['data']}", WIDTH, initial_indent="    ", subsequent_indent="      ")
    for score in card["scores"]:
        protocol = "" if score["protocol"] == "all" else f", {score['protocol']}"
        yield f"    mRMSE {score['mRMSE']:.3f} on {score['data']} {score['split']}{protocol}"
