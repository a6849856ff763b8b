"""Run a script in an environment that has transformers 4.56.2, the last release whose core has group beam search.

    python benchmarks/with_transformers.py [--environment DIR] SCRIPT [OPTION …]

The environment is made on first use, in a folder for temporary files unless another is named. transformers 4 does
not go with all that this project needs, so its other dependencies are not there.
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
        parser.error("which script?")
    python = arguments.environment / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    if not python.exists():
        venv.create(arguments.environment, with_pip=True)
    subprocess.run([python, "-m", "pip", "install", "--quiet", *REQUIREMENTS], check=True)
    paths = os.pathsep.join([str(ROOT), str(ROOT / "datasets")])
    command = [python, *arguments.script]
    sys.exit(subprocess.run(command, env={**os.environ, "PYTHONPATH": paths}).returncode)


if __name__ == "__main__":
    main()
