"""counting models"""

import argparse
import json

from rich.console import Console
from rich.table import Column, Table

from counting.models.config import config_names
from counting.models.counters.baselines import BASELINES
from counting.models.zoo import BEST, read_card, zoo_names


def run(arguments: argparse.Namespace) -> int:
    """List the zoo with its figures, the configurations that can be trained, and the baselines."""
    cards = {name: read_card(name) for name in zoo_names()}
    if arguments.json:
        print(json.dumps({"zoo": cards, "configurations": config_names(), "baselines": list(BASELINES)}))
        return 0
    counter, trained_on = Column("counter", no_wrap=True), Column("trained on", overflow="fold")
    table = Table(counter, trained_on, "mRMSE", "scored on", "protocol", title="zoo")
    for name, card in cards.items():
        for score in card["scores"]:
            table.add_row(name, card["data"], f"{score['mRMSE']:.3f}", card["scored_on"], score["protocol"])
    console = Console()
    console.print(table)
    console.print(f"the one that answers by default: {BEST}", highlight=False)
    console.print(f"configurations for `counting train`: {', '.join(config_names())}", highlight=False)
    console.print(f"baselines for `counting evaluate`: {', '.join(BASELINES)}", highlight=False)
    return 0
