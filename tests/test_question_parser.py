"""What "how many …?" asks for: the thing, its categories and how they were found, or why counts cannot tell."""

import csv
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from counting.questions.how_many.scores import NounMode, score_answers
from counting.questions.parsing.parser import QuestionParser, question_parser
from counting.questions.parsing.similarity import WordSimilarity, fit_threshold
from counting.questions.parsing.vocabulary import Vocabulary, words
from counting.utils.inflection import plurals, singular
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import CountingError
from counting_datasets.questions import Question, load_cocoqa, load_vqa

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


@pytest.mark.parametrize(
    ("question", "refusal", "says"),
    [
        ("How many red cars are there?", "colour", "red cars: colours cannot be told apart"),
        ("How many cars are red?", "colour", "cars: colours cannot be told apart"),
        ("How many black and white cows?", "colour", "black and white cows: colours cannot be told apart"),
        ("How many windows are there?", "no category", "windows: no such category"),
        ("How many giraffe legs are there?", "no category", "giraffe legs: no such category"),
        ("How many elephants' trunks are there?", "no category", "elephants' trunks: no such category"),
        ("How many of the zebra's legs are white?", "no category", "zebra's legs: no such category"),
        ("How many bird feeders?", "no category", "bird feeders: no such category"),
        ("How many cutting boards are there?", "no category", "cutting boards: no such category"),
        ("How many spires of the clock?", "no category", "spires: no such category"),
        ("How many train cars are there?", "no category", "train cars: no such category"),
        ("How many dogs and windows are there?", "no category", "dogs and windows: no such category"),
        (
            "How many kinds of animals are there?",
            "kinds",
            "cannot count kinds of animals, only individual",
        ),
        (
            "How many modes of transportation?",
            "kinds",
            "cannot count modes of transportation, only individual",
        ),
        ("How many animal species are there?", "kinds", "cannot count animal species, only individual"),
        ("How many herds of sheep are there?", "groups", "cannot count herds of sheep, only individual"),
        ("How many bushels of bananas?", "groups", "cannot count bushels of bananas, only individual"),
        ("How many plates of pizza are there?", "groups", "cannot count plates of pizza, only individual"),
        (
            "How many people are wearing hats?",
            "property",
            "people are wearing hats: only all things",
        ),
        (
            "How many people are not sitting?",
            "property",
            "people are not sitting: only all things",
        ),
        (
            "How many dogs aren't asleep?",
            "property",
            "dogs aren't asleep: only all things",
        ),
        (
            "How many people do not have hats?",
            "property",
            "people do not have hats: only all things",
        ),
        (
            "How many animals that are not dogs?",
            "property",
            "animals that are not dogs: only all things",
        ),
        (
            "How many animals other than dogs?",
            "property",
            "animals other than dogs: only all things",
        ),
        (
            "How many chairs that are empty?",
            "property",
            "chairs that are empty: only all things",
        ),
        ("How many baby elephants?", "property", "baby elephants: only all things"),
        ("How many people in red shirts?", "colour", "people: colours cannot be told apart"),
        ("How many people can fit in the boat?", "capacity", "boat: only what is there can be counted"),
        ("How many more dogs than cats are there?", "difference", "by how much"),
        ("How many dogs are there and how many cats?", "several counts", "one at a time"),
        ("How many dogs are there? How many cats?", "several counts", "one at a time"),
        ("How many are there?", "no noun", "does not say what to count"),
        ("How many can you see?", "no noun", "does not say what to count"),
        ("What color is the dog?", "no count question", "how many"),
        ("What is the number of the bus?", "no count question", "how many"),
        ("Dogs?", "no count question", "how many"),
        ("?!", "no count question", "how many"),
        ("", "empty", "empty"),
        (" \n", "empty", "empty"),
        ("How many " + "dogs " * 2000, "too long", "too long"),
        ("Combien de chiens y a-t-il ?", "another language", "not in English"),
        ("¿Cuántos perros hay en la foto?", "another language", "not in English"),
        ("Wie viele Hunde sind da?", "another language", "not in English"),
        ("有多少只狗？", "another language", "not in English"),
        ("Сколько собак на фото?", "another language", "not in English"),
    ],
)
def test_why_counts_do_not_answer(question: str, refusal: str, says: str) -> None:
    reading = parse(question)
    assert reading.refusal == refusal
    assert says in reading.explanation
    assert "\n" not in reading.explanation


