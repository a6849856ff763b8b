"""The commands as a user runs them, on generated scenes: what they print, write and answer with."""

import json
import shutil
import signal
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from shell import Shell

import counting
from counting.networks.zoo import BEST
from counting_datasets.catalog import Place, load
from counting_datasets.generated import write_scenes
from counting_datasets.scene import SceneSet

CONFIG = """\
counter: aso_sub
data: {{name: voc, root: {root}}}
cells: {{grid: 2, side: 96}}
head: {{hidden: [32], dropout: 0.1}}
optimization: {{epochs: 3, views: 2}}
"""


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    """A folder with scenes in VOC's layout and a counter trained on them: runs/mine."""
    folder = tmp_path_factory.mktemp("user")
    write_scenes(folder / "scenes", train=24, val=12, test=12)
    (folder / "mine.yaml").write_text(CONFIG.format(root="scenes"))
    here = Shell(folder)
    here("train", "mine.yaml")
    return here


def test_a_config_of_a_dozen_lines_trains_on_own_data(shell: Shell) -> None:
    run = shell.folder / "runs" / "mine"
    for name in (
        "config.yaml",
        "environment.json",
        "metrics.jsonl",
        "results.json",
        "counts.csv",
        "weights/best.safetensors",
        "weights/last.safetensors",
        "state.pt",
        "report.html",
    ):
        assert (run / name).is_file(), name
    assert list((run / "plots").glob("*.png"))
    assert json.loads((run / "results.json").read_text())["split"] == "val"
    assert [json.loads(line)["epoch"] for line in (run / "metrics.jsonl").read_text().splitlines()] == [1, 2, 3]


def write_instances(file: Path, scenes: SceneSet) -> None:
    """The same scenes in COCO's format."""
    corners = [
        (scene, box, label) for scene in scenes for box, label in zip(scene.boxes, scene.labels, strict=True)
    ]
    number = {scene.id: position for position, scene in enumerate(scenes)}
    content = {
        "images": [
            {"id": number[s.id], "file_name": s.path.name, "width": s.size[0], "height": s.size[1]} for s in scenes
        ],
        "categories": [{"id": index, "name": name} for index, name in enumerate(scenes.categories)],
        "annotations": [
            {
                "id": row,
                "image_id": number[scene.id],
                "category_id": int(label),
                "bbox": [*box[:2], *(box[2:] - box[:2])],
                "area": 1,
                "iscrowd": 0,
            }
            for row, (scene, box, label) in enumerate(corners, start=1)
        ],
    }
    file.write_text(json.dumps(content))


def test_coco_files_named_one_by_one_train_the_same_counter(shell: Shell) -> None:
    for split in ("train", "val"):
        write_instances(shell.folder / f"{split}.json", load("voc", split, Place(shell.folder / "scenes")))
    data = "{name: coco, train: train.json, val: val.json, images: scenes/JPEGImages}"
    (shell.folder / "coco.yaml").write_text(
        CONFIG.format(root="scenes").replace("{name: voc, root: scenes}", data)
    )
    shell("train", "coco.yaml")
    mine, coco = ((shell.folder / "runs" / name / "metrics.jsonl").read_text() for name in ("mine", "coco"))
    assert coco == mine


def test_evaluate_answers_json_and_nothing_else(shell: Shell) -> None:
    out, _ = shell("evaluate", "runs/mine", "--data", "voc", "--root", "scenes", "--bootstrap", 50, "--json")
    result = json.loads(out)
    assert (result["counter"], result["data"], result["split"], result["protocol"]) == (
        "runs/mine",
        "voc",
        "test",
        "all",
    )
    assert (result["images"], result["rounded"]) == (12, True)
    assert result["intervals"]["mRMSE"]["low"] <= result["mRMSE"] <= result["intervals"]["mRMSE"]["high"]
    mean = np.mean([figures["mRMSE"] for figures in result["per_category"].values()])
    assert result["mRMSE"] == pytest.approx(mean)


def test_a_trained_counter_says_how_sure_it_is(shell: Shell) -> None:
    scored = json.loads(shell("evaluate", "runs/mine", "--data", "voc", "--root", "scenes", "--json")[0])
    assert [one["level"] for one in scored["distribution"]["coverage"]] == [0.8, 0.95]
    out, _ = shell("predict", "scenes/JPEGImages", "--counter", "runs/mine", "--out", "sure.parquet", "--json")
    for row in json.loads(out):
        assert sum(row["distribution"]) == pytest.approx(1)
        assert 0 <= row["interval"]["low"] <= row["interval"]["high"] < len(row["distribution"])
    own = ("--data", "voc", "--root", "scenes", "--json")
    from_file = json.loads(shell("evaluate", "sure.parquet", *own)[0])
    assert from_file["distribution"]["log_score"] == pytest.approx(scored["distribution"]["log_score"], rel=1e-4)
    shown, _ = shell("predict", "scenes/JPEGImages", "--counter", "runs/mine")
    assert "80% interval" in shown


