"""counting download"""

import argparse
import os
from pathlib import Path

from counting_datasets.download import download
from counting_datasets.errors import CountingError


def run(arguments: argparse.Namespace) -> int:
    """Download a data set to ``--root`` or ``$COUNTING_DATA``."""
    root = arguments.root or os.environ.get("COUNTING_DATA")
    if not root:
        raise CountingError("no target folder: give --root DIR or set COUNTING_DATA")
    print(f"{arguments.dataset} is in {download(arguments.dataset, Path(root))}")
    return 0
