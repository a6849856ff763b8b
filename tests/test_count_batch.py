"""CountBatch: batches of columns in, the columns of `counting predict` out."""

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tiny import save_tiny_counter, write_photos

from counting.bulk import CountBatch
from counting.predictor.predictor import load
from counting_datasets.errors import CountingError


@pytest.fixture(scope="module")
def counter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_counter(tmp_path_factory.mktemp("counter"))


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    return sorted(write_photos(tmp_path_factory.mktemp("many") / "photos", 3).iterdir())


def check_counts(columns: dict[str, Any], counter: Path, photos: list[Path]) -> None:
    for place, photo in enumerate(photos):
        result = load(counter).count(photo)
        assert columns["red"][place] == result.cells[:, 1].sum(dtype=np.float64)
        assert np.array_equal(columns["cell_counts"][place], result.cells.ravel())
        assert np.array_equal(columns["distribution"][place].reshape(2, -1)[1], result["red"].distribution)
        assert columns["text"][place] == result.text
        assert columns["error"][place] == ""


def test_paths_are_counted_and_other_columns_are_kept(counter: Path, photos: list[Path]) -> None:
    paths = np.array([str(photo) for photo in photos])
    columns = CountBatch(counter)({"path": paths, "label": np.arange(3)})
    assert list(columns) == ["path", "label", "text", "error", "blue", "red", "cell_counts", "distribution"]
    assert columns["label"].tolist() == [0, 1, 2]
    check_counts(columns, counter, photos)


def test_bytes_are_counted_and_not_returned(counter: Path, photos: list[Path]) -> None:
    columns = CountBatch(counter)({"bytes": [photo.read_bytes() for photo in photos], "path": ["a", "b", "c"]})
    assert list(columns)[:3] == ["path", "text", "error"]
    check_counts(columns, counter, photos)


def test_a_photo_that_cannot_be_counted_has_an_error_and_nan(counter: Path, photos: list[Path]) -> None:
    columns = CountBatch(counter)({"bytes": [photos[0].read_bytes(), b"broken"]})
    assert columns["error"].tolist() == ["", "empty, or not an image of a known format"]
    assert np.isnan(columns["red"]).tolist() == [False, True]
    assert np.isnan(columns["cell_counts"][1]).all()
    assert np.isnan(columns["distribution"][1]).all()


def test_a_batch_without_photos_is_refused(counter: Path) -> None:
    with pytest.raises(CountingError, match="needs a column bytes or path, not only label"):
        CountBatch(counter)({"label": [1]})


def test_hugging_face_datasets_are_counted(counter: Path, photos: list[Path]) -> None:
    datasets = pytest.importorskip("datasets", reason="needs Hugging Face datasets")
    rows = datasets.Dataset.from_dict({"path": [str(photo) for photo in photos]})
    counted = rows.map(CountBatch(counter), batched=True, batch_size=2, new_fingerprint="counted")
    check_counts(counted.with_format("numpy")[:], counter, photos)


def test_the_function_of_the_recipe_for_spark_counts_data_frames() -> None:
    """Spark itself calls it with an iterator of pandas frames, one for each Arrow batch."""
    pandas = pytest.importorskip("pandas", reason="needs pandas")
    root = Path(__file__).parents[1]
    page = (root / "docs" / "how_to" / "many_photos.md").read_text(encoding="utf-8")
    (recipe,) = re.findall(r"^def count\(batches\):\n.*?(?=^photos)", page, re.DOTALL | re.MULTILINE)
    names: dict[str, Any] = {"pd": pandas}
    exec(recipe, names)
    photos = [str(root / "docs" / "photos" / "astronaut.jpg"), "missing.jpg"]
    frames = list(names["count"](iter([pandas.DataFrame({"path": photos})] * 2)))
    assert [list(frame.columns) for frame in frames] == [["path", "error", "person"]] * 2
    assert frames[0]["error"].tolist() == ["", "no such photo"]
    assert frames[0]["person"].isna().tolist() == [False, True]
