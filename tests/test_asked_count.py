"""What a question counts once understood: sums, second meanings, gear and kinds; its distribution and cells."""

from itertools import product
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image

from counting.networks.inference import PhotoCounts
from counting.questions.answering import answer_from, sum_of
from counting.questions.parsing.parser import QuestionParser
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES

parse = QuestionParser(COCO_CATEGORIES)
parse_voc = QuestionParser(VOC_CATEGORIES)


class TestCounting:
    counts = dict.fromkeys(COCO_CATEGORIES, 0.0)

    def test_sums_the_categories(self) -> None:
        assert parse("How many animals?").count({**self.counts, "dog": 2, "cat": 1.5, "car": 7}) == 3.5

    def test_every_category_once(self) -> None:
        assert parse("How many men and women are there?").count({**self.counts, "person": 3}) == 3

    def test_a_second_meaning_serves_a_photo_without_the_first(self) -> None:
        bikes = parse("How many bikes are there?")
        assert bikes.count({**self.counts, "bicycle": 2, "motorcycle": 5}) == 2
        assert bikes.count({**self.counts, "motorcycle": 5}) == 5
        assert bikes.counted({**self.counts, "motorcycle": 5}) == ("motorcycle",)

    @pytest.mark.parametrize(("boards", "surfers"), [(2, 2), (9, 5), (0, 5)])
    def test_there_are_no_more_surfers_than_surfboards_where_there_are_any(
        self, boards: int, surfers: int
    ) -> None:
        counts = {**self.counts, "person": 5, "surfboard": boards}
        assert parse("How many surfers are there?").count(counts) == surfers
        assert parse("How many people are there?").count(counts) == 5

    @pytest.mark.parametrize(
        ("question", "gear"),
        [
            ("How many people are riding horses on the beach?", ("horse",)),
            ("how many men on a motorcycle in the street", ("motorcycle",)),
            ("how many boys on bikes", ("bicycle", "motorcycle")),
            ("how many people skateboarding in the park", ("skateboard",)),
            ("how many women playing tennis", ("tennis racket",)),
            ("How many people are on the boat?", ()),
            ("How many people are near the horses?", ()),
            ("How many dogs are with the horse?", ()),
        ],
    )
    def test_what_is_said_of_people_may_tell_their_gear(self, question: str, gear: tuple[str, ...]) -> None:
        assert parse(question).gear == gear
        assert parse_voc("How many people are on skateboards?").gear == ()

    def test_of_kinds_it_is_how_many_categories_are_there(self) -> None:
        counts = {**self.counts, "dog": 2, "cat": 7, "car": 4}
        assert parse("How many kinds of animals are there?").count(counts) == 2
        assert parse("How many breeds of dogs are there?").count(counts) == 2


def test_the_distribution_of_a_sum_is_that_of_all_pairs() -> None:
    two = np.array([[0.5, 0.3, 0.2], [0.1, 0.0, 0.9]], dtype=np.float32)
    by_hand = np.zeros(5)
    for (i, p), (j, q) in product(enumerate(two[0]), enumerate(two[1])):
        by_hand[i + j] += p * q
    assert sum_of(two) == pytest.approx(by_hand, abs=1e-6)
    assert sum_of(two[:1]) == pytest.approx(two[0])


def test_the_cells_add_up_to_an_answer_that_gear_limits() -> None:
    cells = np.zeros((4, 20), dtype=np.float32)
    person, horse = VOC_CATEGORIES.index("person"), VOC_CATEGORIES.index("horse")
    cells[:, person], cells[0, horse] = [3, 1, 0, 1], 2
    counter = Mock(counter=Mock(categories=VOC_CATEGORIES), calibration=None)
    photo = PhotoCounts(Path("photo.jpg"), Image.new("RGB", (8, 8)), cells)
    found = answer_from(counter, photo, parse_voc("How many people are riding horses?"))
    assert (found.raw, found.count) == (2, 2)
    assert found.cells == pytest.approx(cells[:, person] * 2 / 5)
    assert answer_from(counter, photo, parse_voc("How many people are there?")).raw == 5