def test_a_refusal_still_says_which_category_was_meant() -> None:
    assert parse("How many red cars are there?").categories == ("car",)
    assert parse("How many red windows are there?").categories == ()


@pytest.mark.parametrize(
    ("question", "categories"),
    [
        ("How many plates are there with slices of pizza on them?", ("pizza",)),
        ("How many pizza boxes are on the table?", ("pizza",)),
        ("How many pictures show a dog?", ("dog",)),
        ("How many plates are on top of the table?", ()),
        ("How many boxes are in front of the truck?", ()),
    ],
)
def test_what_containers_hold_and_pictures_show_is_meant_but_not_counted(
    question: str, categories: tuple[str, ...]
) -> None:
    reading = parse(question)
    assert reading.categories == categories
    assert reading.refusal == ("groups" if categories else "no category")


@pytest.mark.parametrize(
    ("question", "mapped"),
    [
        ("How many cars are there?", True),
        ("How many red cars are there?", True),
        ("How many baby elephants are there?", True),
        ("How many people are holding umbrellas?", True),
        ("How many people are wearing hats?", False),
        ("How many people in the picture are wearing hats?", False),
        ("How many people can sit on the couch?", False),
        ("How many windows are there?", False),
    ],
)
def test_a_question_is_mapped_if_things_of_a_category_are_counted(question: str, mapped: bool) -> None:
    assert parse(question).mapped == mapped


def test_what_stands_behind_an_article_is_no_verb() -> None:
    assert parse("How many people does the park bench have sitting on it?").refusal is None
    assert parse("How many people does the bench seat?").refusal == "capacity"


def test_explanations_say_what_is_counted() -> None:
    assert parse("How many kids?").explanation == "counting category: person"
    assert parse("How many fruits?").explanation == "counting categories: banana, apple, orange"
    similar = "counting category: bird (birdies is most similar to bird, 0.93)"
    assert parse("How many birdies?").explanation == similar
    surfers = "counting category: person, at most the number of surfboard"
    assert parse("How many surfers?").explanation == surfers


@pytest.mark.parametrize(
    "question",
    [
        "How many dogs on the couch are brown?",
        "How many cars in the lot are red?",
        "How many birds in the tree are mostly white?",
        "How many cars are parked on the street that are blue?",
        "How many umbrellas next to the pool are yellow and green?",
    ],
)
def test_a_colour_is_seen_behind_a_phrase_of_place(question: str) -> None:
    assert parse(question).refusal == "colour"


@pytest.mark.parametrize(
    "question",
    [
        "How many people in the picture are wearing glasses?",
        "How many people can you see in the picture that are wearing glasses?",
        "How many people are there in the picture wearing glasses?",
        "How many people who are sitting on the bench are wearing hats?",
        "How many people are sitting at the table wearing hats?",
        "How many people on the beach have umbrellas?",
        "How many players on the field wear helmets?",
        "How many chairs around the table are empty?",
        "How many cups next to the plate are full?",
        "How many zebras in the herd are facing the camera?",
        "How many people on the train are looking at their phones?",
        "How many dogs in the park are without a leash?",
        "How many glasses are half full?",
        "How many of the bananas are sliced?",
        "How many apples are cut in half?",
        "How many bikes are missing a seat?",
        "How many pizzas on the counter have not been cut?",
        "How many laptops on the desk are turned on?",
        "How many screens are on?",
        "How many people in the group are women?",
        "How many sheep behind the fence are lying down and have horns?",
    ],
)
def test_a_property_is_seen_wherever_it_is_said_of_the_things_counted(question: str) -> None:
    assert parse(question).refusal == "property"


