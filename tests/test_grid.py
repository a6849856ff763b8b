"""Fractional counts: the share of each object in each cell."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from counting.inputs.grid import Grid

SIZE = (60, 36)

coordinate = st.floats(-40, 100, allow_nan=False, width=32)
box = st.tuples(coordinate, coordinate, coordinate, coordinate).map(
    lambda c: (min(c[0], c[2]), min(c[1], c[3]), max(c[0], c[2]), max(c[1], c[3]))
)
whole_box = st.tuples(st.integers(0, 59), st.integers(0, 35), st.integers(1, 60), st.integers(1, 36)).map(
    lambda c: (c[0], c[1], min(c[0] + c[2], 60), min(c[1] + c[3], 36))
)


def counts(side: int, *boxes: tuple[float, ...], size: tuple[int, int] = SIZE) -> NDArray[np.float64]:
    labels = np.zeros(len(boxes), dtype=np.int64)
    return Grid(side).fractional_counts(np.array(boxes, dtype=float).reshape(-1, 4), labels, size, 1)[:, 0]


def mask_of(box: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.zeros((SIZE[1], SIZE[0]), dtype=bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


@pytest.mark.parametrize(
    ("box", "expected"),
    [
        ((0, 0, 30, 18), [1, 0, 0, 0]),
        ((30, 0, 60, 18), [0, 1, 0, 0]),
        ((0, 18, 30, 36), [0, 0, 1, 0]),
        ((20, 0, 40, 18), [0.5, 0.5, 0, 0]),
        ((0, 0, 60, 36), [0.25, 0.25, 0.25, 0.25]),
        ((15, 9, 45, 27), [0.25, 0.25, 0.25, 0.25]),
        ((25, 15, 45, 19), [0.1875, 0.5625, 0.0625, 0.1875]),
        ((-30, 0, 30, 18), [1, 0, 0, 0]),
        ((40, 20, 40, 20), [0, 0, 0, 1]),
        ((10, 9, 50, 9), [0.5, 0.5, 0, 0]),
        ((60, 36, 60, 36), [0, 0, 0, 1]),
        ((70, -9, 80, -5), [0, 1, 0, 0]),
    ],
    ids=[
        "inside a cell",
        "top right",
        "bottom left",
        "half and half",
        "the whole photo",
        "in the middle",
        "3/4 right, 3/4 above",
        "leaves the photo: clipped, still one",
        "a point counts in its cell",
        "a line is shared along itself",
        "a point in the last corner",
        "outside: the nearest cell",
    ],
)
def test_by_hand(box: tuple[float, ...], expected: list[float]) -> None:
    np.testing.assert_allclose(counts(2, box), expected, atol=1e-12)


def test_nothing_in_the_photo_is_zero_everywhere() -> None:
    np.testing.assert_array_equal(counts(3), np.zeros(9))


def test_each_object_adds_to_its_own_category() -> None:
    boxes = np.array([[0, 0, 30, 18], [20, 0, 40, 18], [0, 0, 30, 18]], dtype=float)
    table = Grid(2).fractional_counts(boxes, np.array([2, 0, 2]), SIZE, 3)
    np.testing.assert_allclose(table, [[0.5, 0, 2], [0.5, 0, 0], [0, 0, 0], [0, 0, 0]])


@given(boxes=st.lists(box, max_size=6), side=st.integers(1, 5))
def test_the_cells_sum_to_the_count_wherever_the_boxes_lie(boxes: list[tuple[float, ...]], side: int) -> None:
    cells = counts(side, *boxes)
    assert cells.sum() == pytest.approx(len(boxes), abs=1e-9)
    assert (cells >= 0).all()


@given(box=whole_box, side=st.sampled_from([1, 2, 3, 4, 6]))
def test_a_box_on_pixel_edges_agrees_with_counting_its_pixels(box: tuple[int, ...], side: int) -> None:
    expected = np.zeros(side**2)
    for y in range(box[1], box[3]):
        for x in range(box[0], box[2]):
            expected[y // (36 // side) * side + x // (60 // side)] += 1
    expected /= (box[2] - box[0]) * (box[3] - box[1])
    np.testing.assert_allclose(counts(side, box), expected, atol=1e-12)


@given(box=whole_box, side=st.sampled_from([1, 2, 3, 4, 6]))
def test_a_mask_that_fills_its_box_agrees_with_the_box(box: tuple[int, ...], side: int) -> None:
    of_mask = Grid(side).fractional_counts_from_masks([mask_of(box)], np.array([0]), 1)
    np.testing.assert_allclose(of_mask[:, 0], counts(side, box), atol=1e-12)


@given(seed=st.integers(0, 2**32 - 1), side=st.integers(1, 5))
def test_masks_agree_with_plain_loops(seed: int, side: int) -> None:
    random = np.random.default_rng(seed)
    masks = [random.random((13, 17)) < share for share in (0.1, 0.5, 0.9)]
    labels = np.array([1, 0, 1])
    expected = np.zeros((side**2, 2))
    for mask, label in zip(masks, labels, strict=True):
        for y, x in np.argwhere(mask):
            row, column = int((y + 0.5) * side / 13 + 1e-9), int((x + 0.5) * side / 17 + 1e-9)
            expected[row * side + column, label] += 1 / mask.sum()
    np.testing.assert_allclose(Grid(side).fractional_counts_from_masks(masks, labels, 2), expected, atol=1e-12)


def test_a_pixel_of_a_mask_lies_in_the_cell_of_its_centre() -> None:
    """Ten rows in three cells: centres at .5 … 9.5 tenths, so 3 + 4 + 3, the same from above as from below."""
    cells = Grid(3).fractional_counts_from_masks([np.ones((10, 3), dtype=bool)], np.array([0]), 1)[:, 0]
    np.testing.assert_allclose(cells.reshape(3, 3), np.outer([0.3, 0.4, 0.3], np.full(3, 1 / 3)), atol=1e-12)


@pytest.mark.parametrize(("side", "middle"), [(1, 0), (2, 3), (3, 4), (4, 10)])
def test_an_empty_mask_still_counts_once_in_the_middle(side: int, middle: int) -> None:
    cells = Grid(side).fractional_counts_from_masks([np.zeros((5, 5), dtype=bool)], np.array([0]), 1)[:, 0]
    assert np.flatnonzero(cells).tolist() == [middle]
    assert cells.sum() == 1
