"""One answer about a count: best guess, interval, probability, what is shown, and the words for it."""

import numpy as np
import pytest

from counting.stats.best_guess import best_guesses, fit_shown_from, in_order, is_shown, noun, things

NAMES = ("dog", "person", "car", "bus", "pottedplant")
RAW = np.array([2.2, 2.9, 0.6, 0.3, 0.0])
DISTRIBUTION = np.array(
    [
        [0.0, 0.1, 0.8, 0.1, 0.0, 0.0],
        [0.05, 0.2, 0.2, 0.25, 0.15, 0.15],
        [0.4, 0.5, 0.1, 0.0, 0.0, 0.0],
        [0.7, 0.3, 0.0, 0.0, 0.0, 0.0],
        [1.0, 0.0, 0.0, 0.0, 0.0, 0.0],
    ],
    dtype=np.float32,
)


def test_the_best_guess_is_the_raw_count_rounded_half_up_with_or_without_calibration() -> None:
    raw = np.array([0.49, 0.5, 1.49, 2.5, 0.0])
    for distribution in (None, DISTRIBUTION):
        assert [guess.count for guess in best_guesses(raw, distribution)] == [0, 1, 1, 3, 0]


def test_a_calibrated_count_has_its_mean_interval_and_probabilities() -> None:
    dog, person, *_ = best_guesses(RAW, DISTRIBUTION)
    assert (dog.count, dog.low, dog.high) == (2, 1, 2)
    assert dog.expected == pytest.approx(2.0, abs=1e-6)
    assert (dog.probability, dog.likelihood) == (pytest.approx(1), pytest.approx(0.8))
    assert person.interval == (1, 5)
    assert person.expected == pytest.approx(0.2 + 0.4 + 0.75 + 0.6 + 0.75, abs=1e-6)
    assert (person.probability, person.likelihood) == (pytest.approx(0.95), pytest.approx(0.25))


def test_without_calibration_only_the_raw_count_is_known() -> None:
    dog, *_, plant = best_guesses(RAW, None)
    assert (dog.count, dog.expected, dog.interval, dog.probability) == (2, 2.2, None, None)
    assert (dog.shown, plant.shown) == (True, False)
    assert dog.words("dog") == "2 dogs"


def test_doubt_is_said_by_probability_in_words() -> None:
    assert things(best_guesses(RAW, DISTRIBUTION), NAMES) == ["about 3 people (1–5)", "2 dogs", "maybe 1 car"]
    words = [guess.words(name) for guess, name in zip(best_guesses(RAW, DISTRIBUTION), NAMES, strict=True)]
    assert words[3:] == ["probably 0 buses", "0 potted plants"]
    assert best_guesses(RAW, DISTRIBUTION)[1].words() == "about 3 (1–5)"


def test_a_wide_interval_alone_is_no_doubt() -> None:
    wide = np.array([[0.0, 0.5, 0.1, 0.1, 0.1, 0.2]], dtype=np.float32)
    (guess,) = best_guesses(np.array([1.0]), wide)
    assert guess.interval == (1, 5)
    assert guess.words("dog") == "1 dog"


def test_what_is_shown_follows_the_threshold_and_the_order_of_the_counts() -> None:
    assert in_order(best_guesses(RAW, DISTRIBUTION, 0.5)) == [1, 0, 2]
    assert in_order(best_guesses(RAW, DISTRIBUTION, 0.61)) == [1, 0]
    assert in_order(best_guesses(RAW, DISTRIBUTION, 0.0)) == [1, 0, 2]
    assert is_shown(np.array([0, 1, 1]), np.array([1.0, 0.5, 0.49])).tolist() == [False, True, False]


def test_the_threshold_has_the_greatest_f1_of_shown_against_there() -> None:
    probability = np.array([[0.9, 0.72], [0.66, 0.55], [0.52, 0.31]])
    true = np.array([[1, 1], [2, 0], [0, 0]])
    assert fit_shown_from(np.ones((3, 2)), probability, true) == 0.65
    assert fit_shown_from(np.ones((3, 2)), probability, np.zeros((3, 2))) == 0.5


@pytest.mark.parametrize(
    ("category", "count", "said"),
    [
        ("person", 1, "person"),
        ("person", 2, "people"),
        ("sheep", 3, "sheep"),
        ("bus", 0, "buses"),
        ("diningtable", 2, "dining tables"),
        ("tvmonitor", 1, "TV"),
        ("knife", 2, "knives"),
    ],
)
def test_categories_are_written_as_people_write_them(category: str, count: int, said: str) -> None:
    assert noun(category, count) == said
