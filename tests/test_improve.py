"""`counting improve`: photos of red and blue things, a detector's boxes, a counter's counts."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from shell import Shell
from tiny import write_voc

from counting.cli import main
from counting.detection.improvement import DataSet, Val, improve
from counting.detection.matching import Objects, detection_scores
from counting.detection.results_file import read_detections
from counting.tables.count_table import CountTable
from counting.tables.table_files import read_table, write_table
from counting_datasets.catalog import Place, load
from counting_datasets.protocol import Protocol
from counting_datasets.scene import SceneSet

OWN = ("--data", "voc", "--root", "scenes")
Row = dict[str, Any]


def box(**changes: Any) -> Row:
    return {"image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9], "score": 0.5} | changes


def detect(scenes: SceneSet, seed: int) -> list[Row]:
    """Nine of ten objects, and as many boxes of nothing, which are less sure on the whole."""
    random = np.random.default_rng(seed)
    rows = []
    for scene in scenes:
        for (x0, y0, x1, y1), label in zip(scene.boxes.tolist(), scene.labels.tolist(), strict=True):
            row = box(image_id=int(scene.id), category_id=label + 1, area=7)
            if random.uniform() < 0.9:
                rows.append(row | {"bbox": [x0, y0, x1 - x0, y1 - y0], "score": random.beta(3, 2)})
        for _ in range(3):
            corner = (1000 * random.uniform(1, 2, size=2)).tolist()
            label, score = int(random.integers(2)), random.beta(2, 3)
            rows.append(box(image_id=int(scene.id), category_id=label + 1, bbox=[*corner, 9, 9], score=score))
    return rows


class Command:
    """Runs `counting improve` in a folder, in this process."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self.capsys = capsys

    def __call__(self, *arguments: str, code: int = 0) -> tuple[str, str]:
        """(standard output, standard error)"""
        self.capsys.readouterr()
        found = main(["improve", *arguments])
        out, err = self.capsys.readouterr()
        assert found == code, err
        return out, err

    def refuses(self, *arguments: str) -> str:
        """One line of error, and exit code 2."""
        out, err = self(*arguments, code=2)
        assert len(err.splitlines()) == 1, err
        assert not out
        return err


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`scenes` with boxes_{train,val}.json, and counts_{train,val} as .csv and, with distributions, .parquet."""
    folder = tmp_path_factory.mktemp("improve")
    write_voc(folder / "scenes", train=60, val=60)
    for seed, split in enumerate(("train", "val")):
        scenes = load("voc", split, Place(folder / "scenes"))
        truth = CountTable.from_scenes(scenes, Protocol())
        (folder / f"boxes_{split}.json").write_text(json.dumps(detect(scenes, seed)))
        noise = np.random.default_rng(seed).normal(0, 0.3, size=truth.counts.shape)
        counts = (truth.counts + noise).clip(0)
        spread = np.exp(-((counts[..., None] - np.arange(8)) ** 2) / 0.4)
        spread = (spread / spread.sum(axis=2, keepdims=True)).astype(np.float32)
        table = CountTable(truth.images, truth.categories, counts, distribution=spread)
        for ending in ("csv", "parquet"):
            write_table(table, folder / f"counts_{split}.{ending}")
    return folder


@pytest.fixture
def command(folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Command:
    monkeypatch.chdir(folder)
    return Command(folder, capsys)


def f1(command: Command, results: str) -> float:
    scenes = load("voc", "train", Place(command.folder / "scenes"))
    truth = CountTable.from_scenes(scenes, Protocol())
    found = read_detections(command.folder / results, truth)
    return detection_scores(found, Objects.of(scenes, 2)).means["F1"]


def improved(command: Command, counts: str, *options: str) -> tuple[dict[str, Any], list[Row]]:
    arguments = ("boxes_train.json", "--counts", counts, "--out", "better.json", *OWN, *options)
    said = json.loads(command(*arguments, "--json")[0])
    rows = json.loads((command.folder / "better.json").read_text())
    assert (said["kept"], said["out"]) == (len(rows), "better.json")
    return said, rows


def test_top_n_keeps_as_many_boxes_as_were_counted_as_they_are(command: Command) -> None:
    said, rows = improved(command, "counts_train.csv", "--rule", "top-n")
    assert (said["rule"], said["why"]) == ("top-n", "as requested")
    given = json.loads((command.folder / "boxes_train.json").read_text())
    assert [row for row in given if row in rows] == rows
    assert f1(command, "better.json") > f1(command, "boxes_train.json") + 0.1


def test_distributions_rescore_them_and_a_fit_does_so_better(command: Command) -> None:
    said, rows = improved(command, "counts_train.parquet")
    assert (said["rule"], said["why"]) == ("prior", "scores calibrated by the counts")
    assert all(set(row) <= {"image_id", "category_id", "bbox", "score", "area"} for row in rows)
    assert any("area" in row for row in rows)
    assert all(0 <= row["score"] <= 1 for row in rows)
    not_fitted = f1(command, "better.json")
    fit = ("--fit", "boxes_val.json", "--fit-counts", "counts_val.parquet")
    said, _ = improved(command, "counts_train.parquet", *fit)
    assert said["why"].startswith("fitted on boxes_val.json")
    assert f1(command, "better.json") > not_fitted - 0.02
    assert improved(command, "counts_train.parquet", "--rule", "top-n", *fit)[0]["rule"] == "top-n"


@pytest.mark.parametrize("power", [0.3, 1, 3])
@pytest.mark.parametrize("counts", ["counts_train.csv", "counts_train.parquet"])
def test_without_a_fit_no_detector_loses_to_its_own_best_threshold(
    command: Command, power: float, counts: str
) -> None:
    """Whether its scores are too high, right or too low."""
    rows = json.loads((command.folder / "boxes_train.json").read_text())
    changed = [{**row, "score": row["score"] ** power} for row in rows]
    (command.folder / "changed.json").write_text(json.dumps(changed))
    thresholds = np.linspace(0, 1, 21)
    plain = []
    for threshold in thresholds:
        left = [row for row in changed if row["score"] >= threshold]
        (command.folder / "plain.json").write_text(json.dumps(left))
        plain.append(f1(command, "plain.json"))
    command("changed.json", "--counts", counts, "--out", "better.json", *OWN)
    assert f1(command, "better.json") > max(plain) - 0.01


def test_raw_counts_of_val_make_distributions_of_raw_counts(command: Command) -> None:
    assert improved(command, "counts_train.csv", "--fit-counts", "counts_val.csv")[0]["rule"] == "prior"
    fit = ("--fit", "boxes_val.json", "--fit-counts", "counts_val.csv")
    assert improved(command, "counts_train.csv", *fit)[0]["rule"] == "prior"
    assert f1(command, "better.json") > f1(command, "boxes_train.json") + 0.1


def test_it_says_what_it_did(command: Command) -> None:
    out, _ = command("boxes_train.json", "--counts", "counts_train.csv", "--out", "better.json", *OWN)
    assert "rule prior: scores calibrated by the counts" in out
    assert "wrote better.json" in out


def test_from_a_shell_it_does_the_same(command: Command) -> None:
    shell = Shell(command.folder)
    arguments = ("boxes_train.json", "--counts", "counts_train.parquet", "--out", "deep/better.json", *OWN)
    assert "rule prior: scores calibrated by the counts" in shell("improve", *arguments)[0]
    rows = json.loads((command.folder / "deep" / "better.json").read_text())
    assert rows == improved(command, "counts_train.parquet")[1]


# What does not fit


def write_small(command: Command, rows: Any, counts: str = "image,blue,red\n1,1,0\n2,0,1\n") -> tuple[str, ...]:
    (command.folder / "small.json").write_text(rows if isinstance(rows, str) else json.dumps(rows))
    (command.folder / "small.csv").write_text(counts)
    return ("small.json", "--counts", "small.csv", "--out", "small_out.json", *OWN)


def test_boxes_of_a_photo_without_counts_stay_and_are_reported(command: Command) -> None:
    rows = [box(image_id=photo, score=score) for photo in range(1, 12) for score in (0.4, 0.6)]
    counts = "image,blue,red\n" + "".join(f"{photo:06d},1,0\n" for photo in range(1, 11))
    out, err = command(*write_small(command, rows, counts), "--rule", "top-n", "--json")
    assert json.loads(out)["without_counts"] == ["11"]
    assert "skipped photo 11: no counts" in err
    left = json.loads((command.folder / "small_out.json").read_text())
    assert [row["image_id"] for row in left] == [*range(1, 11), 11, 11]
    rows.append(box(image_id=12))
    assert "2 of 12 images are missing, such as '11'" in command.refuses(*write_small(command, rows, counts))


def test_no_boxes_are_no_error(command: Command) -> None:
    out, _ = command(*write_small(command, []))
    assert "kept 0 of 0 boxes" in out
    assert json.loads((command.folder / "small_out.json").read_text()) == []


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ([box(), box(category_id=12)], "row 2: unknown category_id 12"),
        ([box(bbox=[0, 0, -1, 9])], "row 1: bbox [0.0, 0.0, -1.0, 9.0] has a negative width or height"),
        ([box(bbox=[0, 0, float("nan"), 9])], "row 1: bbox [0.0, 0.0, nan, 9.0] is not finite"),
        ([box(bbox=[1, 2, 3])], "row 1: bbox is [1, 2, 3], not four numbers"),
        ([box(score=1.5)], "row 1: score 1.5 is not from 0 to 1"),
        ([box(score=float("nan"))], "row 1: score nan is not from 0 to 1"),
        ([{"image_id": 1}], "row 1: missing key 'category_id'"),
        ([box(image_id=7)], "such as image_id '7'"),
        ([box(image_id=1), box(image_id="000001")], "duplicate image id"),
        ("{}", "not a list of detections"),
        ("no JSON", "line 1: not JSON"),
    ],
)
def test_wrong_boxes_get_one_line_and_exit_2(command: Command, rows: Any, says: str) -> None:
    line = command.refuses(*write_small(command, rows))
    assert "small.json" in line
    assert says in line
    assert not (command.folder / "none.json").exists()


def test_counts_that_lack_a_category_of_the_boxes_are_refused(command: Command) -> None:
    without_red = write_small(command, [box(), box(category_id=2)], "image,blue\n1,1\n")
    assert "small.csv: no counts of 'red', which have boxes" in command.refuses(*without_red)
    command(*write_small(command, [box()], "image,blue\n1,1\n"))
    assert "image,CATEGORY" in command.refuses(*write_small(command, [box()], "blue\n1\n"))


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--fit", "boxes_val.json", "--rule", "prior"], "--fit-counts"),
        (["--fit", "none.json", "--fit-counts", "counts_val.csv"], "none.json: no such file"),
        (["--fit-counts", "none.csv"], "none.csv: no such file"),
        (["--fit-counts", "counts_train.csv"], "images are missing"),
        (["--out", "boxes.txt"], "must end in .json"),
        (["--data", "imagenet"], "unknown data set 'imagenet'"),
        (["--counts", "none.csv"], "none.csv: no such file"),
    ],
)
def test_wrong_requests_get_one_line_and_exit_2(command: Command, options: list[str], says: str) -> None:
    assert says in command.refuses(*write_small(command, [box()]), *options)


def test_photos_of_coco_2014_go_by_their_number_or_their_name(command: Command) -> None:
    counts = "image,blue,red\nCOCO_val2014_000000000042,1,1\nCOCO_val2014_000000000100,0,0\n"
    rows = [box(image_id=42), box(image_id="COCO_val2014_000000000100"), box(image_id=42, category_id=2)]
    command(*write_small(command, rows, counts), "--rule", "top-n")
    assert json.loads((command.folder / "small_out.json").read_text()) == [rows[0], rows[2]]


def test_a_coco_detectors_own_ids_are_understood_on_voc(tmp_path: Path) -> None:
    """COCO: 1 person, 63 couch; a toothbrush (90) is nothing that these counts have."""
    (tmp_path / "boxes.json").write_text(json.dumps([box(), box(score=0.4), box(category_id=63)]))
    (tmp_path / "counts.csv").write_text("image,sofa,person\n1,1,1\n")

    def no_val() -> SceneSet:
        raise AssertionError

    names = ("aeroplane", "person", "sofa")
    counts = str(tmp_path / "counts.csv")
    arguments = (tmp_path / "boxes.json", counts, read_table(counts), DataSet(names), Val(no_val), "top-n")
    assert [row["category_id"] for row in improve(*arguments).rows] == [1, 63]
    (tmp_path / "boxes.json").write_text(json.dumps([box(), box(category_id=90)]))
    with pytest.raises(ValueError, match="no counts of 'toothbrush'"):
        improve(*arguments)
