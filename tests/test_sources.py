"""WHAT on the command line: its members, and other people's files scored against the user's own annotations."""

import json
from pathlib import Path
from typing import Any

import pytest

from counting.cli import main
from counting.commands.sources import is_results_file, member_names

APPLES_AND_A_PEAR = {"a": {"apple": 2}, "b": {"pear": 1}}
NUMBERS = {"a": 1, "b": 2}


def write_annotations(root: Path, ids: dict[str, int], file_name: str = "{}.jpg", split: str = "val") -> None:
    """Photo a has two apples, photo b a pear."""
    box = {"bbox": [1, 2, 10, 12], "area": 120, "iscrowd": 0}
    things = [
        (photo, name)
        for photo, counts in APPLES_AND_A_PEAR.items()
        for name, n in counts.items()
        for _ in range(n)
    ]
    content = {
        "images": [
            {"id": number, "file_name": file_name.format(photo), "width": 64, "height": 48}
            for photo, number in NUMBERS.items()
        ],
        "annotations": [
            {"id": row, "image_id": NUMBERS[photo], "category_id": ids[name], **box}
            for row, (photo, name) in enumerate(things, 1)
        ],
        "categories": [{"id": number, "name": name} for name, number in ids.items()],
    }
    (root / "annotations").mkdir(parents=True, exist_ok=True)
    (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def perfect(ids: dict[str, int], name: str | None = None, **changes: Any) -> str:
    """The boxes that are there, by the annotation file's numbers or by ``name``, such as "images/{}.jpg"."""
    return json.dumps(
        [
            {
                "image_id": name.format(photo) if name else NUMBERS[photo],
                "category_id": ids[kind],
                "bbox": [1, 2, 10, 12],
                "score": 0.9,
                **changes,
            }
            for photo, counts in APPLES_AND_A_PEAR.items()
            for kind, n in counts.items()
            for _ in range(n)
        ]
    )


def perfect_counts(name: str = "{}") -> str:
    return f"image,apple,pear\n{name.format('a')},2,0\n{name.format('b')},0,1\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    capsys.readouterr()
    found = main([*arguments])
    out, err = capsys.readouterr()
    assert found == code, err
    return out if code == 0 else err


def mrmse(capsys: pytest.CaptureFixture[str], what: str, *options: str) -> float:
    out = run(capsys, "evaluate", what, "--data", "coco", "--root", ".", "--split", "val", "--json", *options)
    return float(json.loads(out)["mRMSE"])


# Members


@pytest.mark.parametrize(
    ("what", "members"),
    [
        ("mean", ["mean"]),
        ("always-0+mean", ["always-0", "mean"]),
        ("a+b.json", ["a+b.json"]),
        ("mean+a+b.json", ["mean", "a+b.json"]),
        ("a+b.json+c.csv", ["a+b.json", "c.csv"]),
        ("c.csv+run+1/d.json", ["c.csv", "run+1/d.json"]),
        ("c+d.npz:val+c.csv", ["c+d.npz:val", "c.csv"]),
        ("run+1+mean", ["run+1", "mean"]),
        ("voc2007-seq-sub+a+b.json", ["voc2007-seq-sub", "a+b.json"]),
        ("nothing+of+this", ["nothing", "of", "this"]),
        ("torchvision:fasterrcnn_resnet50_fpn+c.csv", ["torchvision:fasterrcnn_resnet50_fpn", "c.csv"]),
        ("torchvision:ssd300_vgg16@w+1.pth+c.csv", ["torchvision:ssd300_vgg16@w+1.pth", "c.csv"]),
    ],
)
def test_a_file_that_is_there_keeps_the_plus_in_its_name(folder: Path, what: str, members: list[str]) -> None:
    (folder / "run+1").mkdir()
    for name in ("a+b.json", "c.csv", "run+1/d.json", "c+d.npz", "w+1.pth"):
        (folder / name).write_text("")
    assert member_names(what) == members


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("boxes.json", True),
        ("BOXES.JSON", True),
        ("10:30/b.json", True),
        ("t10:30.json", True),
        ("C:\\boxes.json", True),
        ("C:/counts.npz:val", True),
        ("counts.NPZ:val", True),
        ("counts.tsv", True),
        ("runs/mine", False),
        ("runs/mine.json", False),
        ("mean", False),
        ("model.safetensors", False),
        ("torchvision:ssd300_vgg16@w.json", False),
    ],
)
def test_a_file_of_counts_or_boxes_is_known_by_its_ending(folder: Path, name: str, expected: bool) -> None:
    (folder / "runs" / "mine.json").mkdir(parents=True)
    assert is_results_file(name) == expected


# Files of other programs


IDS: list[dict[str, int]] = [
    {"fruit": 0, "apple": 1, "pear": 2},
    {"apple": 1, "pear": 3},
    {"apple": 5, "pear": 6},
    {"pear": 1, "apple": 2},
    {"apple": 17, "pear": 18},
]
"""Numbered from 0 with a root class, with a gap, from 5, in another order, as COCO numbers cat and dog."""


