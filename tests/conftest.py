"""Fixtures that every test may use."""

import os
from pathlib import Path

import pytest

os.environ.setdefault("OMP_NUM_THREADS", "1")  # before torch is there: threads only slow small tensors down


@pytest.fixture(scope="session")
def data_root() -> Path:
    """The folder with real data (``VOCdevkit``, ``coco``, ``ceos``, ``detections``)."""
    folder = os.environ.get("COUNTING_DATA")
    if not folder:
        pytest.skip("needs the real data: set COUNTING_DATA to the folder that holds VOCdevkit and coco")
    return Path(folder)


@pytest.fixture
def own_cache(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Features of photos are cached in the folder of this test run."""
    monkeypatch.setenv("COUNTING_CACHE", str(tmp_path_factory.getbasetemp() / "cache"))
