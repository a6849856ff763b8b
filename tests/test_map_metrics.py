"""Measures of maps, on maps made so that the figure is known."""

import numpy as np
import pytest

from counting.explain.map_metrics import (
    covered,
    energy_inside,
    localizes,
    points_inside,
)
from counting.explain.map_scores import Erasure

BOX = np.array([[10.0, 20.0, 30.0, 40.0]])


def empty() -> np.ndarray:
    return np.zeros((60, 80), dtype=np.float32)


def peak(row: int, column: int) -> np.ndarray:
    values = empty()
    values[row, column] = 2.0
    return values


@pytest.mark.parametrize(
    ("row", "column", "inside", "within"),
    [
        (20, 10, True, True),
        (39, 29, True, True),
        (40, 29, False, True),
        (30, 44, False, True),
        (30, 45, False, False),
        (50, 40, False, True),
        (50, 41, False, False),
    ],
)
def test_the_pointing_game_asks_where_the_maximum_lies(row: int, column: int, inside: bool, within: bool) -> None:
    """In the last two, √(10.5² + 10.5²) = 14.8 and √(11.5² + 10.5²) = 15.6 pixels from the box's corner."""
    assert points_inside(peak(row, column), BOX) == inside
    assert points_inside(peak(row, column), BOX, 15) == within


def test_any_of_the_objects_will_do_and_an_empty_map_points_nowhere() -> None:
    two = np.concatenate([BOX, [[60, 0, 70, 10]]])
    assert points_inside(peak(5, 65), two)
    assert not points_inside(empty(), two, 1000)


def test_localization_takes_the_box_of_the_largest_segment() -> None:
    values = empty()
    values[20:40, 10:30] = 0.2
    values[25, 15] = 1.0
    values[0:5, 70:75] = 0.9
    assert localizes(values, BOX)
    values[20:40, 10:30] = 0.1
    values[25, 15] = 1.0
    assert not localizes(values, BOX)
    assert not localizes(empty(), BOX)


def test_localization_needs_half_of_the_union() -> None:
    values = empty()
    values[20:40, 10:20] = 1.0
    assert localizes(values, BOX)
    values[20, 10:20] = 0
    assert not localizes(values, BOX)


def test_energy_inside_is_a_share_and_counts_overlapping_boxes_once() -> None:
    values = empty()
    values[20:40, 10:30] = 3.0
    values[50, :] = 15.0
    assert energy_inside(values, BOX) == pytest.approx(0.5)
    assert energy_inside(values, np.concatenate([BOX, BOX])) == pytest.approx(0.5)
    assert energy_inside(empty(), BOX) == 0.0


def test_a_pixel_is_covered_by_a_box_that_holds_a_part_of_it() -> None:
    inside = covered(np.array([[1.5, 0.0, 3.0, 1.2]]), (3, 4))
    assert np.argwhere(inside).tolist() == [[0, 1], [0, 2], [1, 1], [1, 2]]


def test_boxes_beyond_the_map_cover_its_part_and_boxes_without_area_nothing() -> None:
    beyond = np.array([[-2.0, -1.0, 1.0, 2.0], [3.5, 2.0, 9.0, 9.0]])
    assert np.argwhere(covered(beyond, (3, 4))).tolist() == [[0, 0], [1, 0], [2, 3]]
    outside = np.array(
        [[-5.0, -5.0, -1.0, -1.0], [7.0, 7.0, 9.0, 9.0], [1.0, 1.0, 1.0, 2.0], [2.0, 2.0, 1.0, 1.0]]
    )
    assert not covered(outside, (3, 4)).any()
    assert not covered(np.zeros((0, 4)), (3, 4)).any()


def test_a_box_without_area_is_never_localized() -> None:
    values = empty()
    values[20:40, 10:30] = 1.0
    with np.errstate(all="raise"):
        assert not localizes(values, np.array([[10.0, 20.0, 10.0, 20.0]]))
        assert not localizes(values, np.zeros((0, 4)))
        assert localizes(values, np.concatenate([np.zeros((1, 4)), BOX]))


def test_erasing_compares_counts() -> None:
    erasure = Erasure()
    erasure.add(2.0, 0.4, 1.8)
    erasure.add(1.0, 0.6, 0.2)
    erasure.add(0.2, 0.2, 0.2)
    assert erasure.figures() == pytest.approx(
        {
            "left_without_objects": 1.2 / 3.2,
            "left_without_background": 2.2 / 3.2,
            "falls_to_zero": 1 / 2,
            "stays_the_same": 1 / 2,
        }
    )