def test_a_question_is_answered_from_the_counts_of_what_it_names(shell: Shell) -> None:
    photo = sorted((shell.folder / "scenes" / "JPEGImages").iterdir())[0]
    counter = ("--counter", "runs/mine")
    rows = json.loads(shell("predict", photo, *counter, "--json")[0])
    raw = {row["category"]: row["count_raw"] for row in rows}
    found = json.loads(shell("ask", photo, "How many people and chairs are there?", *counter, "--json")[0])
    assert found["categories"] == ["person", "chair"]
    assert found["count_raw"] == pytest.approx(raw["person"] + raw["chair"], rel=1e-5)
    assert np.sum(found["cells"]) == pytest.approx(found["count_raw"], rel=1e-5)
    assert found["interval"]["low"] <= found["interval"]["high"]
    shown, _ = shell("ask", photo, "how many cars?", *counter)
    assert "counting category: car" in shown
    assert "80% interval: " in shown


def test_a_question_has_the_same_answer_on_the_screen_in_json_and_in_the_library(shell: Shell) -> None:
    photo = sorted((shell.folder / "scenes" / "JPEGImages").iterdir())[0]
    for question in ("how many cars?", "how many people and chairs are there?"):
        text = counting.load(shell.folder / "runs" / "mine").ask(photo, question).text
        shown, _ = shell("ask", photo, question, "--counter", "runs/mine")
        assert shown.splitlines()[0] == text
        assert json.loads(shell("ask", photo, question, "--counter", "runs/mine", "--json")[0])["text"] == text


def test_explain_writes_maps_of_the_photos_size_and_pictures(shell: Shell, tmp_path: Path) -> None:
    photo = sorted((shell.folder / "scenes" / "JPEGImages").iterdir())[0]
    asked = ("--category", "car", "--category", "Potted_Plant", "--counter", "runs/mine", "--out", tmp_path)
    shown, _ = shell("explain", photo, *asked, "--counterfactual", "--guided")
    rows = json.loads(shell("explain", photo, *asked, "--method", "grad-cam", "--json")[0])
    assert [row["category"] for row in rows] == ["car", "pottedplant"]
    assert len(list(tmp_path.iterdir())) == 2 * 6
    for row in rows:
        assert f"the cells add up to {max(row['count_raw'], 0):.1f}" in shown
        stem = f"{photo.stem}-{row['category']}"
        for end, depth in (("", ()), ("-against", ()), ("-guided", (3,))):
            values = np.load(tmp_path / f"{stem}{end}.npy")
            assert values.dtype == np.float32
            assert values.shape == (*Image.open(photo).size[::-1], *depth)
        assert np.load(tmp_path / f"{stem}.npy").min() >= 0
        assert Image.open(tmp_path / f"{stem}-figure.png").width > Image.open(tmp_path / f"{stem}.png").width


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--category", "giraffe"], "does not count 'giraffe': available: bottle, car, "),
        (["--category", "car", "--layer", "cells.spine"], "unknown layer 'cells.spine': cells has cells.backbone"),
        (
            ["--category", "car", "--layer", "cells.backbone.features.model.global_pool"],
            "forward pass does not use it",
        ),
    ],
)
def test_what_cannot_be_explained_is_refused_in_one_line(shell: Shell, arguments: list[str], says: str) -> None:
    photo = sorted((shell.folder / "scenes" / "JPEGImages").iterdir())[0]
    assert says in shell.refuses("explain", photo, *arguments, "--counter", "runs/mine", "--out", shell.folder)


def test_evaluate_scores_explanations_beside_controls(shell: Shell) -> None:
    own = ("evaluate", "runs/mine", "--data", "voc", "--root", "scenes", "--explanations")
    found = json.loads(shell(*own, "--json")[0])
    assert set(found["maps"]) == {"fused", "grad-cam", "centre of the photo", "random"}
    assert found["photos"] <= 12
    assert found["pairs"] >= found["photos"]
    for figures in found["maps"].values():
        assert 0 <= figures["pointing"] <= figures["pointing_within"] <= 1
    assert found["erasure"]["photos"] == 2
    assert found["occlusion"]["photos"] == 1
    assert "centre" in shell(*own)[0]
    assert "--explanations" in shell.refuses(*own[:-1], "--explanations", "--truth", "runs/mine/counts.csv")
    assert "unknown counter 'mean'" in shell.refuses("evaluate", "mean", *own[2:])


