"""Questions that counts cannot answer, and why; and some that only look like them."""

import pytest

from counting.questions.parsing.parser import QuestionParser
from counting_datasets.categories import COCO_CATEGORIES

parse = QuestionParser(COCO_CATEGORIES)


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
