"""Regions of photos on the command line, and their counts in JSON rows."""

import argparse
from collections.abc import Sequence
from typing import Any

from counting.predictor.region_counts import RegionCounts
from counting.predictor.regions import Region, read_regions
from counting_datasets.errors import CountingError


def regions_for(arguments: argparse.Namespace) -> tuple[Region, ...]:
    """The regions of --region; none without it.

    Raises:
        CountingError: the file does not describe regions, or --out cannot contain their counts.
    """
    if arguments.region is None:
        return ()
    if arguments.out and arguments.out.suffix.lower() != ".json":
        raise CountingError(f"--out {arguments.out}: the counts of regions need a .json file")
    return read_regions(arguments.region)


def with_regions(rows: list[dict[str, Any]], parts: Sequence[RegionCounts]) -> list[dict[str, Any]]:
    """A photo's JSON rows, one per category, each with a list ``regions`` of the category's counts in them."""
    if not parts:
        return rows
    said = [(part.region, part.to_dict()["rows"]) for part in parts]
    return [
        {**row, "regions": [{"region": name, **_without_category(of_region[k])} for name, of_region in said]}
        for k, row in enumerate(rows)
    ]


def _without_category(row: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in row.items() if key != "category"}
