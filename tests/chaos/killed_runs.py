"""`counting predict` in a process of its own, killed at random moments and resumed each time."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

KILLS = 20


class KilledRuns:
    """Runs of one request: undisturbed, and killed and resumed until its table is whole."""

    def __init__(self, folder: Path, *request: object) -> None:
        self._errors = folder / "errors.txt"
        self._request = [sys.executable, "-m", "counting.cli", "predict", *map(str, request)]

    def start(self, out: Path, *options: str) -> subprocess.Popen[bytes]:
        """Start the command in a session of its own, whose processes can be found."""
        return subprocess.Popen(
            [*self._request, "--out", str(out), *options],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.DEVNULL,
            stderr=self._errors.open("ab"),
            start_new_session=True,
        )

    def finish(self, out: Path, *options: str) -> float:
        """Run the command to its end: how many seconds it took."""
        began = time.monotonic()
        assert self.start(out, *options).wait() == 0, self._errors.read_text()
        return time.monotonic() - began

    def kill_and_resume(self, out: Path, seconds: tuple[float, float], seed: str) -> list[int]:
        """Kill ``KILLS`` runs within ``seconds``, then let one finish: the parts that each kill left behind."""
        chance = random.Random(seed)
        left = []
        for _ in range(KILLS):
            process = self.start(out, "--resume")
            try:
                process.wait(chance.uniform(*seconds))
            except subprocess.TimeoutExpired:
                os.kill(process.pid, signal.SIGKILL)
                left.append(len(list(parts_of(out).glob("part-*"))))
            process.wait()
            wait_for_the_end_of_session(process.pid)
        self.finish(out, "--resume")
        return left


def parts_of(out: Path) -> Path:
    """The folder of the rows that are saved until a table is whole."""
    return out.with_name(f"{out.name}.parts")


def wait_for_the_end_of_session(session: int) -> None:
    """Return when no process of a session is left; the test fails if workers outlive their parent."""
    for _ in range(2400):
        try:
            os.killpg(session, 0)
        except ProcessLookupError:
            return
        time.sleep(0.05)
    pytest.fail("two minutes after the command was killed, processes that it started are still there")
