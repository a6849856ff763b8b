"""``python train.py …`` is ``counting train …``."""

import sys

from counting.cli import main

if __name__ == "__main__":
    sys.exit(main(["train", *sys.argv[1:]]))
