"""The report: a well-formed page of its own that holds the figures, whatever the names and the photos."""

import json
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from matplotlib.patches import Rectangle
from PIL import Image

from counting.evaluation.breakdown import errors_by_true_count
from counting.evaluation.scores import Evaluation, compare, evaluate
from counting.report import plots
from counting.report.report import write_report
from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table
from counting_datasets.catalog import load
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

NAMES = ("<b>", "$\\frac{", "cow & calf")
HISTORY = [{"epoch": 1, "loss": 0.4, "val_mRMSE": 0.6}, {"epoch": 2, "loss": 0.3, "val_mRMSE": 0.5}]


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> SceneSet:
    """Six scenes with 0–5 cows; the last photo is missing, the one before it is no image."""
    photos = tmp_path_factory.mktemp("photos")
    for index in range(4):
        Image.new("RGB", (200, 100), "green").save(photos / f"{index}.jpg")
    (photos / "4.jpg").write_bytes(b"no image")
    boxes = np.array([[10.0 + 8 * i, 10.0, 60.0 + 8 * i, 60.0] for i in range(5)])
    made = tuple(
        Scene(
            id=f"photo{index}",
            number=str(index),
            path=photos / f"{index}.jpg",
            size=(200, 100),
            boxes=boxes[:index],
            labels=np.full(index, 2, dtype=np.int64),
            difficult=np.zeros(index, dtype=bool),
            crowd=np.zeros(index, dtype=bool),
            categories=NAMES,
        )
        for index in range(6)
    )
    return SceneSet("farm", "val", "voc", NAMES, made)


def evaluation_of(scenes: SceneSet, share: float, *, resamples: int = 0, rounded: bool = True) -> Evaluation:
    """Of a counter that sees ``share`` of the objects, alike in each of 2×2 cells."""
    truth = CountTable.from_scenes(scenes, Protocol())
    cells = np.repeat(truth.counts[:, None] * share / 4, 4, axis=1).astype(np.float32)
    predicted = replace(truth, counts=truth.counts * share, cells=cells)
    return evaluate(
        predicted,
        truth,
        counter=f"<i>sees {share}",
        data=scenes.data,
        split=scenes.split,
        protocol="all",
        rounded=rounded,
        resamples=resamples,
    )


@pytest.fixture(scope="module")
def evaluation(scenes: SceneSet) -> Evaluation:
    return evaluation_of(scenes, 0.5, resamples=50)


