"""Views: what the picture shows and what is counted in it stay the same thing."""

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from counting.inputs.augmentation import VISIBLE_SHARE, augment, with_area
from counting.inputs.grid import Grid
from counting.inputs.views import View, view_of
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene

SIDE = 96
SIZE = (120, 80)


def scene_of(folder: Path, boxes: NDArray[np.float64]) -> Scene:
    """White boxes on black, losslessly stored."""
    photo = Image.new("RGB", SIZE)
    for x0, y0, x1, y1 in boxes:
        ImageDraw.Draw(photo).rectangle((x0, y0, x1 - 1, y1 - 1), fill="white")
    photo.save(folder / "scene.png")
    flags = np.zeros(len(boxes), dtype=bool)
    labels = np.arange(len(boxes)) % 2
    return Scene("scene", "scene", folder / "scene.png", SIZE, boxes, labels, flags, flags, ("a", "b"))


def tiles(size: int) -> NDArray[np.float64]:
    """Boxes of ``size`` pixels side by side, as many as fit."""
    corners = [(x, y) for y in range(0, SIZE[1] - size + 1, size) for x in range(0, SIZE[0] - size + 1, size)]
    return np.array([(x, y, x + size, y + size) for x, y in corners], dtype=float)


def affine(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float]:
    """Scale and offset that map coordinates before to coordinates after."""
    (scale, offset), rest, *_ = np.linalg.lstsq(np.stack([before, np.ones_like(before)], axis=1), after)
    assert (rest < 1e-6).all()
    return float(scale), float(offset)


