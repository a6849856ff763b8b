"""Questions about photos: four layouts as one record, what is a count question, and when an answer is right."""

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from counting_datasets.answers import numeric_answer, vqa_accuracy
from counting_datasets.errors import CountingError, DataError
from counting_datasets.questions import (
    FILTERS,
    Question,
    count_qa,
    howmany_qa,
    load_cocoqa,
    load_tallyqa,
    load_vqa,
)

TEN = ["2"] * 6 + ["two", "3", "many", "none"]
ASKED: list[dict[str, Any]] = [
    {"question_id": 7001, "image_id": 7, "question": "How many dogs are there?"},
    {"question_id": 7000, "image_id": 7, "question": "What is the dog doing?"},
]
ANNOTATED: list[dict[str, Any]] = [
    {"question_id": 7000, "multiple_choice_answer": "sleeping", "answers": [{"answer": "sleeping"}]},
    {"question_id": 7001, "multiple_choice_answer": "2", "answers": [{"answer": answer} for answer in TEN]},
]
COCOQA = {
    "questions": "how many dogs are there\nwhat is on the bed\n",
    "answers": "three\ncat\n",
    "img_ids": "391895\n42\n",
    "types": "1\n0\n",
}
TALLYQA: list[dict[str, Any]] = [
    {
        "image": "train2014/COCO_train2014_000000000009.jpg", "image_id": 9, "question": "How many bowls?",
        "question_id": 20000001, "answer": 4, "issimple": True,
    },
    {
        "image": "VG_100K_2/9.jpg", "image_id": 9, "question": "How many cars are red?", "question_id": 20000002,
        "answer": 0, "issimple": False,
    },
    {"image": "VG_100K/7.jpg", "image_id": 7, "question": "How many dogs?", "question_id": 5, "answer": 15},
]  # fmt: skip


def vqa(tmp_path: Path, asked: Any = None, annotated: Any = None) -> list[Question]:
    questions, annotations = tmp_path / "questions.json", tmp_path / "annotations.json"
    questions.write_text(json.dumps({"questions": ASKED if asked is None else asked}))
    annotations.write_text(json.dumps({"annotations": ANNOTATED if annotated is None else annotated}))
    return load_vqa(questions, annotations)


def cocoqa(tmp_path: Path, **files: str | None) -> list[Question]:
    for name, text in (COCOQA | files).items():
        if text is not None:
            (tmp_path / f"{name}.txt").write_text(text)
    return load_cocoqa(tmp_path)


def tallyqa(tmp_path: Path, rows: Any) -> list[Question]:
    path = tmp_path / "tallyqa.json"
    path.write_text(json.dumps(rows))
    return load_tallyqa(path)


class TestLayouts:
    def test_vqa_joins_questions_and_annotations_by_id(self, tmp_path: Path) -> None:
        dogs, doing = vqa(tmp_path)
        assert dogs == Question(7001, "7", "How many dogs are there?", 2, tuple(TEN))
        assert doing == Question(7000, "7", "What is the dog doing?", None, ("sleeping",))

    def test_vqa_test_questions_have_no_answers(self, tmp_path: Path) -> None:
        vqa(tmp_path)
        dogs, _ = load_vqa(tmp_path / "questions.json")
        assert dogs == Question(7001, "7", "How many dogs are there?", None)

    def test_cocoqa_numbers_its_lines(self, tmp_path: Path) -> None:
        dogs, bed = cocoqa(tmp_path)
        assert dogs == Question(1, "391895", "how many dogs are there", 3)
        assert (bed.id, bed.answer) == (2, None)

    def test_a_line_of_cocoqa_ends_only_at_its_end(self, tmp_path: Path) -> None:
        dogs, _ = cocoqa(tmp_path, questions="how many\x85dogs\nwhat is on the bed\n")
        assert dogs.text == "how many\x85dogs"
        assert [question.answer for question in cocoqa(tmp_path, answers="three\r\ncat\r\n")] == [3, None]

    def test_whole_numbers_with_a_decimal_point_and_backslashes_are_read(self, tmp_path: Path) -> None:
        numbers = {"image_id": 9.0, "question_id": 20000002.0, "answer": 0.0}
        [cars] = tallyqa(tmp_path, [TALLYQA[1] | numbers | {"image": "VG_100K_2\\9.jpg"}])
        assert (cars.id, cars.image, cars.answer) == (20000002, "VG_100K_2/9", 0)
        assert vqa(tmp_path, [ASKED[0] | {"question_id": 7001.0, "image_id": 7.0}])[0].image == "7"

    def test_tallyqa_keeps_the_photos_of_visual_genome_apart_from_coco(self, tmp_path: Path) -> None:
        bowls, cars, dogs = tallyqa(tmp_path, TALLYQA)
        assert bowls == Question(20000001, "9", "How many bowls?", 4, simple=True)
        assert cars == Question(20000002, "VG_100K_2/9", "How many cars are red?", 0, simple=False)
        assert dogs == Question(5, "VG_100K/7", "How many dogs?", 15)


