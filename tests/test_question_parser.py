"""What "how many …?" asks for: the thing, its categories and how they were found."""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from counting.questions.parsing.parser import QuestionParser, question_parser
from counting.questions.parsing.similarity import WordSimilarity, fit_threshold
from counting.questions.parsing.vocabulary import Vocabulary, words
from counting.utils.inflection import plurals, singular
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import CountingError
from counting_datasets.questions import load_cocoqa, load_vqa

FIXTURES = Path(__file__).parent / "fixtures"
ANIMALS = ("bird", "cat", "dog", "horse", "sheep", "cow", "elephant", "bear", "zebra", "giraffe")
parse = QuestionParser(COCO_CATEGORIES)
parse_voc = QuestionParser(VOC_CATEGORIES)


@pytest.mark.parametrize(
    ("question", "categories", "how"),
    [
        ("How many skis are there?", ("skis",), "exact"),
        ("How many sheep are there?", ("sheep",), "exact"),
        ("how many cat is laying in the floor", ("cat",), "exact"),
        ("HOW MANY DOGS ARE THERE?", ("dog",), "plural"),
        ("How many buses?", ("bus",), "plural"),
        ("How many knives and forks are there?", ("knife", "fork"), "plural"),
        ("How many people?", ("person",), "plural"),
        ("How many mice are there?", ("mouse",), "plural"),
        ("How many zebra's are there?", ("zebra",), "plural"),
        ("How many guys are on the bench?", ("person",), "synonym"),
        ("How many kids are there?", ("person",), "synonym"),
        ("How many women are there?", ("person",), "synonym"),
        ("How many planes are there?", ("airplane",), "synonym"),
        ("How many bikes are there?", ("bicycle",), "synonym"),
        ("How many stuffed animals?", ("teddy bear",), "synonym"),
        ("How many glasses of wine are on the table?", ("wine glass",), "synonym"),
        ("How many glasses are on the table?", ("wine glass", "cup"), "super-category"),
        ("How many computers are on the desk?", ("laptop", "tv"), "super-category"),
        ("How many dogs, cats, and birds?", ("dog", "cat", "bird"), "plural"),
        ("How many dogs, cats, birds or cows are there?", ("dog", "cat", "bird", "cow"), "plural"),
        ("How many big, old dogs and cats?", ("dog", "cat"), "plural"),
        ("How many two-wheelers are there?", ("bicycle", "motorcycle"), "super-category"),
        ("How many animals are there?", ANIMALS, "super-category"),
        ("How many fruits are in the bowl?", ("banana", "apple", "orange"), "super-category"),
        (
            "How many pieces of furniture are there?",
            ("chair", "couch", "bed", "dining table", "bench"),
            "super-category",
        ),
        ("How many zeebras?", ("zebra",), "synonym"),
        ("How many birdies are there?", ("bird",), "similar"),
        ("How many up close zebras are there?", ("zebra",), "plural"),
        ("how many delta airlines plane sits on the runway", ("airplane",), "synonym"),
        ("How many car seats are there?", ("chair",), "synonym"),
    ],
)
def test_the_thing_counted(question: str, categories: tuple[str, ...], how: str) -> None:
    reading = parse(question)
    assert reading.refusal is None
    assert set(reading.categories) == set(categories)
    assert reading.how == how


@pytest.mark.parametrize(
    ("question", "noun", "modifiers", "condition"),
    [
        ("How many young boys are playing frisbee?", "boys", ("young",), "are playing frisbee"),
        ("how many computer monitors does the desk have", "monitors", ("computer",), "does the desk have"),
        ("how many skiers standing on the snow", "skiers", (), "standing on the snow"),
        ("how many people fly the kite in a field", "people", (), "fly the kite in a field"),
        ("how many people ride horses on the beach", "people", (), "ride horses on the beach"),
        ("how many boat tows another boat", "boat", (), "tows another boat"),
        ("How many of the dogs are asleep?", "dogs", (), "are asleep"),
        ("What number of cows are on the road?", "cows", (), "are on the road"),
        ("How many pieces of luggage?", "luggage", ("pieces", "of"), ""),
        ("How many young elephants?", "elephants", ("young",), ""),
    ],
)
def test_the_words_around_it(question: str, noun: str, modifiers: tuple[str, ...], condition: str) -> None:
    reading = parse(question)
    assert reading.refusal is None
    assert (reading.noun, reading.modifiers, reading.condition) == (noun, modifiers, condition)


def test_explanations_say_what_is_counted() -> None:
    assert parse("How many kids?").explanation == "counting category: person"
    assert parse("How many fruits?").explanation == "counting categories: banana, apple, orange"
    similar = "counting category: bird (birdies is most similar to bird, 0.93)"
    assert parse("How many birdies?").explanation == similar
    surfers = "counting category: person, at most the number of surfboard"
    assert parse("How many surfers?").explanation == surfers


def test_a_parser_is_built_once_for_each_list_of_categories() -> None:
    assert question_parser(("dog", "cat")) is question_parser(("dog", "cat"))
    assert question_parser(("dog",)) is not question_parser(("dog", "cat"))