@pytest.mark.parametrize(
    "question",
    [
        "How many animals besides dogs are there?",
        "How many animals apart from the dog are there?",
        "How many people aside from the man are there?",
        "How many people in addition to the driver are there?",
        "How many animals except for the cow are in the field?",
        "How many animals but the dogs are there?",
        "How many vehicles minus the bus are there?",
        "How many people are there not including the baby?",
        "How many animals are there with the exception of the cat?",
        "Apart from the man, how many people are in the room?",
        "Excluding the driver, how many people are on the bus?",
        "How many other people are there?",
    ],
)
def test_a_question_that_leaves_some_of_the_things_out_is_refused(question: str) -> None:
    assert parse(question).refusal == "property"


@pytest.mark.parametrize(
    "question",
    [
        "How many zebras legs are there?",
        "How many zebras front legs are visible?",
        "How many horses tails can be seen?",
        "How many cows ears are tagged?",
        "How many elephants tusks are there?",
        "How many giraffes heads are there?",
        "How many cats eyes are open?",
        "How many sheeps horns?",
        "How many peoples feet are visible?",
        "How many womens shoes are there?",
        "How many dogs collars are there?",
        "How many trains windows are lit?",
    ],
)
def test_parts_without_an_apostrophe_are_no_animals(question: str) -> None:
    reading = parse(question)
    assert (reading.refusal, reading.categories) == ("no category", ())


@pytest.mark.parametrize(
    ("question", "category"),
    [
        ("How many people are in the picture?", "person"),
        ("How many people on the beach are visible?", "person"),
        ("How many dogs in the yard are shown in this picture?", "dog"),
        ("How many people are near the truck that is red?", "person"),
        ("How many people are next to the man that is wearing a hat?", "person"),
        ("How many suitcases is the man carrying?", "suitcase"),
        ("How many balls is he holding?", "sports ball"),
        ("How many umbrellas does the woman in the picture have?", "umbrella"),
        ("How many people are standing on the beach holding surfboards?", "person"),
        ("How many dogs are there while the window is open?", "dog"),
        ("How many beds are in the open room?", "bed"),
        ("How many cats are sleeping on the old couch?", "cat"),
        ("How many elephants is standing apart from each other?", "elephant"),
        ("How many birds are there sitting in a tree besides each other?", "bird"),
        ("How many dogs face the camera?", "dog"),
        ("How many horses pull the carriage?", "horse"),
        ("How many women purses are there?", "handbag"),
    ],
)
def test_what_is_said_of_something_else_does_not_count(question: str, category: str) -> None:
    reading = parse(question)
    assert (reading.refusal, reading.categories) == (None, (category,))


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


class TestScores:
    questions = [Question(n, "1", "?", answer, ("2",) * 10) for n, answer in enumerate((2, 2, 4, 0))]  # noqa: RUF012

    def test_by_hand(self) -> None:
        scores = score_answers([2, 1.4, 7, 0.5], self.questions)
        assert (scores.exact, scores.within_one) == (0.25, 0.75)
        assert scores.rmse == pytest.approx(((0 + 1 + 9 + 1) / 4) ** 0.5)
        assert scores.vqa_accuracy == 0.25

    def test_need_an_answer_each_and_numbers_to_compare_with(self) -> None:
        with pytest.raises(CountingError, match="3 answers to 4 questions"):
            score_answers([1, 2, 3], self.questions)
        with pytest.raises(CountingError, match="question 9 has no number"):
            score_answers([1], [Question(9, "1", "?", None)])

    def test_the_mode_of_a_noun_else_of_all(self) -> None:
        mode = NounMode([("dogs", 1), ("dogs", 1), ("people", 2), ("people", 3), ("people", 3), ("cats", 3)])
        assert [mode(noun) for noun in ("dogs", "people", "windows")] == [1, 3, 3]
        with pytest.raises(CountingError, match="no training questions"):
            NounMode([])


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
