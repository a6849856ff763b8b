"""Large photos in tiles: each object counts once, small ones are found, large ones are not counted in parts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image, ImageDraw
from scipy import ndimage
from tiny import CATEGORIES, tiny_backbone, tiny_config
from torch import Tensor, nn

import counting
from counting.cli import main
from counting.inputs.grid import Grid
from counting.inputs.tiles import Tiles, fitting_tiles
from counting.networks.cells import Cells
from counting.networks.checkpoint import Checkpoint, build, save
from counting.networks.counters import Counter
from counting.networks.locating import LocatedCells, soft_counts
from counting.predictor.merging import merged
from counting.predictor.predictor import Predictor
from counting.predictor.tiling import levels
from counting.predictor.trained_counter import TrainedCounter
from counting.stats.count_distribution import Calibration
from counting.stats.metrics import round_half_up
from counting_datasets.errors import CountingError

SIDE = 48
CALIBRATION = Calibration(torch.tensor([[0.0, 3.0, 0.5, 0.0, 1.0, 4.0]]).repeat(2, 1), 20)


class DotCells(LocatedCells):
    """Cells that see a centre in the middle of every blue, or red, part of a photo that has 4 pixels or more."""

    def __init__(self) -> None:
        super().__init__(Cells(tiny_backbone(), Grid(2), SIDE, "pool"), 2, 8)

    def with_maps(self, images: Tensor) -> tuple[Tensor, dict[str, Tensor]]:
        coloured = (images[:, [2, 0]] - images[:, [0, 2]] > 1.5).numpy()
        logits = torch.full((len(images), 2, 24, 24), -9.0)
        for image, k in np.ndindex(coloured.shape[:2]):
            parts, number = ndimage.label(coloured[image, k])
            for part in range(1, number + 1):
                rows, columns = np.nonzero(parts == part)
                if len(rows) >= 4:
                    logits[image, k, int(rows.mean() / 2), int(columns.mean() / 2)] = 6
        sums, _ = soft_counts(logits.sigmoid().round(), 2).chunk(2, dim=-1)
        return sums, {"centres": logits}


def predictor(*, calibrated: bool = True) -> Predictor:
    """A counter of red and blue parts of photos of 48 × 48 pixels."""
    counter = Counter(DotCells(), nn.Identity(), CATEGORIES).eval()
    return Predictor(
        "dots",
        TrainedCounter(Checkpoint(counter, None, {}, CALIBRATION if calibrated else None)),  # type: ignore[arg-type]
    )


def dots(*corners: tuple[int, int], size: tuple[int, int] = (192, 192), width: int = 4) -> Image.Image:
    """A black photo with a red square at each of the corners."""
    photo = Image.new("RGB", size, "black")
    pen = ImageDraw.Draw(photo)
    for x, y in corners:
        pen.rectangle((x, y, x + width - 1, y + width - 1), fill="red")
    return photo


def rows_of_dots(first: int = 8, apart: int = 16, number: int = 6) -> list[tuple[int, int]]:
    places = range(first, first + apart * number, apart)
    return [(x, y) for y in places for x in places]


def test_the_shares_of_all_tiles_sum_to_1_in_every_place() -> None:
    tiles = Tiles.along(4, (640, 480), 480, 30)
    assert (tiles.columns, tiles.rows) == (4, 3)
    columns, rows = tiles.shape
    places = np.stack(np.meshgrid(np.arange(columns) + 0.5, np.arange(rows) + 0.5), axis=-1).reshape(-1, 2)
    total = np.zeros(len(places))
    for origin in tiles.origins():
        local = places - origin
        inside = ((local > 0) & (local < 30)).all(axis=1)
        total[inside] += tiles.depth(local[inside], origin)
    assert total == pytest.approx(1)


def test_tiles_are_parts_of_the_photo_at_their_places() -> None:
    ramp = Image.fromarray(np.add.outer(np.arange(112), np.arange(112)).astype(np.uint8))
    tiles = Tiles.along(3, ramp.size, SIDE, 12)
    cut = tiles.cut(ramp, Image.Resampling.BICUBIC)
    assert [one.size for one in cut] == [(SIDE, SIDE)] * 9
    for image, (column, row) in zip(cut, tiles.origins() * 4, strict=True):
        assert np.asarray(image).tolist() == np.asarray(ramp)[row : row + SIDE, column : column + SIDE].tolist()


@pytest.mark.parametrize(
    ("size", "number"), [((640, 480), 1), ((500, 375), 1), ((100, 4032), 8), ((960, 720), 2), ((1, 1), 1)]
)
def test_ordinary_photos_fill_one_tile(size: tuple[int, int], number: int) -> None:
    assert fitting_tiles(size, 480) == number


def test_levels_halve_the_number_of_tiles() -> None:
    assert [levels(finest) for finest in (1, 2, 3, 4, 7, 16)] == [[], [2], [3], [2, 4], [3, 7], [2, 4, 8, 16]]


@pytest.mark.parametrize("first", [3, 22, 37, 56, 75, 91])
def test_each_small_object_counts_once_wherever_the_seams_are(first: int) -> None:
    corners = rows_of_dots(first)
    photo, counter = dots(*corners), predictor()
    whole, tiled = counter.count(photo), counter.count(photo, tile=5)
    assert whole["red"].count < 36
    assert tiled["red"].count == 36
    assert tiled["blue"].count == 0
    certain = tiled["red"].points[:36]
    assert (certain[:, 2] > 0.6).all()
    distance = np.abs(certain[:, None, :2] - np.array(corners) - 2).max(axis=2)
    assert sorted(distance.argmin(axis=1)) == list(range(36))
    assert distance.min(axis=1).max() < 10


def test_a_large_object_is_not_counted_in_parts() -> None:
    photo, counter = dots((40, 40), width=110), predictor()
    assert counter.count(photo)["red"].count == 1
    for tile in (2, 3, 5, "auto"):
        assert counter.count(photo, tile=tile)["red"].count == 1


def test_small_objects_are_found_beside_a_large_one_of_another_category() -> None:
    photo = dots(*[(x, y) for x, y in rows_of_dots() if x < 80])
    ImageDraw.Draw(photo).rectangle((110, 30, 150, 70), fill="blue")
    counted = predictor().count(photo, tile=5)
    assert (counted["red"].count, counted["blue"].count) == (30, 1)


def test_an_ordinary_photo_is_counted_exactly_as_without_tiles() -> None:
    photo, counter = dots((5, 5), (40, 30), (9, 44), size=(64, 50)), predictor()
    plain = counter.count(photo)
    for tile in ("auto", 1):
        tiled = counter.count(photo, tile=tile)
        assert (tiled.cells == plain.cells).all()
        assert tiled.counts == plain.counts
        for name in CATEGORIES:
            assert (tiled[name].low, tiled[name].high) == (plain[name].low, plain[name].high)
            assert tiled[name].expected == pytest.approx(plain[name].expected, abs=1e-4)


def test_auto_keeps_the_counts_of_the_whole_photo_where_tiles_change_none() -> None:
    photo, counter = dots((20, 20), (130, 110), width=16), predictor()
    assert (counter.count(photo, tile="auto").cells == counter.count(photo).cells).all()


@pytest.mark.parametrize("calibrated", [True, False])
def test_cells_points_expected_count_and_distribution_say_the_same(calibrated: bool) -> None:
    counted = predictor(calibrated=calibrated).count(dots(*rows_of_dots()), tile=5)
    assert counted.cells.shape == (4, 2)
    for one, raw in zip(counted, counted.cells.sum(axis=0), strict=True):
        assert one.count == round_half_up(raw)
        assert one.points[:, 2].sum() == pytest.approx(one.expected, rel=1e-6)
        assert (np.diff(one.points[:, 2]) <= 0).all()
        assert ((one.points[:, :2] >= 0) & (one.points[:, :2] <= counted.size)).all()
        if calibrated:
            assert one.distribution @ np.arange(256) == pytest.approx(one.expected, rel=1e-4)
            assert one.distribution.sum() == pytest.approx(1, abs=1e-5)
    assert counted["red"].expected > 20  # more than the largest count of the distributions without tiles
    quarters = [[[x, y], [x + 96, y], [x + 96, y + 96], [x, y + 96]] for x in (0, 96) for y in (0, 96)]
    assert sum(part["red"].count for part in counted.in_regions(quarters)) == counted["red"].count


def test_threads_count_in_tiles_as_one_photo_at_a_time_does(tmp_path: Path) -> None:
    photos = [dots(*rows_of_dots(first)) for first in (4, 9, 14)]
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"no image")
    counter = predictor()
    alone = [counter.count(photo, tile=3).cells for photo in photos]
    skipped: list[Exception] = []
    several: Any = [*photos, broken]
    together = list(counter.stream(several, tile=3, workers=2, on_error=skipped.append))
    assert [one.cells.tolist() for one in together] == [cells.tolist() for cells in alone]
    assert "broken.jpg" in str(skipped[0])


def test_points_of_one_object_are_merged_and_others_are_not() -> None:
    coarse = np.array([[0.5, 0.5, 0.4], [0.1, 0.9, 0.3]])
    fine = np.array([[0.52, 0.5, 0.5], [0.525, 0.505, 0.1], [0.8, 0.2, 0.9]])
    found = merged(coarse, fine, (10, 10), (100, 100))
    assert found[np.argsort(-found[:, 2])] == pytest.approx(
        np.array([[0.52, 0.5, 1.0], [0.8, 0.2, 0.9], [0.1, 0.9, 0.3]])
    )


@pytest.mark.parametrize("tile", [0, 17, -1, 2.0, True, "2", "Auto", ""])
def test_what_is_no_number_of_tiles_is_refused(tile: Any) -> None:
    with pytest.raises(CountingError, match='use "auto" or a whole number from 1 to 16'):
        predictor().count(dots(), tile=tile)


@pytest.fixture
def counters(tmp_path: Path) -> dict[str, Path]:
    """Files of a counter that locates and of one that does not, not trained."""
    files = {}
    for name, head in (("loc_sub", {"depth": 8, "hidden": 8, "heads": 2}), ("aso_sub", {"hidden": [8]})):
        config = tiny_config(tmp_path, counter=name, head=head)
        files[name] = tmp_path / f"{name}.safetensors"
        save(build(config, CATEGORIES), config, files[name], calibration=CALIBRATION)
    return files


def test_counters_that_do_not_locate_are_refused(counters: dict[str, Path]) -> None:
    with pytest.raises(CountingError, match="use a loc-sub counter"):
        counting.load(counters["aso_sub"]).count(dots(), tile=2)


def test_predict_counts_in_tiles(
    counters: dict[str, Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    dots(*rows_of_dots()).save(tmp_path / "photo.png")
    words = ["predict", str(tmp_path / "photo.png"), "--counter", str(counters["loc_sub"]), "--json"]
    assert main([*words, "--tile", "3"]) == 0
    rows = json.loads(capsys.readouterr().out)
    result = counting.load(counters["loc_sub"], tile=3).count(tmp_path / "photo.png")
    assert [row["count"] for row in rows] == [one.count for one in result]
    assert main([*words, "--tile", "auto"]) == 0
    capsys.readouterr()
    for wrong in ("0", "17", "two", ""):
        assert main([*words, "--tile", wrong]) == 2
        assert len(capsys.readouterr().err.splitlines()) == 1
    words[3] = str(counters["aso_sub"])
    assert main([*words, "--tile", "2"]) == 2
    assert "use a loc-sub counter" in capsys.readouterr().err