@pytest.mark.parametrize(
    ("question", "says"),
    [
        ("how many red cars are there?", "colours cannot be told apart"),
        ("how many zebras are there?", "zebras: no such category; this counter knows bottle, car, chair, "),
        ("is it raining?", "not a count question"),
        ("", "the question is empty"),
        ("how many " * 2000, "the question is too long"),
    ],
)
def test_a_question_out_of_reach_is_refused_with_the_reason(shell: Shell, question: str, says: str) -> None:
    photo = sorted((shell.folder / "scenes" / "JPEGImages").iterdir())[0]
    assert says in shell.refuses("ask", photo, question, "--counter", "runs/mine")


def test_evaluate_scores_files_ensembles_and_baselines_alike(shell: Shell) -> None:
    own = ("--data", "voc", "--root", "scenes", "--json")
    shell("predict", "scenes/JPEGImages", "--counter", "runs/mine", "--out", "counts.csv")
    alone = json.loads(shell("evaluate", "runs/mine", *own)[0])
    from_file = json.loads(shell("evaluate", "counts.csv", *own)[0])
    assert from_file["mRMSE"] == pytest.approx(alone["mRMSE"], abs=1e-6)
    twice = json.loads(shell("evaluate", "runs/mine+counts.csv", *own)[0])
    assert twice["mRMSE"] == pytest.approx(alone["mRMSE"], abs=1e-6)
    paired = json.loads(shell("evaluate", "runs/mine", "--against", "always-0", *own)[0])
    zero = json.loads(shell("evaluate", "always-0", *own)[0])
    assert paired["difference"]["mRMSE"]["difference"] == pytest.approx(alone["mRMSE"] - zero["mRMSE"])
    assert not json.loads(shell("evaluate", "category-mean", *own)[0])["rounded"]


def test_counts_against_counts_need_no_photos(shell: Shell) -> None:
    (shell.folder / "true.csv").write_text("image,cat,dog\n1,2,0\n2,0,1\n")
    (shell.folder / "mine.csv").write_text("image,dog,cat\n2,0.6,0.2\n1,0.4,3.5\n")
    result = json.loads(shell("evaluate", "mine.csv", "--truth", "true.csv", "--json")[0])
    assert result["per_category"]["cat"]["mRMSE"] == pytest.approx(np.sqrt(4 / 2))
    assert result["per_category"]["dog"]["exact"] == 1.0
    mean = json.loads(shell("evaluate", "mean", "--truth", "true.csv", "--train-truth", "true.csv", "--json")[0])
    assert mean["per_category"]["cat"]["mae"] == pytest.approx((1.25 + 0.75) / 2)
    assert "--train-truth" in shell.refuses("evaluate", "mean", "--truth", "true.csv")


def test_models_lists_the_zoo_uncut_and_says_which_is_the_default(shell: Shell) -> None:
    zoo = json.loads(shell("models", "--json")[0])["zoo"]
    out, _ = shell("models")
    assert "…" not in out
    assert f"{BEST} (default)" in out
    assert all(f"  {name}" in out for name in zoo)
    assert out.count("    mRMSE ") == sum(len(card["scores"]) for card in zoo.values())


def test_predict_skips_what_is_no_photo_and_counts_the_rest(shell: Shell) -> None:
    photos = shell.folder / "odd"
    photos.mkdir()
    whole = next((shell.folder / "scenes" / "JPEGImages").glob("*.jpg"))
    shutil.copy(whole, photos / "whole.jpg")
    (photos / "truncated.jpg").write_bytes(whole.read_bytes()[:2000])
    (photos / "empty.jpg").write_bytes(b"")
    (photos / "text.png").write_text("no photo")
    Image.open(whole).convert("CMYK").save(photos / "cmyk.jpg")
    Image.fromarray(np.full((40, 60), 40000, dtype=np.uint16)).save(photos / "deep.png")
    Image.new("RGB", (1, 1)).save(photos / "dot.png")
    Image.new("RGB", (30000, 2)).save(photos / "thread.png")
    out, err = shell("predict", "odd", "--counter", "runs/mine", "--out", "odd.json", "--draw", "drawn")
    assert {line.split(":")[0].split("/")[-1] for line in err.splitlines()} == {
        "truncated.jpg",
        "empty.jpg",
        "text.png",
    }
    written = json.loads((shell.folder / "odd.json").read_text())
    unreadable = {row["file_name"] for row in written if "error" in row}
    assert unreadable == {"truncated.jpg", "empty.jpg", "text.png"}
    rows = [row for row in written if "error" not in row]
    assert {row["file_name"] for row in rows} == {"whole.jpg", "cmyk.jpg", "deep.png", "dot.png", "thread.png"}
    for row in rows:
        assert np.sum(row["cells"]) == pytest.approx(row["count_raw"], abs=1e-4)
        assert row["count"] == np.floor(row["count_raw"] + 0.5)
    assert len(list((shell.folder / "drawn").glob("*.png"))) == 5
    assert "whole.jpg" in out


