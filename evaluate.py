"""``python evaluate.py …`` is ``counting evaluate …``."""

import sys

from counting.cli import main

if __name__ == "__main__":
    sys.exit(main(["evaluate", *sys.argv[1:]]))
