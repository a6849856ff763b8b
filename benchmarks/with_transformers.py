"""Run a script in an environment that has transformers 4.56.2, the last release whose core has group beam search.

    python benchmarks/with_transformers.py [--environment DIR] SCRIPT [OPTION …]

The environment is created on first use, by default in the temporary folder. transformers 4 is incompatible with
some of this project's dependencies, so the environment leaves out those that the scripts do not need.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

REQUIREMENTS = ("transformers==4.56.2", "torch>=2.11", "numpy", "pillow")
ROOT = Path(__file__).resolve().parent.parent


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    default = Path(tempfile.gettempdir()) / "counting-transformers-4.56.2"
    parser.add_argument("--environment", type=Path, default=default, help=str(default))
    parser.add_argument("script", nargs=argparse.REMAINDER)
    arguments = parser.parse_args()
    if not arguments.script:
        parser.error("name the script to run")
    python = arguments.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(arguments.environment, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "datasets")])
    command = [python, *arguments.script]
    sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}).returncode)


if __name__ == "__main__":
    main()
