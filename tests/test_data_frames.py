"""Counts in other libraries: Hugging Face datasets, polars, pandas and supervision."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from torch import Tensor, nn, tensor

import counting
from counting.tables.table_files import write_table

CLASSES = ("__background__", "dog", "cat")


class Detector(nn.Module):
    """Two dogs in every photo."""

    def forward(self, photos: list[Tensor]) -> list[dict[str, Tensor]]:
        boxes = tensor([[0.0, 0, 20, 20], [80, 40, 100, 60]])
        return [{"labels": tensor([1, 1]), "boxes": boxes, "scores": tensor([0.9, 0.6])} for _ in photos]


@pytest.fixture
def counter(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(
        "counting.detection.detectors.torchvision.build_model", lambda name, weights: (Detector(), CLASSES)
    )
    return counting.load("torchvision:stub", "cpu")


@pytest.fixture
def photos(tmp_path: Path) -> list[str]:
    paths = [tmp_path / f"{name}.png" for name in ("a", "b")]
    for path in paths:
        Image.new("RGB", (100, 60)).save(path)
    return list(map(str, paths))


def test_rows_of_a_hugging_face_dataset_are_counted_decoded_or_not(counter: Any, photos: list[str]) -> None:
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face datasets")
    data = datasets.Dataset.from_dict({"image": photos, "label": [0, 1]}).cast_column("image", datasets.Image())
    undecoded = data.cast_column("image", datasets.Image(decode=False))
    for rows in (data, undecoded, data["image"], undecoded["image"]):
        assert [result.counts for result in counter.stream(rows)] == [{"dog": 2}] * 2
    assert counter.count(data[0]).counts == {"dog": 2}
    with_counts = data.map(lambda row: {"dogs": counter.count(row)["dog"].count})
    assert with_counts["dogs"][:] == [2, 2]


def test_results_become_rows_of_a_hugging_face_dataset(counter: Any, photos: list[str]) -> None:
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face datasets")
    rows = [row for result in counter.stream(photos) for row in result.to_rows()]
    data = datasets.Dataset.from_list(rows)
    assert data.num_rows == 4
    assert data.filter(lambda row: row["category"] == "dog")["count"][:] == [2, 2]


def test_what_is_no_image_in_a_row_is_refused(counter: Any) -> None:
    for row in ({}, {"image": None}, {"bytes": None, "path": None}, {"bytes": b"no image", "path": "x.jpg"}):
        with pytest.raises(counting.PhotoError):
            counter.count(row)


@pytest.mark.parametrize("library", ["polars", "pandas"])
def test_parquet_is_read_by_data_frame_libraries(
    counter: Any, photos: list[str], tmp_path: Path, library: str
) -> None:
    frames = pytest.importorskip(library, reason=f"needs {library}")
    write_table(counter.count(photos[0]).to_table(), tmp_path / "counts.parquet")
    frame = frames.read_parquet(tmp_path / "counts.parquet")
    assert list(frame["image"]) == ["a"]
    assert list(frame["dog"]) == [2]
    assert np.array(next(iter(frame["cell_counts"]))).reshape(9, 2)[:, 0].tolist() == [1, 0, 0, 0, 0, 0, 0, 0, 1]


def test_supervision_gets_the_centres(counter: Any, photos: list[str]) -> None:
    supervision = pytest.importorskip("supervision", reason="needs supervision")
    found = counter.count(photos[0]).to_detections()
    assert isinstance(found, supervision.Detections)
    assert found.xyxy.tolist() == [[10, 10, 10, 10], [90, 50, 90, 50]]
    assert found.data["class_name"].tolist() == ["dog", "dog"]