class TestCategories:
    def test_vocs_have_their_names_and_cocos(self) -> None:
        for noun in ("tvmonitors", "tvs", "TV monitors", "televisions"):
            assert parse_voc(f"How many {noun}?").categories == ("tvmonitor",), noun
        assert parse_voc("How many couches?").categories == ("sofa",)
        assert parse_voc("How many animals?").categories == ("bird", "cat", "dog", "horse", "sheep", "cow")

    @pytest.mark.parametrize("noun", ["trucks", "kites", "fruits", "zebras", "wine glasses"])
    def test_what_only_coco_has_is_nothing_similar_in_voc(self, noun: str) -> None:
        assert parse_voc(f"How many {noun} are there?").refusal == "no category"

    def test_the_users_own(self) -> None:
        own = QuestionParser(["Traffic_Cone", "pear", "man", "woman"])
        assert own("How many traffic cones?").categories == ("Traffic_Cone",)
        assert own("How many men?").categories == ("man",)
        assert own("How many people?").categories == ("man", "woman")
        assert own("How many fruits?").categories == ("pear",)
        assert own("How many windows?").refusal == "no category"
        hyphened = QuestionParser(["T-shirt", "x_ray"])
        assert hyphened("How many t-shirts?").how == hyphened("How many t shirts?").how == "plural"
        assert QuestionParser(["person", "bicycle"])("How many bikers?").gear == ()
        assert hyphened("How many x-rays?").categories == ("x_ray",)
        assert QuestionParser(["window"])("How many windows?").categories == ("window",)

    def test_boxes_of_apples_are_boxes_to_a_counter_of_boxes(self) -> None:
        own = QuestionParser(["box", "apple", "picture"])
        assert own("How many boxes of apples are there?").categories == ("box",)
        assert own("How many pictures of apples are there?").categories == ("picture",)
        assert parse("How many boxes of apples are there?").refusal == "groups"

    @pytest.mark.parametrize("categories", [[], ["cat", " "], ["cat", "Cat"], ["sofa", "couch"]])
    def test_categories_that_name_nothing_or_the_same_are_an_error(self, categories: list[str]) -> None:
        with pytest.raises(CountingError, match="categories"):
            QuestionParser(categories)


class TestWords:
    @pytest.mark.parametrize(
        ("noun", "plural"),
        [("dog", "dogs"), ("bus", "buses"), ("baby", "babies"), ("toy", "toys"), ("fire truck", "fire trucks"),
         ("glass of wine", "glasses of wine"),
         ("policeman", "policemen"), ("knife", "knives"), ("grandchild", "grandchildren"),
         ("box", "boxes"), ("sheep", "sheep")],
    )  # fmt: skip
    def test_plurals(self, noun: str, plural: str) -> None:
        assert plural in plurals(noun)
        if " " not in noun:
            assert singular(plural) == noun

    def test_every_category_and_synonym_is_understood_alone(self) -> None:
        vocabulary = Vocabulary(COCO_CATEGORIES)
        for noun in vocabulary.nouns:
            meaning = vocabulary.meaning(noun)
            assert meaning is not None
            plural = plurals(noun)[0]
            assert parse(f"How many {plural}?").categories == meaning.categories, plural

    def test_no_word_of_the_tables_stands_in_two_places(self) -> None:
        table = words()
        listed = [word for synonyms in table["synonyms"].values() for word in synonyms]
        listed += [name for entry in table["super-categories"].values() for name in entry["names"]]
        listed += [*COCO_CATEGORIES, *table["other-things"]["parts"], *table["other-things"]["names"]]
        assert [word for word, times in Counter(listed).items() if times > 1] == []


class TestThreshold:
    vocabulary = Vocabulary(["dog", "cat", "person"])

    def test_is_the_cosine_where_right_words_are_most_ahead_of_wrong_ones(self) -> None:
        nouns = ["doggy", "puppy", "kitty", "snowboader", "hat", "window", "cab", "sub"]
        fitted = fit_threshold(self.vocabulary, nouns)
        similarity = WordSimilarity(self.vocabulary.nouns)

        def ahead(threshold: float) -> int:
            total = 0
            for noun in nouns:
                nearest, cosine = similarity.nearest(noun)
                own, theirs = self.vocabulary.meaning(noun), self.vocabulary.meaning(nearest)
                assert own is not None
                assert theirs is not None
                if theirs.categories and cosine >= threshold:
                    total += 1 if own.categories == theirs.categories else -1
            return total

        assert ahead(fitted) > 0
        assert all(ahead(fitted) >= ahead(threshold / 100) for threshold in range(-100, 101))

    def test_needs_known_words(self) -> None:
        with pytest.raises(CountingError, match="no known nouns"):
            fit_threshold(self.vocabulary, ["xyzzy"])


def test_word_vectors_are_loaded_only_when_needed() -> None:
    script = (
        "import sys; from counting.questions.parsing.parser import QuestionParser\n"
        "QuestionParser(['dog', 'cat'])('How many dogs?'); print('wordllama' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


@pytest.fixture(scope="module")
def checked(data_root: Path) -> list[tuple[str, str]]:
    """Training questions, drawn at random, and their readings by a person: categories, or why there are none."""
    vqa = data_root / "vqa" / "vqa2_subset"
    text = {
        "coco-qa": {q.id: q.text for q in load_cocoqa(data_root / "vqa" / "cocoqa" / "train")},
        "vqa2": {q.id: q.text for q in load_vqa(vqa / "questions_train.json")},
    }
    with (FIXTURES / "question_readings.csv").open(newline="") as file:
        return [(text[row["set"]][int(row["id"])], row["reading"]) for row in csv.DictReader(file)]


class TestReal:
    def test_at_least_19_in_20_are_read_right(self, checked: list[tuple[str, str]]) -> None:
        readings = [(parse(question), right) for question, right in checked]
        wrong = [
            reading.question
            for reading, right in readings
            if (reading.refusal or "+".join(reading.categories)) != right
        ]
        assert len(readings) == 200
        assert len(wrong) <= 10, wrong