@pytest.mark.parametrize("ids", IDS)
def test_the_users_own_category_ids_decide(folder: Path, ids: dict[str, int], capsys: Any) -> None:
    for split in ("val", "train", "test"):
        write_annotations(folder, ids, split=split)
    (folder / "boxes.json").write_text(perfect(ids))
    (folder / "names.json").write_text(perfect(ids, "{}.jpg"))
    (folder / "none.json").write_text("[]")
    (folder / "counts.csv").write_text(perfect_counts().replace("\n", ",0\n").replace("pear,0", "pear,fruit"))
    assert mrmse(capsys, "boxes.json") == 0
    assert mrmse(capsys, "boxes.json", "--fit", "boxes.json", "--boxes", "threshold") == 0
    assert mrmse(capsys, "boxes.json", "--against", "names.json") == 0
    assert mrmse(capsys, "boxes.json+names.json") == 0
    both = ("--fit", "boxes.json", "--fit", "names.json", "--weights", "fitted")
    assert mrmse(capsys, "boxes.json+names.json", *both) == 0
    assert mrmse(capsys, "none.json") > 0
    for name in ("boxes", "names"):
        given = json.loads((folder / f"{name}.json").read_text())
        asked = ("improve", f"{name}.json", "--counts", "counts.csv", "--out", "better.JSON")
        for rule in ("top-n", "prior"):
            run(capsys, *asked, "--data", "coco", "--root", ".", "--rule", rule)
            kept = json.loads((folder / "better.JSON").read_text())
            assert [{**row, "score": 0.9} for row in kept] == given


def test_each_of_two_counters_is_fitted_on_its_own_files(folder: Path, capsys: Any) -> None:
    ids = {"apple": 1, "pear": 2}
    write_annotations(folder, ids)
    (folder / "faint.json").write_text(perfect(ids, score=0.2))
    (folder / "good.json").write_text(perfect(ids))
    own = ("--data", "coco", "--root", ".", "--split", "val", "--boxes", "threshold", "--json")

    def scores(*fit: str) -> tuple[float, float]:
        files = [part for file in fit for part in ("--fit", file)]
        found = json.loads(run(capsys, "evaluate", "good.json", "--against", "faint.json", *own, *files))
        return found["mRMSE"], found["against"]["mRMSE"]

    assert scores("good.json", "faint.json") == (0, 0)
    assert scores("good.json")[0] == 0
    assert scores("good.json")[1] > 0


@pytest.mark.parametrize("name", ["a+b.json", "t10:30.json", "run+1/b.json", "10:30/b.json", "BOXES.JSON"])
def test_a_results_file_may_be_called_anything(folder: Path, name: str, capsys: Any) -> None:
    write_annotations(folder, {"apple": 1, "pear": 2})
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(perfect({"apple": 1, "pear": 2}))
    assert mrmse(capsys, name) == 0
    assert mrmse(capsys, f"{name}+{name}") == 0
    assert mrmse(capsys, name, "--fit", name) == 0


@pytest.mark.parametrize("name", ["a+b.csv", "10:30/c.csv", "COUNTS.CSV", "x.npz:val.csv"])
@pytest.mark.parametrize("photo", ["{}", "{}.jpg", "images/{}.jpg", "C:\\photos\\{}.PNG"])
def test_counts_go_by_the_photos_name_with_or_without_folder_and_ending(
    folder: Path, name: str, photo: str, capsys: Any
) -> None:
    write_annotations(folder, {"apple": 1, "pear": 2})
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_text(perfect_counts(photo))
    assert mrmse(capsys, name) == 0
    assert mrmse(capsys, f"{name}+{name}") == 0


@pytest.mark.parametrize("photo", ["{}", "{}.jpg", "images/{}.jpg", "images\\{}.jpg"])
@pytest.mark.parametrize("changes", [{}, {"score": 1.0000001192092896}, {"bbox": [1, 2, -1e-7, 12]}])
def test_boxes_go_by_the_photos_name_too(folder: Path, photo: str, changes: dict[str, Any], capsys: Any) -> None:
    write_annotations(folder, {"apple": 1, "pear": 2})
    (folder / "boxes.json").write_text(perfect({"apple": 1, "pear": 2}, photo, **changes))
    assert mrmse(capsys, "boxes.json") == 0


def test_whole_numbers_may_be_floats(folder: Path, capsys: Any) -> None:
    write_annotations(folder, {"apple": 1, "pear": 2})
    text = perfect({"apple": 1, "pear": 2})
    for key in ("category_id", "image_id"):
        for number in (1, 2):
            text = text.replace(f'"{key}": {number}', f'"{key}": {number}.0')
    (folder / "boxes.json").write_text(text)
    (folder / "counts.csv").write_text("image,apple,pear\n1.0,2,0\n2.0,0,1\n")
    assert mrmse(capsys, "boxes.json") == 0
    assert mrmse(capsys, "counts.csv") == 0


def test_backslashes_in_the_annotation_files_names_separate_folders(folder: Path, capsys: Any) -> None:
    write_annotations(folder, {"apple": 1, "pear": 2}, file_name="images\\{}.jpg")
    (folder / "counts.csv").write_text(perfect_counts())
    assert mrmse(capsys, "counts.csv") == 0


def test_two_rows_for_one_photo_are_refused(folder: Path, capsys: Any) -> None:
    write_annotations(folder, {"apple": 1, "pear": 2})
    (folder / "counts.csv").write_text(perfect_counts() + "images/a.jpg,1,1\n")
    own = ("--data", "coco", "--root", ".", "--split", "val")
    assert "duplicate image id 'a'" in run(capsys, "evaluate", "counts.csv", *own, code=2)