@pytest.fixture(scope="module")
def report(evaluation: Evaluation, scenes: SceneSet, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of ``evaluation``, in a folder of its own."""
    return write_report(evaluation, tmp_path_factory.mktemp("runs") / "report", scenes, HISTORY)


def parsed(page: Path) -> ET.Element:
    """The page is also well-formed XML, so nothing in it went unescaped or unclosed."""
    return ET.fromstring(page.read_text(encoding="utf-8"))


def words(element: ET.Element) -> str:
    return " ".join("".join(element.itertext()).split())


def test_the_folder_holds_figures_counts_plots_and_page(evaluation: Evaluation, report: Path) -> None:
    assert {file.name for file in report.parent.iterdir()} == {
        "results.json",
        "counts.csv",
        "plots",
        "report.html",
    }
    assert json.loads((report.parent / "results.json").read_text()) == evaluation.to_json()
    counts = read_table(report.parent / "counts.csv")
    assert counts.images == evaluation.predicted.images
    np.testing.assert_allclose(counts.counts, evaluation.predicted.counts)


def test_the_page_tells_every_figure_with_its_interval_and_protocol(evaluation: Evaluation, report: Path) -> None:
    text = words(parsed(report))
    for name in ("mRMSE", "mRMSE_nz", "m_relRMSE", "m_relRMSE_nz", "mae", "exact"):
        assert f"{getattr(evaluation.metrics, name):.3f}" in text
        assert f"{evaluation.intervals[name].low:.3f}–{evaluation.intervals[name].high:.3f}" in text
    assert "protocol all" in text
    assert "6 images" in text
    assert "counts rounded half up" in text
    assert "95% intervals" in text


def test_every_picture_lies_in_the_folder_or_in_the_page(report: Path) -> None:
    page = parsed(report)
    pictures = [e.attrib[key] for e in page.iter() for key in ("src", "srcset", "href") if key in e.attrib]
    files = {name for name in pictures if not name.startswith("data:image/jpeg;base64,")}
    assert files == {str(file.relative_to(report.parent)) for file in (report.parent / "plots").iterdir()}
    assert {name.removesuffix(".png").removesuffix("-dark") for name in files} == {
        "plots/training",
        "plots/error_by_true_count",
        "plots/error_by_category",
        "plots/error_by_object_size",
        "plots/predicted_against_true",
    }
    for name in files:
        with Image.open(report.parent / name) as plot:
            plot.verify()
    style = next(page.iter("style")).text or ""
    assert "url(" not in style
    assert "@import" not in style


def test_names_are_text_not_markup(report: Path) -> None:
    page = parsed(report)
    assert not list(page.iter("b"))
    assert not list(page.iter("i"))
    assert [words(row[0]) for row in page.iter("tr")][1:] == list(NAMES)


def test_the_worst_photos_come_first_and_missing_ones_are_named(scenes: SceneSet, tmp_path: Path) -> None:
    page = parsed(write_report(evaluation_of(scenes, 1.9), tmp_path, scenes))
    assert [(words(figure), figure[0].tag) for figure in page.iter("figure")] == [
        ("photo not foundcow & calf: 9.5 → 10, true 5photo5", "div"),
        ("photo not foundcow & calf: 7.6 → 8, true 4photo4", "div"),
        ("cow & calf: 5.7 → 6, true 3photo3", "img"),
        ("cow & calf: 3.8 → 4, true 2photo2", "img"),
        ("cow & calf: 1.9 → 2, true 1photo1", "img"),
    ]


def test_without_scenes_the_page_has_what_counts_can_tell(scenes: SceneSet, tmp_path: Path) -> None:
    page = parsed(write_report(evaluation_of(scenes, 0.5, rounded=False), tmp_path, None))
    assert next(words(figure) for figure in page.iter("figure")) == "cow & calf: 2.5, true 5photo5"
    assert not (tmp_path / "plots" / "error_by_object_size.png").exists()
    assert not (tmp_path / "plots" / "training.png").exists()
    assert "counts not rounded" in words(page)


def test_a_second_counter_is_compared_figure_by_figure(scenes: SceneSet, tmp_path: Path) -> None:
    mine, other = evaluation_of(scenes, 0.5), evaluation_of(scenes, 0.0)
    page = parsed(write_report(mine, tmp_path, scenes, against=other))
    rows = {words(row[0]): [words(cell) for cell in row[1:]] for row in next(page.iter("table")).iter("tr")}
    assert rows[other.counter][0] == f"{other.metrics.mRMSE:.3f}"
    assert rows["difference"][0].rstrip("*") == f"{mine.metrics.mRMSE - other.metrics.mRMSE:+.3f}"


def test_predicted_distributions_get_a_reliability_plot(scenes: SceneSet, tmp_path: Path) -> None:
    found = evaluation_of(scenes, 0.5)
    distribution = np.full((*found.truth.counts.shape, 8), 1 / 8, dtype=np.float32)
    predicted = replace(found.predicted, distribution=distribution)
    sure = evaluate(predicted, found.truth, counter="sure", data="farm", split="val", protocol="all")
    page = write_report(sure, tmp_path, scenes).read_text()
    assert "Are the predicted probabilities right?" in page
    assert (tmp_path / "plots" / "reliability.png").is_file()


def test_a_perfect_counter_has_no_worst_photo(scenes: SceneSet, tmp_path: Path) -> None:
    page = parsed(write_report(evaluation_of(scenes, 1.0), tmp_path, scenes))
    assert not list(page.iter("figure"))
    assert "every count is right" in words(page)


def test_a_report_on_the_published_test_split(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTING_DATA", str(data_root))
    test = load("voc2007", "test")
    page = parsed(write_report(evaluation_of(test, 0.7), tmp_path, test))
    assert "4,952 images" in words(page)


def test_a_report_shows_the_worst_of_the_photos_at_hand(
    data_root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COUNTING_DATA", str(data_root))
    test = load("voc2007", "test")
    at_hand = replace(test, scenes=tuple(scene for scene in test if scene.path.is_file()))
    page = parsed(write_report(evaluation_of(at_hand, 0.7), tmp_path, at_hand))
    assert len([figure for figure in page.iter("figure") if figure[0].tag == "img"]) == 12


def test_every_bar_has_its_value_beside_it_and_counters_are_named_in_the_picture(scenes: SceneSet) -> None:
    groups = {
        share: errors_by_true_count(found.predicted.counts, found.truth.counts)
        for share in (0.5, 0.0)
        for found in [evaluation_of(scenes, share, rounded=False)]
    }
    series = [plots.Series("mine", groups[0.5]), plots.Series("theirs", groups[0.0])]
    figure = plots.error_bars(series, plots.LIGHT, "true number of objects")
    left, right = figure.axes
    bars = [
        (bar.get_width(), bar.get_y() + bar.get_height() / 2) for bar in left.patches if isinstance(bar, Rectangle)
    ]
    values = {(round(text.xy[0], 6), round(text.xy[1], 6)): text.get_text() for text in left.texts}
    for width, middle in bars:
        if np.isfinite(width):
            assert float(values[round(width, 6), round(middle, 6)]) == pytest.approx(width, abs=0.005)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["mine", "theirs"]
    assert (left.get_ylabel(), left.get_xlabel()) == ("true number of objects", "RMSE of the count (objects)")
    assert right.get_xlabel() == "mean error, predicted − true (objects)"


def test_the_report_resamples_as_often_as_it_is_told(scenes: SceneSet, tmp_path: Path) -> None:
    mine, other = evaluation_of(scenes, 0.5), evaluation_of(scenes, 1.9)
    few = compare(mine, other, 20)["mRMSE"].interval
    page = words(parsed(write_report(mine, tmp_path, None, against=other, resamples=20)))
    assert f"{few.low:+.3f} to {few.high:+.3f}" in page
