"""What `counting evaluate` prints: nothing is cut at 80 columns, and every mark is explained."""

import io

import numpy as np
import pytest
from rich.console import Console, RenderableType

from counting.evaluation.score_tables import category_table, comparison_table, score_table
from counting.evaluation.scores import Evaluation, compare, evaluate
from counting.tables.count_table import CountTable

CATEGORIES = ("dog", "a category whose name is rather long")


def evaluation(shift: float, resamples: int = 0, data: str = "voc2007", **options: bool) -> Evaluation:
    rng = np.random.default_rng(0)
    images = tuple(f"{k:06}" for k in range(40))
    true = rng.poisson(1.0, size=(40, 2)).astype(float)
    distribution = np.tile(np.array([0.4, 0.3, 0.3], dtype=np.float32), (40, 2, 1))
    return evaluate(
        CountTable(images, CATEGORIES, true + shift, distribution=distribution),
        CountTable(images, CATEGORIES, true),
        counter="runs/a-folder-with-a-long-name/which-goes-on/for-quite-a-while/and-then-some-more",
        data=data,
        split="test",
        protocol="non-difficult+non-empty",
        resamples=resamples,
        **options,
    )


def shown(table: RenderableType, width: int = 80) -> str:
    out = io.StringIO()
    Console(file=out, width=width).print(table)
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 120])
def test_intervals_and_differences_fit_the_terminal(width: int) -> None:
    mine, other = evaluation(0.2, resamples=50), evaluation(1.7, resamples=50)
    for table in (
        score_table(mine),
        comparison_table(mine, other, compare(mine, other, 50)),
        category_table(mine),
    ):
        text = shown(table, width)
        assert "…" not in text
        assert all(len(line) <= width for line in text.splitlines())


def test_every_metric_has_a_row_with_its_interval() -> None:
    rows = {
        line.split()[0]: line.split()
        for line in shown(score_table(evaluation(1.2, resamples=50))).splitlines()[3:9]
    }
    assert rows["mRMSE"] == ["mRMSE", "1.000", "1.000–1.000"]
    assert rows["exact"] == ["exact", "0.000", "0.000–0.000"]
    assert set(rows) == {"mRMSE", "mRMSE-nz", "m-relRMSE", "m-relRMSE-nz", "mae", "exact"}


def test_a_star_marks_a_difference_and_is_explained() -> None:
    mine, other = evaluation(0.2), evaluation(1.2)
    text = shown(comparison_table(mine, other, compare(mine, other, 50)))
    assert "-1.000*  -1.000 to -1.000" in text
    assert "* the 95% interval of the difference" in text
    assert "A: " in text
    assert "B: " in text


def test_metrics_and_intervals_are_explained_in_words() -> None:
    text = " ".join(shown(score_table(evaluation(0.2))).split())
    assert "mRMSE: root mean square error of the count, mean over categories" in text
    assert "80% intervals contain" in text
    assert "(ideal: 80%)" in text


def test_a_file_of_true_counts_is_named_once() -> None:
    assert "on counts.npz:test: 40 images" in " ".join(
        shown(score_table(evaluation(0, data="counts.npz:test"))).split()
    )
    assert "on voc2007 test: 40 images" in " ".join(shown(score_table(evaluation(0))).split())


def test_every_category_has_a_row() -> None:
    text = shown(category_table(evaluation(1.2)))
    (dog,) = (line.split() for line in text.splitlines() if line.startswith("dog"))
    assert dog[3:] == ["1.000", "1.000", "1.000", "0.000"]
