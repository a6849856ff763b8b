"""The public API: each documented snippet runs, and each name does what its page says."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw

import counting
from counting.networks.zoo import BEST


@pytest.fixture(scope="module")
def photo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two rough people on a lawn: whatever is counted there is counted again and again."""
    image = Image.new("RGB", (160, 120), (90, 140, 80))
    pen = ImageDraw.Draw(image)
    for x in (40, 105):
        pen.ellipse((x, 20, x + 18, 40), fill=(224, 180, 150))
        pen.rectangle((x - 6, 40, x + 24, 110), fill=(40, 50, 120))
    path = tmp_path_factory.mktemp("holiday") / "photo.png"
    image.save(path)
    image.rotate(10).save(path.parent / "b.png")
    return path


@pytest.fixture(scope="module")
def counter() -> Any:
    return counting.load()


def test_importing_the_package_imports_nothing_heavy_until_it_is_used() -> None:
    heavy = "torch", "numpy", "timm", "torchvision", "PIL", "pydantic", "scipy", "pandas"
    code = (
        "import sys, counting; names = dir(counting); "
        f"assert not [name for name in {heavy!r} if name in sys.modules]; "
        "assert counting.CountingError is not None and 'torch' not in sys.modules; print(*names)"
    )
    out = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert {"load", "evaluate", "models", "to_pandas", "CountResult", "CountingError"} <= set(out.split())


def test_snippet_one_photo_and_several(counter: Any, photo: Path) -> None:
    result = counter.count(photo)
    assert isinstance(result, counting.CountResult)
    array = np.asarray(Image.open(photo))
    several = [
        str(photo),
        Image.open(photo),
        array,
        torch.from_numpy(array.copy()).permute(2, 0, 1),
        photo.read_bytes(),
    ]
    results = counter.count(several)
    assert len(results) == 5
    for one in results:
        assert one.cells == pytest.approx(result.cells, abs=1e-6)
    assert [one.path for one in results] == [photo, None, None, None, None]
    assert [one.path.name for one in counter.count(photo.parent)] == ["b.png", "photo.png"]
    assert counter.count([]) == []


def test_snippet_a_stream_is_bounded_and_goes_on_after_errors(counter: Any, photo: Path) -> None:
    broken = photo.parent.parent / "broken.jpg"
    broken.write_bytes(b"no image")
    read: list[int] = []

    def photos() -> Iterator[Any]:
        for number in range(1000):
            read.append(number)
            yield broken if number == 1 else photo

    stream = counter.stream(photos(), on_error="skip", workers=2)
    assert next(stream).path == next(stream).path == photo
    assert len(read) < 20
    stream.close()
    errors: list[counting.CountingError] = []
    assert len(list(counter.stream([photo, broken, photo], on_error=errors.append, workers=1))) == 2
    assert [type(error) for error in errors] == [counting.PhotoError]
    assert "broken.jpg" in str(errors[0])
    with pytest.raises(counting.PhotoError, match=r"broken\.jpg"):
        list(counter.stream([photo, broken]))
    with pytest.raises(counting.CountingError, match="on_error"):
        counter.stream([photo], on_error="ignore")
    with pytest.raises(counting.CountingError, match="workers=0"):
        counter.stream([photo], workers=0)


def test_snippet_what_a_result_holds(counter: Any, photo: Path) -> None:
    result = counter.count(photo)
    assert result.size == (160, 120)
    assert result.path == photo
    assert result.categories == counter.categories
    assert len(set(result.categories)) == len(counter.categories)
    assert result.cells.dtype == np.float32
    assert result.cells.shape == (9, len(counter.categories))
    person = result["person"]
    assert person.low <= person.count <= person.high or person.count in (person.low - 1, person.high + 1)
    assert person.expected == pytest.approx(person.distribution @ np.arange(len(person.distribution)), abs=1e-4)
    assert person.probability == pytest.approx(1 - person.distribution[0], abs=1e-6)
    assert person.points[:, 2].sum() == pytest.approx(person.expected)
    assert (person.points[:, :2] >= 0).all()
    assert (person.points[:, :2] <= result.size).all()
    assert result["couch"].category == result["sofa"].category
    with pytest.raises(counting.CountingError, match="does not count 'unicorn'"):
        result["unicorn"]
    assert result.counts == {
        one.category: one.count
        for one in sorted(
            (one for one in result if one.guess.shown), key=lambda one: (-one.count, -one.probability)
        )
    }