class TestMalformed:
    @pytest.mark.parametrize(
        ("asked", "annotated", "says"),
        [
            ({}, None, r"questions.json: should hold a list of questions"),
            ([3], None, r"questions.json: should hold a list of questions, each a JSON object"),
            ([{"question_id": "7", "image_id": 7, "question": "?"}], None, r"question '7' has question_id '7'"),
            ([{"question_id": 7, "question": "?"}], None, r"question 7 has image_id None"),
            (
                [{"question_id": 7, "image_id": True, "question": "?"}],
                None,
                r"image_id True, should be an integer",
            ),
            ([{"question_id": 7, "image_id": 7, "question": 3}], None, r"question 3, should be text"),
            ([ASKED[0], ASKED[0]], None, r"questions.json: duplicate question id 7001"),
            (None, ANNOTATED[:1], r"annotations.json: no annotation for question 7001 of questions.json"),
            (None, [{**ANNOTATED[0], "answers": "sleeping"}], r"question 7000 has no list of answers"),
            (None, [{**ANNOTATED[0], "answers": [{}]}], r"has answer None, should be text"),
            (None, [*ANNOTATED, ANNOTATED[0]], r"annotations.json: duplicate question id 7000"),
            (None, [{"answers": []}], r"row .* has question_id None"),
        ],
    )
    def test_vqa(self, tmp_path: Path, asked: Any, annotated: Any, says: str) -> None:
        with pytest.raises(DataError, match=says) as error:
            vqa(tmp_path, asked, annotated)
        assert "\n" not in str(error.value)

    @pytest.mark.parametrize(
        ("files", "says"),
        [
            ({"answers": "three\n"}, r"answers.txt: 1 lines, but questions.txt has 2"),
            ({"img_ids": "12\nx\n"}, r"img_ids.txt: line 2 is 'x', should be an image id"),
            ({"types": "1\n4\n"}, r"types.txt: line 2 is '4', should be 0, 1, 2 or 3"),
            ({"types": None}, r"types.txt: no such file"),
        ],
    )
    def test_cocoqa(self, tmp_path: Path, files: dict[str, str | None], says: str) -> None:
        with pytest.raises(DataError, match=says):
            cocoqa(tmp_path, **files)

    @pytest.mark.parametrize(
        ("row", "says"),
        [
            ({"answer": "4"}, r"question 20000001 has answer '4', should be an integer of at least 0"),
            ({"issimple": "yes"}, r"question 20000001 has issimple 'yes', should be true or false"),
            ({"image": None}, r"question 20000001 has image None, should be text"),
            ({"image": "."}, r"question 20000001 has image '.', should be a photo's file"),
            ({"image": "/"}, r"question 20000001 has image '/', should be a photo's file"),
        ],
    )
    def test_tallyqa(self, tmp_path: Path, row: dict[str, Any], says: str) -> None:
        with pytest.raises(DataError, match=says):
            tallyqa(tmp_path, [{**TALLYQA[0], **row}])

    @pytest.mark.parametrize("load", [load_vqa, load_tallyqa])
    def test_a_file_that_is_missing_or_no_json(self, tmp_path: Path, load: Callable[[Path], Any]) -> None:
        path = tmp_path / "questions.json"
        with pytest.raises(DataError, match=r"questions.json: no such file"):
            load(path)
        path.write_text('{"questions": [')
        with pytest.raises(DataError, match=r"questions.json: not JSON"):
            load(path)