def test_a_broken_off_training_resumes_and_ends_the_same(shell: Shell) -> None:
    arguments = ("train", "mine.yaml", "optimization.epochs=40", "optimization.patience=40")
    shell(*arguments, "--name", "whole")
    process = shell.start(*arguments, "--name", "broken")
    state = shell.folder / "runs" / "broken" / "state.pt"
    while not state.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.communicate()
    shell(*arguments, "--name", "broken", "--resume")
    whole, broken = (shell.folder / "runs" / name / "weights" / "last.safetensors" for name in ("whole", "broken"))
    expected, resumed = load_file(whole), load_file(broken)
    assert expected.keys() == resumed.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, resumed[name]), name


def test_control_c_ends_with_130_and_keeps_the_last_epoch(shell: Shell) -> None:
    process = shell.start(
        "train", "mine.yaml", "optimization.epochs=5000", "optimization.patience=5000", "--name", "stop"
    )
    state = shell.folder / "runs" / "stop" / "state.pt"
    while not state.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert (shell.folder / "runs" / "stop" / "weights" / "last.safetensors").is_file()


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["train", "nothing/there"], "no configuration"),
        (["train", "mine.yaml"], "--resume"),
        (["train", "mine.yaml", "--name", "../new"], "--name: '../new' is not a plain folder name"),
        (["train", "mine.yaml", "--name", ".."], "--name: '..' is not a plain folder name"),
        (["train", "mine.yaml", "--name", ""], "--name: is empty"),
        (["train", "mine.yaml", "--name", "new", "head.hiden=[3]"], "unknown key 'hiden', did you mean 'hidden'?"),
        (["train", "mine.yaml", "--name", "new", "cells.grid=three"], "cells.grid"),
        (["train", "mine.yaml", "--name", "new", "colour=red"], "colour"),
        (["train", "mine.yaml", "--name", "new", "--resume"], "there is no run to resume"),
        (["train", "mine.yaml", "--name", "new", "data.train=summer"], "summer"),
        (["train", "mine.yaml", "--name", "new", "backbone.name=resnet9"], "resnet9"),
        (["evaluate", "runs/mine"], "COUNTING_DATA"),
        (["evaluate", "runs/mine", "--data", "imagenet"], "imagenet"),
        (["evaluate", "runs/mine", "--data", "voc", "--root", "nowhere"], "nowhere"),
        (["evaluate", "runs/none", "--data", "voc", "--root", "scenes"], "runs/none"),
        (["evaluate", "missing.csv", "--data", "voc", "--root", "scenes"], "missing.csv"),
        (["evaluate", "always-0", "--data", "voc", "--root", "scenes", "--protocol", "easy"], "protocol"),
        (["evaluate", "always-0", "--data", "voc", "--root", "scenes", "--bootstrap", "0"], "--bootstrap"),
        (["predict", "nowhere.jpg", "--counter", "runs/mine"], "nowhere.jpg: no photo found"),
        (["predict", "*.tiff", "--counter", "runs/mine"], "no photo found"),
        (["predict", "scenes", "--counter", "runs/mine", "--out", "counts.xls"], ".csv, .json or .parquet"),
        (["predict", "scenes", "--counter", "voc2007-miracle"], "voc2007-miracle"),
    ],
)
def test_bad_requests_get_one_line_and_exit_2(shell: Shell, arguments: list[str], says: str) -> None:
    assert says in shell.refuses(*arguments)


def test_a_counter_of_other_categories_is_refused(shell: Shell) -> None:
    (shell.folder / "pets.csv").write_text("image,hamster\n1,2\n")
    (shell.folder / "furniture.csv").write_text("image,chair\n1,2\n")
    assert "hamster" in shell.refuses("evaluate", "furniture.csv", "--truth", "pets.csv")
