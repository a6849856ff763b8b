"""The leaderboard: any counts and boxes, scored under both protocols, as Markdown."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from leaderboard import Row, main

CATEGORIES = ("dog", "cat")
TRUE = {"a": (12, 0), "b": (3, 1), "c": (1, 0), "d": (0, 0), "e": (0, 5)}
MINE = {"a": (11, 0), "b": (3, 1), "c": (2.4, 0), "d": (0, 0), "e": (0, 5)}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    images = [{"id": n, "file_name": f"{name}.jpg", "width": 100, "height": 100} for n, name in enumerate(TRUE, 1)]
    objects = [
        {"image_id": n, "category_id": k, "bbox": [0, 0, 45 * k, 10], "area": 450 * k, "iscrowd": 0}
        for n, counts in enumerate(TRUE.values(), 1)
        for k, count in enumerate(counts, 1)
        for _ in range(count)
    ]
    annotations = [{"id": number, **one} for number, one in enumerate(objects, 1)]
    categories = [{"id": k, "name": name} for k, name in enumerate(CATEGORIES, 1)]
    (tmp_path / "data" / "annotations").mkdir(parents=True)
    content = {"images": images, "annotations": annotations, "categories": categories}
    (tmp_path / "data" / "annotations" / "instances_val.json").write_text(json.dumps(content))
    lines = ["image,dog,cat", *(f"{name},{dogs},{cats}" for name, (dogs, cats) in MINE.items())]
    (tmp_path / "mine.csv").write_text("\n".join(lines))
    boxes = [
        {"image_id": one["image_id"], "category_id": one["category_id"], "bbox": one["bbox"], "score": 0.9}
        for one in annotations
    ]
    (tmp_path / "boxes.json").write_text(json.dumps(boxes))
    return tmp_path


def cells(text: str, name: str) -> list[list[str]]:
    """The cells of every row of a counter."""
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith(f"| {name} ")]
    return [[cell.strip() for cell in row] for row in rows]


def test_counts_and_boxes_are_scored_in_strata_margins_and_sizes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    data = ["--data", "coco", "--root", "data", "--split", "val", "--bootstrap", "50"]
    rows = ["mine = mine.csv", "perfect boxes = boxes.json", "always-0"]
    monkeypatch.setattr(sys, "argv", ["leaderboard", *data, *rows])
    main()
    page = capsys.readouterr().out
    assert page.count("\n## coco val, protocol") == 2
    mine, strata, *_ = cells(page, "mine")
    # dog: errors 1 and 1 in five photos, three of them with dogs
    assert mine[1:3] == [f"{(2 / 5) ** 0.5 / 2:.3f}", f"{(2 / 3) ** 0.5 / 2:.3f}"]
    assert mine[7:9] == ["0.600", "0.800"]
    assert mine[9].startswith("+0.316 (")
    assert strata[1:6] == ["0.000", f"{0.5**0.5:.3f}", "0.000", "0.000", "1.000"]
    assert strata[6:] == [f"{(2 / 3) ** 0.5:.3f}", "0.000", "–"]
    assert cells(page, "perfect boxes")[0][1:] == ["0.000"] * 5 + ["1.000"] * 3 + ["–"]
    names = [line.split("|")[1].strip() for line in page.splitlines() if line.startswith("| ")]
    assert names[2:5] == ["perfect boxes", "mine", "always-0"]


def test_a_row_is_a_name_and_what_evaluate_takes() -> None:
    assert Row.parse("always-0") == Row("always-0", "always-0", [])
    parsed = Row.parse('my detector = "a b.json" --fit val=1.json --boxes threshold')
    assert parsed == Row("my detector", "a b.json", ["val=1.json"], "threshold")


def test_a_row_that_cannot_be_scored_is_named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["x", "--data", "coco", "--root", "data", "--split", "val", "y = none.csv"])
    with pytest.raises(SystemExit, match=r"y: none\.csv: no such file"):
        main()