class TestFilters:
    def question(self, text: str, answer: int | None = 2) -> Question:
        return Question(1, "1", text, answer)

    def test_count_qa_is_how_many_with_a_number(self) -> None:
        assert count_qa(self.question("How many dogs?"))
        assert count_qa(self.question("how many dogs", 300))
        assert not count_qa(self.question("How many dogs?", None))
        assert not count_qa(self.question("About how many dogs?"))

    @pytest.mark.parametrize("phrase", ["About how many", "What number of", "The amount of", "Give a count of"])
    def test_howmany_qa_knows_four_phrases(self, phrase: str) -> None:
        assert howmany_qa(self.question(f"{phrase} dogs are there?"))

    def test_howmany_qa_leaves_out_written_numbers_and_great_ones(self) -> None:
        assert not howmany_qa(self.question("What is the number of the bus?"))
        assert not howmany_qa(self.question("What color is the bus?"))
        assert [howmany_qa(self.question("How many dogs?", answer)) for answer in (0, 20, 21, None)] == [
            True, True, False, False,
        ]  # fmt: skip

    def test_filters_go_by_name(self) -> None:
        assert FILTERS["count-qa"] is count_qa
        assert FILTERS["howmany-qa"] is howmany_qa


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        ("3", 3), ("three", 3), ("Three.", 3), ("3.0", 3), ("1,000", 1000), ("twenty-one", 21),
        ("one hundred", 100),
        ("one hundred and five", 105), ("two thousand five hundred", 2500), ("a couple", 2), ("a pair", 2),
        ("a dozen", 12), ("half a dozen", 6), ("none", 0), ("zero", 0), ("0", 0), ("no", 0),
        ("many", None), ("a few", None), ("2.5", None), ("-1", None), ("1 or 2", None), ("7 elephants", None),
        ("one two", None), ("twenty eleven", None), ("hundred one", None), ("4-18-45", None), ("²", None),
        ("9" * 5000, None), ("and", None), ("", None),
    ],
)  # fmt: skip
def test_numeric_answers(answer: str, number: int | None) -> None:
    assert numeric_answer(answer) == number


class TestVqaAccuracy:
    def by_hand(self, agree: int) -> float:
        votes = [True] * agree + [False] * (10 - agree)
        nines = [sum(nine) for nine in itertools.combinations(votes, 9)]
        return sum(min(matches / 3, 1) for matches in nines) / len(nines)

    @pytest.mark.parametrize("agree", range(11))
    def test_is_the_mean_over_the_ten_sets_of_nine(self, agree: int) -> None:
        annotators = ["2"] * agree + ["5"] * (10 - agree)
        assert vqa_accuracy(2, annotators) == pytest.approx(self.by_hand(agree))

    def test_reads_answers_as_the_official_evaluation(self) -> None:
        assert vqa_accuracy(2, TEN) == 1
        assert vqa_accuracy(0, ["None", "zero.", "0", *["1"] * 7]) == pytest.approx(self.by_hand(3))
        assert vqa_accuracy("the Dog!", ["a dog", "dog", "dogs", *["cat"] * 7]) == pytest.approx(self.by_hand(2))

    @pytest.mark.parametrize(
        ("answer", "written", "same"),
        [
            ("1 2", "1/2", True),
            ("12", "1/2", False),
            ("5", "5%", False),
            ("5", "$5", False),
            ("twenty one", "twenty-one", True),
            ("2", "2-", True),
            ("2", "2 -", True),
            ("2", "2.", True),
            ("25", "2.5", False),
            ("1000", "1,000", True),
            ("2", "2, or 3", False),
            ("2 or 3", "2, or 3", True),
            ("2", "(2)", True),
            ("2", "two!", True),
            ("2", "2\n", True),
            ("2", "~2", False),
            ("#2", "#2", True),
            ("10:30", "10:30", True),
            ("it's 2", "it's 2", True),
        ],
    )
    def test_signs_become_blanks_or_stay_as_in_the_official_evaluation(
        self, answer: str, written: str, same: bool
    ) -> None:
        assert vqa_accuracy(answer, [written] * 9 + ["17"]) == (1.0 if same else 0.0)

    def test_needs_annotators(self) -> None:
        with pytest.raises(CountingError, match="at least two annotators, not 0"):
            vqa_accuracy(2, [])


class TestReal:
    def test_vqa2_subset(self, data_root: Path) -> None:
        folder = data_root / "vqa" / "vqa2_subset"
        questions = load_vqa(folder / "questions_test.json", folder / "annotations_test.json")
        assert len(questions) == 2962
        assert sum(question.text.lower().startswith("how many") for question in questions) == 819
        assert {len(question.annotators) for question in questions} == {10}

    def test_cocoqa(self, data_root: Path) -> None:
        questions = load_cocoqa(data_root / "vqa" / "cocoqa" / "test")
        assert len(questions) == 38_948
        assert sum(map(count_qa, questions)) == 2644
