"""Which questions are worth asking, and `counting questions` as a user runs it."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import counting
from counting.cli import main
from counting.questions.generator.decoding import STRENGTHS, Method
from counting.questions.generator.selection import Contents, WorthAsking
from counting.questions.generator.tokens import Mark
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import CountingError


def chosen(texts: list[str], categories: tuple[str, ...] = VOC_CATEGORIES, **probably: float) -> list[str]:
    """Of a photo where the named things probably are, two of each."""
    p = np.array([probably.get(name, 0.0) for name in categories])
    contents = Contents(categories, 2 * p, p)
    return [reading.question for reading in WorthAsking(categories)(texts, contents)]


DOGS = "How many dogs are there?"


class TestWorthAsking:
    def test_only_what_counts_answer_about_something_there(self) -> None:
        refused = ["", "How many red dogs are there?", "How many windows are there?", "How many zebras are there?"]
        assert chosen([*refused, "How many cats are there?", DOGS], dog=0.6, cat=0.59) == [DOGS]

    def test_something_of_a_sum_is_enough(self) -> None:
        text = "How many cats and cows are there?"
        assert chosen([text], cat=0.4, cow=0.4) == [text]
        assert not chosen([text], cat=0.3, cow=0.3)

    def test_what_means_the_same_is_asked_once(self) -> None:
        same = [
            DOGS,
            "How many dogs?",
            "How many dogs can you see in this picture?",
            "How many animals are shown?",
        ]
        assert chosen(same, dog=1) == [DOGS]
        assert chosen(same, dog=1, cat=1) == [DOGS, "How many animals are shown?"]

    def test_what_counts_as_none_is_not_asked_for(self) -> None:
        contents = Contents(VOC_CATEGORIES, np.full(20, 0.4), np.full(20, 0.6))
        assert not WorthAsking(VOC_CATEGORIES)([DOGS], contents)
        assert contents.likely().tolist() == [0] * 20

    def test_it_is_asked_in_the_plural(self) -> None:
        wrong = ["How many dog are there?", "How many dogs is there?", "How many dog do you see?"]
        right = ["How many sheep are standing?", "How many tvs are there?", "How many kids are there?"]
        assert chosen([*wrong, *right], dog=1, sheep=1, tvmonitor=1, person=1) == right

    def test_what_things_wear_is_not_asked(self) -> None:
        assert not chosen(["How many people in this picture are wearing hats?"], person=1)

    def test_nothing_is_said_to_be_on_itself(self) -> None:
        assert not chosen(["How many trains do you see on the train?"], train=1)

    def test_other_conditions_are_other_questions(self) -> None:
        different = [DOGS, "How many dogs are on the sofa?", "How many dogs are standing?"]
        assert chosen(different, dog=1, sofa=1) == different

    @pytest.mark.parametrize("categories", [COCO_CATEGORIES, VOC_CATEGORIES], ids=["COCO", "VOC"])
    def test_nothing_is_said_of_what_may_not_be_there(self, categories: tuple[str, ...]) -> None:
        """A counter of VOC does not know benches, so that none can be said to be there."""
        assert not chosen(
            ["How many people are on the bench?", "How many dogs are on the bus?"], categories, dog=1, person=1
        )
        there = "How many people are on the road?"
        assert chosen([there], categories, person=1) == [there]


@pytest.fixture
def photo(data_root: Path) -> Path:
    """A man and a dog."""
    return data_root / "VOCdevkit" / "VOC2007" / "JPEGImages" / "000001.jpg"


def test_a_photo_is_asked_different_questions_and_they_are_answered(photo: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "counting.cli", "questions", str(photo)], capture_output=True, text=True, check=True
    )
    lines = done.stdout.splitlines()
    assert len(lines) >= 2
    counter = counting.load()
    for line in lines:
        question, answer = line.split("?")
        assert answer.strip() == counter.ask(photo, f"{question}?").text


@pytest.mark.parametrize(("style", "things"), [("people", {"dog", "person"}), ("captions", {"dog"})])
def test_the_answers_are_those_of_ask(
    photo: Path, style: str, things: set[str], capsys: pytest.CaptureFixture[str]
) -> None:
    counter = ["--counter", "voc2007-seq-sub-final", "--json"]
    search = ["--beams", "12", "--groups", "12", "--diversity", "ngram", "--style", style]
    assert main(["questions", str(photo), *search, *counter]) == 0
    asked = json.loads(capsys.readouterr().out)
    assert asked["photo"] == str(photo)
    assert {tuple(each["categories"]) for each in asked["questions"]} >= {(thing,) for thing in things}
    first = asked["questions"][0]
    assert main(["ask", str(photo), first["question"], *counter]) == 0
    assert json.loads(capsys.readouterr().out) == first


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--beams", "20", "--groups", "3"], "beams: 20 cannot be divided into 3 equal groups"),
        (["--beams", "2", "--groups", "4"], "groups: 2 beams cannot be divided into 4 groups"),
        (["--beams", "0"], "--beams"),
        (["--beams", "99999999999999999999"], "--beams"),
        (["--groups", "-1"], "--groups"),
        (["--strength", "-0.5"], "strength"),
        (["--strength", "nan"], "strength"),
        (["--strength", "1e308"], "strength"),
        (["--strength", "inf"], "strength"),
        (["--method", "sample", "--seed", "99999999999999999999"], "seed"),
        (["--method", "sample", "--seed", "-1"], "seed"),
        (["--method", "beam", "--groups", "2"], "groups: applies only to the method diverse"),
    ],
)
def test_what_is_wrong_is_said_in_one_line(
    arguments: list[str], says: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = tmp_path / "photo.jpg"
    Image.new("RGB", (32, 32)).save(photo)
    assert main(["questions", str(photo), *arguments]) == 2
    out, err = capsys.readouterr()
    assert not out
    assert err.count("\n") == 1
    assert says in err


def test_a_missing_photo_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["questions", str(tmp_path / "nothing.jpg")]) == 2
    assert "nothing.jpg" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"beams": 10**20}, "beams: must be at most 1000, is 100000000000000000000"),
        ({"strength": 1e308}, r"strength: must be at most 1,000,000, is 1e\+308"),
        (
            {"name": "sample", "seed": 2**64},
            "seed: must be from 0 to 18446744073709551615, is 1844",
        ),
        ({"name": "sample", "seed": -1}, "seed: must be from 0 to 18446744073709551615, is -1"),
    ],
)
def test_a_method_refuses_numbers_that_are_too_large(settings: dict[str, Any], says: str) -> None:
    with pytest.raises(CountingError, match=says):
        Method(**settings)


def test_help_and_search_agree_on_the_default_strengths(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["questions", "--help"]) == 0
    people, captions = (f"{STRENGTHS[mark]:g}" for mark in (Mark.PEOPLE, Mark.CAPTIONS))
    said = " ".join(capsys.readouterr().out.split())
    assert f"(default: {people}, or {captions} with --style captions)" in said
