"""Photos with counts drawn on them: any size, any names, and the numbers where they belong."""

import numpy as np
import pytest
from PIL import Image, ImageChops

from counting.utils.drawing import LARGEST, SMALLEST, draw_cells, draw_evidence
from counting.utils.fonts import load_font
from counting.utils.point_drawing import draw_points
from counting_datasets.errors import DataError

CATEGORIES = ("person", "dog", "potted plant")


def grey(width: int, height: int) -> Image.Image:
    return Image.new("RGB", (width, height), (128, 128, 128))


def cells_with(*counted: tuple[int, int, float]) -> np.ndarray:
    """3×3 cells that are empty but for (cell, category, count)."""
    cells = np.zeros((9, len(CATEGORIES)), dtype=np.float32)
    for cell, category, count in counted:
        cells[cell, category] = count
    return cells


def changed(a: Image.Image, b: Image.Image, box: tuple[int, int, int, int]) -> bool:
    return ImageChops.difference(a.crop(box), b.crop(box)).getbbox() is not None


@pytest.mark.parametrize("size", [(1, 1), (30_000, 2), (2, 30_000), (17, 400), (4_000, 3_000)])
@pytest.mark.parametrize("grid", [1, 2, 3, 6])
def test_photos_of_any_size_get_a_drawing_that_fits_a_screen(size: tuple[int, int], grid: int) -> None:
    drawn = draw_cells(grey(*size), np.full((grid**2, 3), 0.7), CATEGORIES, ["1 dog"])
    assert drawn.mode == "RGB"
    assert SMALLEST <= max(drawn.size) <= 2 * LARGEST + 200
    assert drawn.width >= 320


def test_a_drawing_keeps_the_photos_proportions_above_its_bar() -> None:
    drawn = draw_cells(grey(500, 375), cells_with(), CATEGORIES, [])
    assert drawn.width == 640
    assert drawn.getpixel((100, 479)) == (128, 128, 128)
    assert drawn.getpixel((639, 481)) != (128, 128, 128)


def test_a_count_is_written_in_its_own_cell_of_the_panel_and_nothing_over_the_photo() -> None:
    empty = draw_cells(grey(900, 900), cells_with(), CATEGORIES, [])
    drawn = draw_cells(grey(900, 900), cells_with((5, 1, 0.9)), CATEGORIES, [])
    for cell in range(9):
        x, y = cell % 3 * 300, 906 + cell // 3 * 300
        assert changed(empty, drawn, (x, y, x + 300, y + 300)) == (cell == 5)
    assert not changed(empty, drawn, (0, 0, 900, 900))


def test_the_counts_stand_beside_an_upright_photo_and_beneath_others() -> None:
    assert draw_cells(grey(700, 900), cells_with(), CATEGORIES, []).width == 1406
    assert draw_cells(grey(900, 700), cells_with(), CATEGORIES, []).width == 900


def test_counts_below_the_least_are_not_mentioned_in_their_cell() -> None:
    empty, panel = draw_cells(grey(900, 900), cells_with(), CATEGORIES, []), (0, 906, 900, 1806)
    faint = cells_with((0, 0, 0.2))
    assert changed(empty, draw_cells(grey(900, 900), faint, CATEGORIES, []), panel)
    assert not changed(empty, draw_cells(grey(900, 900), faint, CATEGORIES, [], least=0.3), panel)


def test_a_dot_marks_each_located_object_inside_the_frame() -> None:
    points = {"dog": np.array([[100.0, 50.0, 1.0]]), "person": np.array([[0.0, 0.0, 1.0], [800.0, 400.0, 0.5]])}
    drawn = draw_points(grey(800, 400), points, ["1 dog", "2 people"])
    dog, person = (153, 221, 255), (255, 170, 187)
    assert drawn.getpixel((100, 50)) == dog
    assert drawn.getpixel((9, 9)) == drawn.getpixel((791, 391)) == person
    assert drawn.getpixel((400, 200)) == (128, 128, 128)
    assert len(drawn.crop((0, 400, 800, drawn.height)).getcolors(4000) or []) > 2


def test_the_bar_says_what_is_in_the_photo() -> None:
    bar = (0, 1806, 900, 1836)
    nothing, one = (draw_cells(grey(900, 900), cells_with(), CATEGORIES, things) for things in ([], ["1 person"]))
    assert changed(nothing, one, bar)


@pytest.mark.parametrize("name", ["n" * 5_000, "two\nlines\tand tabs", "名前 🐈", " ", "<b>"])
def test_any_name_can_be_drawn(name: str) -> None:
    drawn = draw_cells(grey(300, 200), np.full((9, 1), 1.5), [name], [f"2 {name}"])
    assert drawn.width == 640
    assert drawn.height < 2 * 430 + 90


def test_the_photo_itself_stays_as_it_was() -> None:
    photo = grey(640, 640)
    draw_cells(photo, np.ones((4, 3)), CATEGORIES, [])
    draw_evidence(photo, np.array([[10.0, 10.0, 50.0, 50.0]]), np.ones(4))
    assert photo.getcolors() == [(640 * 640, (128, 128, 128))]


def test_cells_that_form_no_square_are_refused() -> None:
    with pytest.raises(DataError, match="cannot draw 6 cells"):
        draw_cells(grey(100, 100), np.zeros((6, 3)), CATEGORIES, [])


def test_a_thumbnail_outlines_the_true_boxes_where_they_are() -> None:
    drawn = draw_evidence(grey(960, 480), np.array([[200.0, 100.0, 600.0, 300.0]]))
    assert drawn.size == (480, 240)
    assert drawn.getpixel((100, 100)) == (240, 228, 66)
    assert drawn.getpixel((200, 100)) == (128, 128, 128)


@pytest.mark.parametrize("letter", ["–", "…", "·", "é", "ł", "Ж", "→"])
def test_dashes_and_accented_letters_have_shapes_of_their_own(letter: str) -> None:
    """A font draws all letters that it lacks as the same box."""
    font = load_font(18)
    assert font.getmask(letter).getbbox() is not None
    assert bytes(font.getmask(letter)) != bytes(font.getmask("\U0010fffd"))
