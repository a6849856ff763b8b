"""Regions of photos on the command line."""

import argparse

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
