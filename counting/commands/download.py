"""counting download"""

import argparse
import os
from pathlib import Path

from counting_datasets.download import download
from counting_datasets.errors import CountingError


def run(arguments: argparse.Namespace) -> int:
    """Fetch a data set into the folder that ``$COUNTING_DATA`` or ``--root`` names."""
    root = arguments.root or os.environ.get("COUNTING_DATA")
    if not root:
        raise CountingError("where to? Give --root DIR or set COUNTING_DATA")
    print(f"{arguments.dataset} is in {download(arguments.dataset, Path(root))}")
    return 0