def test_snippet_json_drawing_and_words_say_the_same(counter: Any, photo: Path) -> None:
    result = counter.count(photo)
    said = json.loads(json.dumps(result.to_dict()))
    assert (said["file_name"], said["image_id"], said["size"]) == ("photo.png", "photo", [160, 120])
    assert said["counts"] == result.counts
    for row, one in zip(said["rows"], result, strict=True):
        assert (row["category"], row["count"]) == (one.category, one.count)
        assert row["interval"] == {"level": 0.8, "low": one.low, "high": one.high}
        assert np.sum(row["cells"]) == pytest.approx(row["count_raw"], abs=1e-4)
        assert sum(weight for _, _, weight in row["points"]) == pytest.approx(one.expected, abs=1e-3)
    assert result.draw().width >= 640
    assert str(result) == f"photo.png: {', '.join(result.things) or 'no known objects'}"
    for text in (repr(result), repr(result["dog"]), repr(counter)):
        assert "\n" not in text
    assert BEST in repr(counter)


def test_snippet_ask_and_explain(counter: Any, photo: Path) -> None:
    answer = counter.ask(photo, "how many people are there?")
    person = counter.count(photo)["person"]
    assert (answer.understood, answer.reason) == ("counting category: person", None)
    assert (answer.count, answer.low, answer.high, answer.text) == (
        person.count,
        person.low,
        person.high,
        str(person),
    )
    refused = counter.ask(photo, "what colour is the sky?")
    assert (refused.understood, refused.count, refused.low) == ("", None, None)
    assert refused.reason == refused.text
    assert "how many" in refused.reason
    why = counter.explain(str(photo), "person")
    assert why.map.shape == (120, 160)
    assert why.map.dtype == np.float32
    assert 0 <= why.map.min() <= why.map.max() <= 1
    assert isinstance(why.score, float)
    assert isinstance(why.figure(), Image.Image)
    with pytest.raises(counting.CountingError, match="unicorn"):
        counter.explain(photo, "unicorn")


def test_snippet_scores_models_and_frames(counter: Any, photo: Path) -> None:
    scores = counting.evaluate([[1.2, 0.0], [2.6, 1.0]], [[1, 0], [2, 1]], categories=["dog", "cat"])
    assert scores.mRMSE == pytest.approx(np.sqrt(0.5) / 2)
    cards = counting.models()
    assert BEST in cards
    assert {"data", "scores"} <= cards[BEST].keys()
    frame = counting.to_pandas(counter.count([photo, photo]))
    assert list(frame.columns) == ["photo", "category", "count", "expected", "low", "high", "probability"]
    assert len(frame) == 2 * len(counter.categories)
    assert len(counting.to_pandas(counter.count(photo))) == len(counter.categories)


def test_without_the_package_supervision_detections_are_refused_by_name(counter: Any, photo: Path) -> None:
    with pytest.raises(counting.CountingError, match="supervision"):
        counter.count(photo).to_detections()


def test_what_cannot_be_loaded_or_counted_is_an_error_that_names_it(counter: Any, photo: Path) -> None:
    for name, says in (("voc2007-miracle", "voc2007-miracle"), ("missing.safetensors", "missing.safetensors")):
        with pytest.raises(counting.CountingError, match=says):
            counting.load(name)
    with pytest.raises(counting.CountingError, match="unknown torchvision detector"):
        counting.load("torchvision:nothing")
    with pytest.raises(counting.PhotoError, match=r"missing\.jpg"):
        counter.count("missing.jpg")
    with pytest.raises(counting.PhotoError, match="photo 2"):
        counter.count([photo, 7])
    with pytest.raises(counting.CountingError, match="empty path"):
        counter.count("")
    assert issubclass(counting.PhotoError, counting.CountingError)
    assert issubclass(counting.DataError, counting.CountingError)
    with pytest.raises(AttributeError, match="nothing_like_it"):
        counting.nothing_like_it  # noqa: B018


def test_threads_count_as_one_photo_at_a_time_does(counter: Any, photo: Path) -> None:
    photos = [photo, photo.parent / "b.png"] * 3
    alone, beside = (list(counter.stream(photos, workers=workers)) for workers in (1, 3))
    assert [one.path for one in beside] == photos
    for a, b in zip(alone, beside, strict=True):
        assert a.cells == pytest.approx(b.cells, abs=1e-5)


def test_own_counters_and_backbones_register_by_decorators() -> None:
    from counting.networks.backbones import register_backbone
    from counting.networks.counters import register_counter

    assert counting.register_counter is register_counter
    assert counting.register_backbone is register_backbone
