"""Located counts in the formats of CVAT, Label Studio and FiftyOne, read back by those tools where installed."""

import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from PIL import Image
from shell import Shell

from counting.cli import main
from counting.tables.annotations.cvat import cvat_xml
from counting.tables.annotations.fiftyone import samples
from counting.tables.annotations.label_studio import labelling_configuration, tasks
from counting.tables.annotations.photos import LocatedPhotos, read_located
from counting_datasets.errors import DataError


def row(name: str, category: str, *points: list[float], count: int | None = None) -> dict[str, Any]:
    return {
        "image_id": name,
        "file_name": name,
        "category": category,
        "count": len(points) if count is None else count,
        "points": list(points),
    }


ROWS = [
    row("a.jpg", "dog", [10, 20, 0.9], [50.5, 30, 0.7], [1, 1, 0.1], count=2),
    row("a.jpg", "potted plant"),
    row("day 2/b.jpg", "dog", [5, 5, 0.2], count=0),
    row("day 2/b.jpg", "potted plant", [20, 10, 1.2]),
]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "photos" / "day 2").mkdir(parents=True)
    Image.new("RGB", (100, 60)).save(tmp_path / "photos" / "a.jpg")
    Image.new("RGB", (40, 80)).save(tmp_path / "photos" / "day 2" / "b.jpg")
    (tmp_path / "counts.json").write_text(json.dumps(ROWS))
    return tmp_path


@pytest.fixture
def located(folder: Path) -> LocatedPhotos:
    return read_located(folder / "counts.json", folder / "photos")


def test_each_category_gets_as_many_points_as_its_count(located: LocatedPhotos) -> None:
    assert located.categories == ("dog", "potted plant")
    first, second = located.photos
    assert [(point.category, point.x, point.y) for point in first.points] == [("dog", 10, 20), ("dog", 50.5, 30)]
    assert (first.counts, first.size) == ({"dog": 2}, (100, 60))
    assert (second.counts, second.file_name) == ({"potted plant": 1}, "day 2/b.jpg")


def test_cvat_gets_points_in_pixels(located: LocatedPhotos) -> None:
    root = ElementTree.fromstring(cvat_xml(located))
    assert root.findtext("version") == "1.1"
    assert [label.findtext("name") for label in root.iter("label")] == ["dog", "potted plant"]
    first, second = root.findall("image")
    assert first.attrib == {"id": "0", "name": "a.jpg", "width": "100", "height": "60"}
    assert [point.get("points") for point in first] == ["10.00,20.00", "50.50,30.00"]
    assert [point.get("label") for point in second] == ["potted plant"]


def test_label_studio_gets_points_in_percent_and_a_labelling_configuration(located: LocatedPhotos) -> None:
    first, second = tasks(located, "/data/local-files/?d=")
    assert second["data"] == {"image": "/data/local-files/?d=day 2/b.jpg", "counts": {"potted plant": 1}}
    (prediction,) = first["predictions"]
    region = prediction["result"][1]
    assert region["value"] == {"x": 50.5, "y": 50, "width": 0.5, "keypointlabels": ["dog"]}
    assert (region["original_width"], region["original_height"]) == (100, 60)
    view = ElementTree.fromstring(labelling_configuration(located))
    assert [label.get("value") for label in view.iter("Label")] == ["dog", "potted plant"]
    assert view.find("KeyPointLabels").get("name") == region["from_name"]


def test_fiftyone_gets_points_as_shares_of_the_photo(located: LocatedPhotos, folder: Path) -> None:
    first, second = samples(located)["samples"]
    assert first["filepath"] == str((folder / "photos" / "a.jpg").resolve())
    assert first["counts"] == {"dog": 2}
    assert first["located"]["keypoints"][0]["points"] == [[0.1, pytest.approx(1 / 3)]]
    assert second["located"]["keypoints"][0]["confidence"] == [1.0]


def test_cvat_files_are_read_by_datumaro(located: LocatedPhotos, folder: Path) -> None:
    datumaro = pytest.importorskip("datumaro", reason="needs datumaro")
    shutil.copytree(folder / "photos", folder / "cvat" / "images")
    (folder / "cvat" / "annotations.xml").write_text(cvat_xml(located))
    data = datumaro.Dataset.import_from(str(folder / "cvat"), "cvat")
    points = {item.id: [list(one.points) for one in item.annotations] for item in data}
    assert points == {"a": [[10, 20], [50.5, 30]], "day 2/b": [[20, 10]]}


def test_label_studio_accepts_the_tasks(located: LocatedPhotos) -> None:
    sdk = pytest.importorskip("label_studio_sdk.label_interface", reason="needs label-studio-sdk")
    interface = sdk.LabelInterface(labelling_configuration(located))
    interface.validate()
    for task in tasks(located):
        assert interface.validate_task({"data": task["data"]})
        for prediction in task["predictions"]:
            assert interface.validate_prediction(prediction, return_errors=True) == []


def test_fiftyone_reads_the_samples(located: LocatedPhotos) -> None:
    fiftyone = pytest.importorskip("fiftyone", reason="needs fiftyone")
    first, _ = (fiftyone.Sample.from_dict(sample) for sample in samples(located)["samples"])
    assert [point.label for point in first.located.keypoints] == ["dog", "dog"]
    assert first.counts == {"dog": 2}
    assert first.metadata.width == 100


def test_the_command_writes_the_files_and_says_which(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    counts, images = str(folder / "counts.json"), str(folder / "photos")
    (folder / "photos" / "a.jpg").write_bytes(b"no photo")
    for tool, name in (("cvat", "a.xml"), ("label-studio", "tasks.json"), ("fiftyone", "samples.json")):
        command = ["convert", counts, "--images", images, "--to", tool, "--out", str(folder / name), "--json"]
        assert main(command) == 0
        said = capsys.readouterr()
        assert json.loads(said.out)["photos"] == 1
        assert "a.jpg" in said.err
        assert all(Path(file).is_file() for file in json.loads(said.out)["out"])
    assert "<Label" in (folder / "tasks.xml").read_text()


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("{", "not JSON"),
        ("[]", "not a list of counts"),
        ('[{"category": "dog"}]', "row 1: not an object"),
        (json.dumps([{**ROWS[0], "count": 1.5}]), "`count` is 1.5"),
        (json.dumps([ROWS[0], {**ROWS[1], "points": None}]), "row 2: no points"),
        (json.dumps([{**ROWS[0], "points": [[1, 2]]}]), "not a list of"),
        (json.dumps([{**ROWS[0], "file_name": "c.jpg"}]), "none of the photos can be read"),
    ],
)
def test_what_cannot_be_converted_is_one_clear_line(folder: Path, content: str, says: str) -> None:
    (folder / "counts.json").write_text(content)
    with pytest.raises(DataError, match=says) as error:
        read_located(folder / "counts.json", folder / "photos")
    assert "\n" not in str(error.value)


def test_wrong_endings_and_options_are_refused(folder: Path) -> None:
    shell = Shell(folder)
    command = ("convert", "counts.json", "--images", "photos", "--to")
    assert "must end in .xml" in shell.refuses(*command, "cvat", "--out", "a.json")
    assert "--prefix" in shell.refuses(*command, "cvat", "--out", "a.xml", "--prefix", "x")
