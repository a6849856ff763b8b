"""Many photos on the page of `counting serve`, and the files that it exports."""

import csv
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from browser import Person
from tiny import tiny_config
from visit import Opens, edits, only, photo

from counting.predictor.predictor import Predictor
from counting.tables.table_files import read_table
from counting.training.run import train_counter
from counting.training.run_folder import RunFolder
from counting_datasets.coco import load_coco
from counting_datasets.protocol import Protocol


class TestManyPhotos:
    def test_the_table_is_sorted_and_opens_a_photo(self, person: Person, counter: Predictor) -> None:
        person.add(*(photo(f"{seed}.png", seed) for seed in range(4)))
        person.sees_exactly(0, "td.pending")
        totals = {
            f"{seed}.png": sum(counter.count(photo(seed=seed)["buffer"]).counts.values()) for seed in range(4)
        }
        person.press("All", "#list-view")
        assert person.page.locator("th[aria-sort=descending]").inner_text().startswith("All")
        assert person.texts(".photos tbody .open") == sorted(totals, key=lambda name: -totals[name])
        person.press("Photo", "#list-view")
        assert person.texts(".photos tbody .open") == sorted(totals)
        person.keeps_screenshot("list")
        person.page.locator(".photos .open", has_text="2.png").click()
        person.sees("#strip [aria-current][aria-label='2.png']")

    def test_a_bad_file_gets_clear_words_and_the_others_are_counted(self, person: Person) -> None:
        bad = {"name": "letter.txt", "mimeType": "text/plain", "buffer": b"Dear reader"}
        person.add(photo(), bad)
        person.sees("td.failed", "not an image of a known format")
        person.sees(".photos tbody tr", "noise.png")
        person.press("Remove letter.txt")
        person.sees("#counts")
        assert not person.page.locator("#views").is_visible()

    def test_two_people_at_once_see_their_own_photos(self, opens: Opens, counter: Predictor) -> None:
        people = [opens(), opens()]
        for number, person in enumerate(people):
            person.add(*(photo(f"{number}-{seed}.png", 10 * number + seed) for seed in range(3)))
        for number, person in enumerate(people):
            person.sees_exactly(0, "td.pending")
            assert person.texts(".photos tbody .open") == [f"{number}-{seed}.png" for seed in range(3)]
            for seed in range(3):
                expected = counter.count(photo(seed=10 * number + seed)["buffer"]).counts
                row = person.page.locator(".photos tbody tr", has_text=f"{number}-{seed}.png")
                assert row.locator("td").first.inner_text() == str(sum(expected.values()))


class TestExport:
    @pytest.fixture
    def corrected(self, counted: Person, result: dict[str, Any]) -> Person:
        edits(counted, only(result["counts"])[0])
        counted.clicks_photo(0.9, 0.1)
        counted.waits_until_saved()
        return counted

    def test_csv_and_json_are_read_back_and_say_who_counted(
        self, corrected: Person, result: dict[str, Any], tmp_path: Path
    ) -> None:
        category, count = only(result["counts"])
        files = [corrected.downloads(option, tmp_path) for option in ("csv", "json")]
        for file in files:
            table = read_table(file)
            assert table.images == ("noise",)
            assert table.counts[0, table.categories.index(category)] == count + 1
        row = next(row for row in json.loads(files[1].read_text()) if row["category"] == category)
        assert (row["counted_by"], row["count_by_model"], len(row["points"])) == ("person", count, count + 1)
        with corrected.downloads("sheet", tmp_path).open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [(row["photo"], row["counted_by"]) for row in rows if row["category"] == category] == [
            ("noise.png", "person")
        ]

    def test_coco_points_are_boxes_of_no_size(
        self, corrected: Person, result: dict[str, Any], tmp_path: Path
    ) -> None:
        category, count = only(result["counts"])
        scenes = load_coco(corrected.downloads("coco", tmp_path), tmp_path, split="counted")
        assert scenes.counts(Protocol.parse("all", "coco"))[0, scenes.categories.index(category)] == count + 1
        boxes = scenes[0].boxes
        assert (boxes[:, :2] == boxes[:, 2:]).all()

    def test_photos_without_a_dot_for_every_object_are_left_out_of_coco(
        self, corrected: Person, result: dict[str, Any]
    ) -> None:
        number = corrected.page.locator(f"[data-key='number-{only(result['counts'])[0]}']")
        number.fill("50")
        number.press("Enter")
        corrected.press("Export")
        corrected.page.locator("#export-dialog input[value=coco]").check()
        corrected.sees(".left-out", "noise.png")
        assert corrected.page.locator("[data-key=download]").is_disabled()

    def test_a_data_set_is_trained_on(self, corrected: Person, result: dict[str, Any], tmp_path: Path) -> None:
        corrected.add(photo("noise.png", 1), *(photo(f"{seed}.png", seed) for seed in range(2, 6)))
        corrected.sees_exactly(0, "td.pending")
        with zipfile.ZipFile(corrected.downloads("data-set", tmp_path)) as archive:
            assert archive.testzip() is None
            archive.extractall(tmp_path / "own")
        data = {"name": "coco", "train": "train:50/50", "val": "val:50/50"}
        trained = train_counter(
            tiny_config(tmp_path / "own", data=data, optimization={"epochs": 1}), RunFolder(tmp_path / "run")
        )
        assert trained.counter.categories == tuple(row["category"] for row in result["rows"])

    def test_only_what_a_person_checked_is_exported(self, corrected: Person, tmp_path: Path) -> None:
        corrected.add(photo("other.png", 3))
        corrected.sees("#strip [aria-current][aria-label='other.png']")
        corrected.sees(".count-name")
        assert read_table(corrected.downloads("csv", tmp_path, checked_only=True)).images == ("noise",)
        corrected.page.locator("[data-key=confirmed]").check()
        assert read_table(corrected.downloads("csv", tmp_path, checked_only=True)).images == ("noise", "other")
