"""Commands as a user runs them: in a process and a folder of their own."""

import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path


class Shell:
    """Runs `counting` in a folder of its own, its feature cache beside it."""

    def __init__(self, folder: Path, timeout: float = 300) -> None:
        self.folder = folder
        self.timeout = timeout
        self.environment = {**os.environ, "COUNTING_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
        self.environment.pop("COUNTING_DATA", None)

    def start(self, *arguments: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "counting.cli", *map(str, arguments)]
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # A test run begun in a shell's background ignores Ctrl-C, and so would its children.
        heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
        return subprocess.Popen(
            command, cwd=self.folder, env=self.environment, text=True, preexec_fn=heed, **pipes
        )

    def __call__(self, *arguments: object, code: int = 0) -> tuple[str, str]:
        """(standard output, standard error); a traceback is never an answer."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=self.timeout)
        assert "Traceback" not in err, err
        assert process.returncode == code, (process.returncode, out, err)
        return out, err

    def refuses(self, *arguments: object) -> str:
        """One line of error, and exit code 2."""
        out, err = self(*arguments, code=2)
        lines = [line for line in err.splitlines() if not line.startswith("skipped")]
        assert len(lines) == 1, err
        assert not out
        return lines[0]
