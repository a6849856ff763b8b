"""A Ray cluster on this machine, whose workers find this package and the modules of the tests."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

os.environ.setdefault("RAY_AUTH_MODE", "disabled")  # read when Ray is imported
ray = pytest.importorskip("ray", reason="needs the extra ray")
cluster_utils = pytest.importorskip("ray.cluster_utils", reason="needs the extra ray")


@contextmanager
def two_worker_nodes() -> Iterator[Any]:
    """A head that does not count, and two worker nodes with one processor each."""
    root = Path(__file__).parents[1]
    paths = os.pathsep.join(map(str, (root, root / "datasets", root / "tests")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", paths)
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("RAY_worker_niceness", "0")  # at 15, the default, workers do not start on a busy machine
        cluster = cluster_utils.Cluster()
        try:
            cluster.add_node(num_cpus=0, include_dashboard=False)
            for _ in range(2):
                cluster.add_node(num_cpus=1)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
