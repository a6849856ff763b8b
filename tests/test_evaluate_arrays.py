"""`counting.evaluate`: what it takes, what it answers, what it refuses."""

import doctest
import json
import math
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import counting.evaluation.arrays
from counting.evaluation.arrays import evaluate
from counting.tables.count_table import CountTable
from counting_datasets.errors import CountingError, DataError

PREDICTED = [[1.4, 0.0], [3.5, 1.0], [0.0, 0.2]]
TRUE = [[1, 0], [2, 1], [0, 0]]
"""Rounded, all counts are right but one: 4 for 2. RMSE of the first category: sqrt(4 / 3)."""

M_RMSE = math.sqrt(4 / 3) / 2


def frame(counts: Any, columns: str = "dog cat", index: Any = None) -> pd.DataFrame:
    return pd.DataFrame(counts, columns=columns.split(), index=index)


def table(counts: Any, images: str = "a b c") -> CountTable:
    return CountTable(tuple(images.split()), ("dog", "cat"), np.array(counts, dtype=float))


@pytest.mark.parametrize(
    ("predicted", "true"),
    [
        (PREDICTED, TRUE),
        (np.array(PREDICTED, dtype=np.float32), np.array(TRUE, dtype=np.uint8)),
        (torch.tensor(PREDICTED, requires_grad=True), torch.tensor(TRUE)),
        (frame(PREDICTED), frame(TRUE)),
        (table(PREDICTED), table(TRUE)),
        (frame(PREDICTED), table(TRUE)),
        (PREDICTED, table(TRUE)),
    ],
)
def test_every_form_of_the_same_counts_gets_the_same_scores(predicted: Any, true: Any) -> None:
    scores = evaluate(predicted, true, categories=["dog", "cat"])
    assert scores.mRMSE == pytest.approx(M_RMSE)
    assert (scores.mae, scores.exact) == pytest.approx((2 / 6, 5 / 6))
    assert scores.mRMSE_nz == pytest.approx(math.sqrt(4 / 2) / 2)
    assert scores.m_relRMSE == pytest.approx(math.sqrt(4 / 3 / 3) / 2)
    assert scores.m_relRMSE_nz == pytest.approx(math.sqrt(4 / 3 / 2) / 2)
    assert scores.per_category["dog"]["mRMSE"] == pytest.approx(math.sqrt(4 / 3))
    assert (scores.images, list(scores.per_category)) == (3, ["dog", "cat"])


def test_one_category_may_be_a_plain_list() -> None:
    scores = evaluate([1.4, 3.5, 0], [1, 2, 0])
    assert scores.mRMSE == pytest.approx(math.sqrt(4 / 3))
    assert list(scores.per_category) == ["0"]
    assert list(evaluate(PREDICTED, TRUE).per_category) == ["0", "1"]


def test_frames_and_tables_are_aligned_by_name() -> None:
    by_name = frame([row[::-1] for row in PREDICTED[::-1]], "cat dog", ["c", "b", "a"])
    assert evaluate(by_name, frame(TRUE, index=["a", "b", "c"])).mRMSE == pytest.approx(M_RMSE)
    assert evaluate(by_name.rename_axis("image").reset_index(), table(TRUE)).mRMSE == pytest.approx(M_RMSE)
    assert evaluate(table(PREDICTED[::-1], "c b a"), table(TRUE)).mRMSE == pytest.approx(M_RMSE)
    assert evaluate(frame([row[::-1] for row in PREDICTED], "cat dog"), frame(TRUE)).mRMSE == pytest.approx(M_RMSE)
    assert list(evaluate(frame(PREDICTED), frame(TRUE), categories=["cat"]).per_category) == ["cat"]


def test_counts_need_not_be_rounded() -> None:
    assert evaluate([1.4], [1], rounded=False).mae == pytest.approx(0.4)
    assert evaluate([-3.0], [1], rounded=False).mae == 1


def test_intervals_come_with_a_bootstrap() -> None:
    scores = evaluate(PREDICTED, TRUE, bootstrap=50)
    assert scores.intervals["mRMSE"].low <= scores.mRMSE <= scores.intervals["mRMSE"].high
    assert evaluate(PREDICTED, TRUE).intervals == {}
    assert set(scores.to_json()["intervals"]) == {"mRMSE", "mRMSE_nz", "m_relRMSE", "m_relRMSE_nz", "mae", "exact"}


def test_scores_can_be_read_by_people_and_programs() -> None:
    scores = evaluate(PREDICTED, TRUE, bootstrap=10)
    assert repr(scores).startswith("CountScores(3 images, 2 categories, mRMSE=0.577, mRMSE_nz=0.707")
    assert "\n" not in repr(scores)
    assert str(scores).splitlines()[:1] == ["3 images, 2 categories"]
    assert all(len(line) < 80 for line in str(scores).splitlines())
    written = json.loads(json.dumps(evaluate([[0.0]], [[0]]).to_json(), allow_nan=False))
    assert written["mRMSE_nz"] is None
    assert "intervals" not in written


@pytest.mark.parametrize(
    ("predicted", "true", "options", "message"),
    [
        ([[1, 2]], [[1, 2], [3, 4]], {}, r"\(1, 2\), but true counts are \(2, 2\)"),
        ([], [], {}, "no counts to score"),
        (3, 3, {}, "predicted counts have shape"),
        ([math.nan], [1], {}, "predicted counts must be finite"),
        ([None], [1], {}, "predicted counts must be finite"),
        ([1], [math.inf], {}, "true counts must be finite"),
        ([1], [-1], {}, "true counts must not be negative"),
        (["many"], [1], {}, "predicted counts are not an array of numbers"),
        ([1, [2]], [1, 2], {}, "predicted counts are not an array of numbers"),
        ([[1, 2]], [[1, 2]], {"categories": ["dog"]}, "2 columns of counts, but 1 categories"),
        (frame(PREDICTED), frame(TRUE, "dog emu"), {}, "no counts of 'emu'"),
        (table(PREDICTED, "x y z"), table(TRUE), {}, "3 of 3 images are missing"),
    ],
)
def test_counts_that_cannot_be_scored_are_refused(
    predicted: Any, true: Any, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message):
        evaluate(predicted, true, **options)


def test_resamples_are_a_sensible_number() -> None:
    for resamples in (-1, 10**15):
        with pytest.raises(CountingError, match="resamples"):
            evaluate([1], [1], bootstrap=resamples)


def test_the_example_in_the_documentation_holds() -> None:
    assert doctest.testmod(counting.evaluation.arrays).failed == 0
