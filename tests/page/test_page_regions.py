"""Regions on the page of `counting serve`: drawn, counted, copied and exported."""

import json
from pathlib import Path
from typing import Any

import pytest
from browser import Person
from tiny_server import encoded
from visit import photo

from counting.predictor.predictor import Predictor


class TestRegions:
    def test_regions_that_divide_the_photo_sum_to_its_counts(
        self, counted: Person, result: dict[str, Any]
    ) -> None:
        counted.press("Regions")
        for corners in ([(0, 0), (0.4, 0), (0.4, 1), (0, 1)], [(0.4, 0), (1, 0), (1, 1), (0.4, 1)]):
            for x, y in corners:
                counted.clicks_photo(min(max(x, 0.01), 0.99), min(max(y, 0.01), 0.99))  # near enough
            counted.page.keyboard.press("Enter")
        counted.sees("tr[data-region='region 2']")
        counted.keeps_screenshot("regions")
        rows = [[int(text.split()[0]) for text in row] for row in region_rows(counted)]
        assert rows[2] == [0] * len(rows[0])
        assert (
            [sum(column) for column in zip(*rows[:3], strict=True)] == rows[3] == list(result["counts"].values())
        )

    def test_they_are_counted_and_exported_as_in_python(
        self, counted: Person, counter: Predictor, tmp_path: Path
    ) -> None:
        counted.press("Regions")
        counted.press("Add a rectangle")
        with counted.page.expect_download() as coming:
            counted.press("Save as a file")
        (expected,) = counter.count(photo()["buffer"]).in_regions(coming.value.path())
        rows = json.loads(counted.downloads("json", tmp_path).read_text())
        assert [row["category"] for row in rows] == list(counter.categories)
        for row in rows:
            one = expected[row["category"]]
            (found,) = row["regions"]
            assert (found["region"], found["count"]) == ("region 1", one.count)
            assert found["expected"] == pytest.approx(one.expected, abs=1e-3)

    def test_they_are_copied_to_photos_of_other_sizes(self, counted: Person) -> None:
        counted.add({**photo("large.png"), "buffer": encoded(1, (640, 480))})
        counted.sees(".count-name")
        counted.press("Regions")
        counted.press("Add a rectangle")
        counted.press("Use in all photos")
        corner = counted.page.locator(".region").get_attribute("points").split()[0]
        counted.page.locator("#strip [aria-label='noise.png']").click()
        counted.sees("tr[data-region='region 1']")
        assert counted.page.locator(".region").get_attribute("points").split()[0] != corner == "160,120"

    def test_corners_are_moved_by_keys_and_a_region_is_deleted(self, counted: Person) -> None:
        counted.press("Regions")
        counted.press("Add a rectangle")
        corner = "[data-key='corner-0-0']"
        x0 = counted.left_of(corner)
        counted.page.locator(corner).press("ArrowLeft")
        assert counted.left_of(corner) < x0
        counted.press("Add a corner")
        counted.sees_exactly(5, ".corner.handle")
        counted.page.keyboard.press("Delete")
        counted.sees_exactly(4, ".corner.handle")
        counted.press("Delete region 1")
        assert not counted.page.locator("#regions").is_visible()


def region_rows(person: Person) -> list[list[str]]:
    rows = person.page.locator("#regions tbody tr, #regions tfoot tr").all()
    return [[cell.inner_text() for cell in row.locator("td").all()[:-1]] for row in rows]