def seen_through(view: View, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where all ``boxes`` lie in the view, unclipped, worked out from those that lie within it."""
    within = ((view.boxes > 1e-6) & (view.boxes < 1 - 1e-6)).all(axis=1)
    assert within.sum() >= 2
    before, after = boxes[view.kept[within]].copy(), view.boxes[within]
    x, y = ([0, 2], [1, 3])
    mirrored = affine(before[:, x].mean(axis=1), after[:, x].mean(axis=1))[0] < 0
    if mirrored:
        before[:, x] = before[:, [2, 0]]
    (x_scale, x_offset), (y_scale, y_offset) = (
        affine(before[:, axis].ravel(), after[:, axis].ravel()) for axis in (x, y)
    )
    placed = boxes[:, [2, 1, 0, 3]] if mirrored else boxes.copy()
    placed[:, x] = placed[:, x] * x_scale + x_offset
    placed[:, y] = placed[:, y] * y_scale + y_offset
    return placed


@pytest.mark.parametrize("seed", range(25))
def test_an_object_counts_while_enough_of_its_box_stays_in_the_frame(seed: int) -> None:
    boxes = tiles(11)  # in whole pixels, no share of such a box is exactly VISIBLE_SHARE
    view = View(*augment(Image.new("RGB", SIZE), boxes, SIDE, seed)[1:])
    placed = seen_through(view, boxes)
    clipped = placed.clip(0, 1)
    share = np.prod(clipped[:, 2:] - clipped[:, :2], axis=1) / np.prod(placed[:, 2:] - placed[:, :2], axis=1)
    assert view.kept.tolist() == np.flatnonzero(share >= VISIBLE_SHARE).tolist()
    np.testing.assert_allclose(view.boxes, clipped[view.kept], atol=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_an_object_marked_by_a_point_counts_while_the_point_stays_in_the_frame(seed: int) -> None:
    ((x0, y0, x1, y1),) = box = tiles(11)[[24]]
    centre = (box[:, :2] + box[:, 2:]) / 2
    points = np.array([[0, 0], *centre, [SIZE[0], SIZE[1]], [SIZE[0] + 9, 30]])
    photo = Image.new("RGB", SIZE)
    ImageDraw.Draw(photo).rectangle((x0, y0, x1 - 1, y1 - 1), fill="white")
    picture, boxes, kept = augment(photo, np.hstack([points, points]), SIDE, seed)
    bright = np.argwhere(np.asarray(picture.convert("L")) > 110)
    if len(bright) == 0:
        assert 1 not in kept
    elif bright.min() > 0 and bright.max() < SIDE - 1:
        place = boxes[kept.tolist().index(1)].reshape(2, 2).mean(axis=0) * SIDE
        np.testing.assert_allclose(place, bright.mean(axis=0)[::-1], atol=2)


def test_a_point_at_or_beyond_the_border_becomes_a_pixel_inside() -> None:
    points = np.array([[0, 0], [120, 80], [130, 40]], dtype=float)
    pixels = with_area(np.hstack([points, points]), SIZE)
    assert pixels.tolist() == [[0, 0, 1, 1], [119, 79, 120, 80], [119, 39.5, 120, 40.5]]
    box = np.array([[3, 4, 30, 40.0]])
    assert with_area(box, SIZE).tolist() == box.tolist()


@pytest.mark.parametrize("number", range(12))
def test_boxes_surround_their_objects_in_every_view(tmp_path: Path, number: int) -> None:
    scene = scene_of(tmp_path, np.array([[40, 25, 80, 55]], dtype=float))
    photo, view = view_of(scene, number, SIDE)
    assert view.kept.tolist() == [0]
    bright = np.argwhere(np.asarray(photo.resize((SIDE, SIDE)).convert("L")) > 110)
    (top, left), (bottom, right) = bright.min(axis=0), bright.max(axis=0) + 1
    np.testing.assert_allclose(view.boxes[0] * SIDE, [left, top, right, bottom], atol=2)


def test_the_first_view_is_the_photo_and_the_second_its_mirror_image(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, np.array([[0, 0, 30, 20], [100, 40, 120, 80]], dtype=float))
    photo, view = view_of(scene, 0, SIDE)
    np.testing.assert_array_equal(np.asarray(photo), np.asarray(scene.image()))
    np.testing.assert_allclose(view.boxes, [[0, 0, 0.25, 0.25], [100 / 120, 0.5, 1, 1]])
    mirrored, mirror_view = view_of(scene, 1, SIDE)
    np.testing.assert_array_equal(np.asarray(mirrored), np.asarray(photo)[:, ::-1])
    np.testing.assert_allclose(mirror_view.boxes, [[0.75, 0, 1, 0.25], [0, 0.5, 20 / 120, 1]], atol=1e-12)
    counts = [v.fractional_counts(scene, np.ones(2, dtype=bool), Grid(2)) for v in (view, mirror_view)]
    np.testing.assert_allclose(counts[1], counts[0][[1, 0, 3, 2]], atol=1e-12)


def test_targets_of_a_view_sum_to_the_objects_in_it_that_the_protocol_counts(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, tiles(20))
    scene.difficult[::3] = True
    protocol = Protocol(non_difficult=True)
    for number in range(8):
        _, view = view_of(scene, number, SIDE)
        target = view.fractional_counts(scene, scene.counted(protocol), Grid(3))
        kept = view.kept[~scene.difficult[view.kept]]
        np.testing.assert_allclose(target.sum(axis=0), np.bincount(scene.labels[kept], minlength=2))


def test_the_same_number_gives_the_same_view_and_another_number_another(tmp_path: Path) -> None:
    scene = scene_of(tmp_path, tiles(20))
    (first, first_view), (_, other_view), (again, again_view) = (view_of(scene, n, SIDE) for n in (5, 6, 5))
    np.testing.assert_array_equal(np.asarray(first), np.asarray(again))
    np.testing.assert_array_equal(first_view.boxes, again_view.boxes)
    assert not np.array_equal(first_view.boxes, other_view.boxes)


def test_random_views_mirror_about_half_of_the_time() -> None:
    boxes = tiles(10)
    views = [View(*augment(Image.new("RGB", SIZE), boxes, 32, seed)[1:]) for seed in range(60)]
    starts = [placed[11, 0] < placed[0, 0] for placed in (seen_through(view, boxes) for view in views)]
    assert 15 < sum(starts) < 45


@pytest.mark.parametrize("size", [(1, 1), (3, 400), (500, 2), (96, 96)])
def test_photos_of_any_shape_without_objects_have_views(size: tuple[int, int]) -> None:
    photo, boxes, kept = augment(Image.new("RGB", size), np.empty((0, 4)), SIDE, seed=3)
    assert photo.size == (SIDE, SIDE)
    assert boxes.shape == (0, 4)
    assert kept.shape == (0,)


def test_boxes_that_touch_or_leave_the_edge_are_clipped_to_the_view() -> None:
    boxes = np.array([[0, 0, *SIZE], [-5, -5, 60, 40], [100, 60, 130, 90], [0, 0, 1, 80]], dtype=float)
    for seed in range(20):
        view = View(*augment(Image.new("RGB", SIZE), boxes, SIDE, seed)[1:])
        assert ((view.boxes >= 0) & (view.boxes <= 1)).all()
        if 0 in view.kept:
            np.testing.assert_allclose(view.boxes[view.kept == 0], [[0, 0, 1, 1]], atol=1e-6)


def test_albumentations_is_imported_in_one_file() -> None:
    sources = Path(__file__).parent.parent
    users = [
        file.name
        for folder in ("counting", "datasets")
        for file in (sources / folder).rglob("*.py")
        if any(line.strip().startswith(("import albumentations", "from albumentations")) for line in file.open())
    ]
    assert users == ["augmentation.py"]


def test_blur_takes_detail_from_some_views_and_moves_no_box() -> None:
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 256, (80, 120, 3), dtype=np.uint8))
    boxes, blurred = tiles(20), 0
    for seed in range(40):
        sharp, *places = augment(noise, boxes, SIDE, seed)
        image, *same = augment(noise, boxes, SIDE, seed, blur=True)
        assert all(np.array_equal(a, b) for a, b in zip(places, same, strict=True))
        detail, left = (np.abs(np.diff(np.asarray(one, dtype=float), axis=1)).mean() for one in (sharp, image))
        assert left <= detail
        blurred += left < detail
    assert 5 <= blurred <= 20
