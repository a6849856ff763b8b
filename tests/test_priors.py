"""Counts as a prior for a detector: the rules against brute force, fitted where the answer is known."""

from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from counting.detection.detections import Detections
from counting.detection.matching import Objects, detection_scores, f1_thresholds, match
from counting.detection.priors import (
    TRUSTS,
    CountPrior,
    calibrated,
    fit_prior,
    pooled,
    top_n,
)
from counting.detection.results_file import read_detections
from counting.stats.poisson_binomial import count_probability, given_counts
from counting.tables.count_table import CountTable
from counting_datasets.catalog import Place, load
from counting_datasets.errors import DataError
from counting_datasets.protocol import Protocol

Floats = NDArray[np.float64]


def by_enumeration(true: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """p(box is true) and p(number), from all 2^B ways in which B boxes can be true or false."""
    ways = np.array(list(product((0, 1), repeat=len(true))))
    number = ways.sum(axis=1)
    p = np.where(ways == 1, true, 1 - true).prod(axis=1) * weight[number]
    p /= p.sum()
    return p @ ways, np.bincount(number, weights=p, minlength=len(true) + 1)


def boxes_of(
    scores: list[float], group: list[tuple[int, int]] | None = None, shape: tuple[int, int] = (1, 1)
) -> Detections:
    """Unit boxes one beside the other, of the (photo, category) in ``group``."""
    places = np.array(group or [(0, 0)] * len(scores), dtype=np.int64).reshape(-1, 2)
    left = np.arange(len(scores), dtype=np.float64)
    return Detections(
        images=tuple(f"{number:06d}" for number in range(1, shape[0] + 1)),
        categories=tuple("abcdefgh"[: shape[1]]),
        image=places[:, 0],
        category=places[:, 1],
        boxes=np.stack([left, left * 0, left + 1, left * 0 + 1], axis=1),
        scores=np.array(scores, dtype=np.float64),
    )


def as_probabilities(*categories: str) -> CountPrior:
    """Scores are probabilities, and the counter has half of the pool."""
    return CountPrior(categories, np.tile([0.0, 1.0], (len(categories), 1)), 0.5)


def certain(*counts: int, largest: int = 12) -> Floats:
    """N×1×(L + 1) distributions of one category whose counts are known."""
    return np.eye(largest + 1)[list(counts)][:, None]


# How many boxes are true, and which


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("boxes", [1, 2, 5, 9])
def test_both_passes_agree_with_enumerating_what_the_boxes_can_be(boxes: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    true, weight = random.uniform(size=(3, boxes)), random.exponential(size=(3, boxes + 1))
    expected = [by_enumeration(p, w) for p, w in zip(true, weight, strict=True)]
    assert given_counts(true, weight) == pytest.approx(np.stack([boxes for boxes, _ in expected]))
    plain = [by_enumeration(p, np.ones(boxes + 1))[1] for p in true]
    assert count_probability(true) == pytest.approx(np.stack(plain))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("trust", TRUSTS)
def test_a_new_score_is_the_boxs_probability_under_the_pooled_count(trust: float, seed: int) -> None:
    random = np.random.default_rng(seed)
    group = [(0, 0), (1, 1), (0, 0), (1, 0), (0, 0), (1, 1), (0, 0)]
    found = boxes_of(random.uniform(0.1, 0.9, size=7).tolist(), group, (2, 2))
    spread = random.dirichlet(np.ones(8), size=(2, 2))
    scores = pooled(found, found.scores, spread, trust)
    for photo, category in {*group}:
        own = found.groups == photo * 2 + category
        size = int(own.sum())
        prior = np.append(spread[photo, category, :size], spread[photo, category, size:].sum())
        without = by_enumeration(found.scores[own], np.ones(size + 1))[1]
        expected, number = by_enumeration(found.scores[own], (prior / without) ** trust)
        assert scores[own] == pytest.approx(expected)
        pool = without ** (1 - trust) * prior**trust
        assert number == pytest.approx(pool / pool.sum())


def test_a_counter_that_is_not_trusted_changes_nothing() -> None:
    found = boxes_of([0.9, 0.2, 0.4])
    assert pooled(found, found.scores, certain(1), 0.0) == pytest.approx(found.scores)


@pytest.mark.parametrize("count", range(5))
def test_where_the_count_is_sure_the_scores_sum_to_it(count: int) -> None:
    found = boxes_of([0.9, 0.2, 0.4, 0.7])
    scores = pooled(found, found.scores, certain(count), 1.0)
    assert scores.sum() == pytest.approx(count, abs=1e-6)
    assert np.argsort(scores).tolist() == [1, 2, 3, 0] or count in (0, 4)


def test_of_more_objects_than_boxes_all_boxes_are_true() -> None:
    found = boxes_of([0.1, 0.3])
    assert pooled(found, found.scores, certain(9), 1.0) == pytest.approx(1)


def test_hundreds_of_faint_boxes_are_no_trouble() -> None:
    found = boxes_of([0.001] * 400 + [0.99])
    for count in (0, 1, 3, 12):
        scores = pooled(found, found.scores, certain(count), 1.0)
        assert np.isfinite(scores).all()
        assert scores.sum() == pytest.approx(count, abs=1e-3)


# Which boxes to keep


def test_top_n_keeps_the_surest_of_each_photo_and_category() -> None:
    group = [(0, 0), (0, 0), (0, 0), (0, 1), (1, 0), (1, 0)]
    found = boxes_of([0.3, 0.8, 0.5, 0.1, 0.6, 0.7], group, (2, 2))
    counts = np.array([[1.5, 0.49], [0.5, 7.0]])
    assert top_n(found, counts).tolist() == [False, True, True, False, False, True]
    assert top_n(found, counts + 9).all()
    assert not top_n(found, counts * -1).any()


def test_of_boxes_alike_top_n_keeps_the_first() -> None:
    assert top_n(boxes_of([0.5, 0.5, 0.5]), np.array([[2.0]])).tolist() == [True, True, False]


def test_thresholds_are_by_category_and_reached_from_above() -> None:
    found = boxes_of([0.3, 0.29, 0.3], [(0, 0), (0, 0), (0, 1)], (1, 2))
    prior = CountPrior(("a", "b"), np.zeros((2, 2)), 0.5, np.array([0.3, 0.4]))
    assert prior.keep(found, found.scores, np.ones((1, 2, 1))).tolist() == [True, False, False]


@pytest.mark.parametrize("seed", range(5))
def test_without_thresholds_the_expected_f1_is_as_large_as_can_be(seed: int) -> None:
    random = np.random.default_rng(seed)
    found = boxes_of(random.uniform(size=9).round(3).tolist())
    spread = random.dirichlet(np.ones(5), size=(1, 1))
    prior = as_probabilities("a")
    scores = prior.rescore(found, spread)
    expected = float(spread[0, 0] @ np.arange(5))
    kept = prior.keep(found, scores, spread)
    every = [np.array(way, dtype=bool) for way in product((0, 1), repeat=9)]
    best = max(scores[way].sum() / (way.sum() + expected) for way in every)
    assert scores[kept].sum() / (kept.sum() + expected) == pytest.approx(best)


def test_a_prior_of_other_photos_or_categories_is_refused() -> None:
    found = boxes_of([0.5], shape=(2, 1))
    with pytest.raises(DataError, match="different photos"):
        as_probabilities("a").rescore(found, np.ones((3, 1, 4)))
    with pytest.raises(DataError, match="different photos"):
        as_probabilities("b").rescore(found, np.ones((2, 1, 4)))


# Learning it


def a_detector(photos: int, seed: int) -> tuple[Detections, Objects, Floats]:
    """Boxes in two categories whose scores are half as sure as they should be, the objects, and sure counts.

    In the first category logit p(true) = 2 logit s, in the second 2 logit s + 1.
    """
    random = np.random.default_rng(seed)
    size = photos * 8
    group = [(photo, category) for photo in range(photos) for category in (0, 1) for _ in range(4)]
    scores = random.uniform(0.05, 0.95, size=size)
    found = boxes_of(scores.tolist(), group, (photos, 2))
    logit = 2 * np.log(scores / (1 - scores)) + found.category
    true = random.uniform(size=size) < 1 / (1 + np.exp(-logit))
    objects = Objects(
        found.groups[true], found.boxes[true], *np.zeros((2, int(true.sum())), dtype=bool), (photos, 2)
    )
    return found, objects, objects.totals()


def test_what_made_the_boxes_is_found_again_and_sure_counts_are_trusted() -> None:
    found, objects, counts = a_detector(400, 0)
    sure = np.eye(5)[counts.astype(int)]
    prior = fit_prior(found, objects, sure)
    assert prior.weights == pytest.approx(np.array([[0, 2], [1, 2]]), abs=0.35)
    assert prior.trust > 0
    blind = np.full_like(sure, 0.2)
    assert fit_prior(found, objects, blind).trust < prior.trust


def test_counts_help_a_detector_and_noise_does_not_hurt_it() -> None:
    found, objects, counts = a_detector(400, 0)
    test, truth, true_counts = a_detector(400, 1)
    thresholds = f1_thresholds(found, found.scores, match(found, objects), objects)
    base = detection_scores(test.where(test.scores >= thresholds[test.category]), truth).means["F1"]

    def improved(on_val: Floats, on_test: Floats) -> float:
        prior = fit_prior(found, objects, on_val)
        scores = prior.rescore(test, on_test)
        return detection_scores(test.where(prior.keep(test, scores, on_test)), truth).means["F1"]

    sure = improved(*(np.eye(5)[one.astype(int)] for one in (counts, true_counts)))
    assert sure > base + 0.03
    noise = np.random.default_rng(2).dirichlet(np.ones(5), size=(2, 400, 2))
    assert improved(noise[0], noise[1]) > base - 0.01


def test_a_category_without_boxes_is_calibrated_like_the_others() -> None:
    found, objects, counts = a_detector(100, 0)
    third = Detections(found.images, ("a", "b", "c"), found.image, found.category, found.boxes, found.scores)
    group = objects.group // 2 * 3 + objects.group % 2
    more = Objects(group, objects.boxes, objects.ignored, objects.crowd, (100, 3))
    spread = np.eye(5)[np.hstack([counts, counts[:, :1] * 0]).astype(int)]
    prior = fit_prior(third, more, spread)
    assert prior.weights[2] == pytest.approx(prior.weights[:2].mean(axis=0), abs=0.3)
    assert prior.thresholds is not None
    assert 0 < prior.thresholds[2] < 1


def test_boxes_that_are_all_false_teach_nothing() -> None:
    found = boxes_of([0.5] * 10, [(photo, 0) for photo in range(10)], (10, 1))
    none = Objects(np.zeros(0, dtype=np.int64), np.zeros((0, 4)), *np.zeros((2, 0), dtype=bool), (10, 1))
    with pytest.raises(DataError, match="true and false ones"):
        fit_prior(found, none, certain(*[0] * 10))


def test_calibration_leaves_scores_as_they_are_where_it_says_nothing() -> None:
    found = boxes_of([0.02, 0.5, 0.999])
    assert calibrated(found, as_probabilities("a").weights) == pytest.approx(found.scores)
    ends = boxes_of([0.0, 1.0])
    assert np.isfinite(calibrated(ends, np.array([[0.0, 5.0]]))).all()


# PASCAL VOC 2007


def voc(data_root: Path, split: str, name: str, shift: Any = 0) -> tuple[Detections, Objects]:
    """A detector's boxes and the true objects, whose corners are moved by ``shift``."""
    scenes = load("voc2007", split, Place(data_root / "VOCdevkit" / "VOC2007"))
    truth = CountTable.from_scenes(scenes, Protocol())
    found = read_detections(data_root / "detections" / f"voc2007_{split}_{name}.json", truth)
    objects = Objects.of(scenes, len(truth.categories))
    return found, replace(objects, boxes=objects.boxes + shift)


@pytest.mark.parametrize(
    ("name", "base", "oracle"), [("yolo_fastest_xl", 0.6595, 0.771), ("yolov3_tiny", 0.5829, 0.720)]
)
def test_base_and_oracle_are_what_was_measured_before(
    name: str, base: float, oracle: float, data_root: Path
) -> None:
    """Those figures took xmin and ymin as the file has them, a pixel further in than a scene does."""
    inwards = [1, 1, 0, 0]
    on_val, val = voc(data_root, "val", name, inwards)
    on_test, test = voc(data_root, "test", name, inwards)
    thresholds = f1_thresholds(on_val, on_val.scores, match(on_val, val), val)
    kept = on_test.where(on_test.scores >= thresholds[on_test.category])
    assert detection_scores(kept, test).means["F1"] == pytest.approx(base, abs=5e-4)
    best = on_test.where(top_n(on_test, test.totals()))
    assert detection_scores(best, test).means["F1"] == pytest.approx(oracle, abs=5e-4)


def test_the_new_scores_of_a_whole_split_are_probabilities(data_root: Path) -> None:
    found, test = voc(data_root, "test", "yolo_fastest_xl")
    spread = np.random.default_rng(0).dirichlet(np.ones(40), size=test.shape)
    scores = as_probabilities(*found.categories).rescore(found, spread)
    assert ((scores >= 0) & (scores <= 1)).all()
