"""The baselines' exact figures on the paper's splits, from its released counts and from VOC's XML."""

from pathlib import Path

import numpy as np
import pytest

from counting.networks.baselines import BASELINES
from counting.stats.metrics import count_metrics
from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table
from counting_datasets.errors import CountingError, DataError

EXACT = {  # mRMSE, mRMSE-nz, m-relRMSE, m-relRMSE-nz
    "voc2007": {
        "always-0": (0.665, 2.586, 0.284, 1.096),
        "always-1": (1.137, 1.961, 0.985, 0.662),
        "mean": (0.659, 2.469, 0.309, 1.012),
        "category-mean": (0.642, 2.476, 0.299, 1.022),
        "presence-oracle": (0.451, 1.770, 0.177, 0.683),
    },
    "coco2014": {
        "always-0": (0.537, 3.038, 0.212, 1.211),
        "always-1": (1.124, 2.406, 1.001, 0.795),
        "mean": (0.538, 2.969, 0.227, 1.164),
        "category-mean": (0.525, 2.976, 0.223, 1.176),
        "presence-oracle": (0.366, 2.055, 0.150, 0.839),
    },
}


def figures(name: str, truth: CountTable, train: CountTable) -> tuple[float, ...]:
    baseline = BASELINES[name]
    counts = baseline.predict(truth, train if baseline.needs_training else None).counts
    metrics = count_metrics(counts, truth.counts, truth.categories, baseline.rounded)
    return metrics.mRMSE, metrics.mRMSE_nz, metrics.m_relRMSE, metrics.m_relRMSE_nz


@pytest.mark.parametrize("name", list(BASELINES))
@pytest.mark.parametrize("data", list(EXACT))
def test_rows_from_the_released_counts(data_root: Path, data: str, name: str) -> None:
    train, truth = (read_table(f"{data_root}/ceos/{data}_counts.npz:{split}") for split in ("train", "test"))
    assert figures(name, truth, train) == pytest.approx(EXACT[data][name], abs=0.0006)


@pytest.fixture(scope="module")
def voc_from_xml(data_root: Path) -> tuple[CountTable, CountTable]:
    from counting_datasets.protocol import Protocol
    from counting_datasets.voc import load_voc

    root = data_root / "VOCdevkit" / "VOC2007"
    train, test = (CountTable.from_scenes(load_voc(root, split), Protocol()) for split in ("train", "test"))
    return train, test


@pytest.mark.parametrize("name", list(BASELINES))
def test_rows_from_the_xml(voc_from_xml: tuple[CountTable, CountTable], name: str) -> None:
    train, truth = voc_from_xml
    assert len(truth.images) == 4952
    assert truth.counts.sum() == 14976
    assert figures(name, truth, train) == pytest.approx(EXACT["voc2007"][name], abs=0.0006)


TRUTH = CountTable(("a", "b"), ("cat", "dog", "cow"), np.array([[2.0, 0, 1], [0, 5, 0]]))
TRAIN = CountTable(("c", "d", "e"), ("dog", "cow", "cat"), np.array([[3.0, 0, 0], [1, 0, 0], [0, 0, 2]]))


@pytest.mark.parametrize(
    ("name", "counts"),
    [
        ("always-0", [[0, 0, 0], [0, 0, 0]]),
        ("always-1", [[1, 1, 1], [1, 1, 1]]),
        ("mean", [[6 / 9] * 3] * 2),
        ("category-mean", [[2 / 3, 4 / 3, 0]] * 2),
        ("presence-oracle", [[2, 0, 0], [0, 2, 0]]),
    ],
)
def test_a_baseline_learns_by_category_whatever_their_order(name: str, counts: list[list[float]]) -> None:
    predicted = BASELINES[name].predict(TRUTH, TRAIN)
    assert (predicted.images, predicted.categories) == (TRUTH.images, TRUTH.categories)
    assert predicted.counts == pytest.approx(np.array(counts))


@pytest.mark.parametrize("name", ["mean", "category-mean", "presence-oracle"])
def test_learning_from_nothing_is_refused(name: str) -> None:
    with pytest.raises(CountingError, match=f"{name} needs training counts.*--train-truth"):
        BASELINES[name].predict(TRUTH)
    with pytest.raises(DataError, match="'cow'"):
        BASELINES[name].predict(TRUTH, TRAIN.in_categories(("cat", "dog")))
