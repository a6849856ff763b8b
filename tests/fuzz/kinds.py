"""The kinds of input: for each a corpus of right ones, a way to damage them, and the reader that takes them."""

import io
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import numpy as np
from PIL import Image

from fuzz import damage

Try = Callable[[Path], object]
"""Reads the file at a path, as commands do."""


@dataclass(frozen=True)
class Kind:
    """A kind of input.

    Attributes:
        name: in the totals.
        share: of all inputs, in percent.
        suffix: of its files.
        corpus: contents of right files.
        damage: makes a bad content of a right one.
        read: the entry point.
    """

    name: str
    share: int
    suffix: str
    corpus: Sequence[bytes]
    damage: Callable[[Random, bytes], bytes]
    read: Try


def kinds() -> list[Kind]:
    """All kinds; readers are imported here, so that each process pays for its own."""
    return [*_photos(), *_annotations(), *_tables(), *_questions(), *_settings()]


def _photos() -> list[Kind]:
    from counting_datasets.photo import open_photo, photo_size

    rng = np.random.default_rng(0)
    picture = Image.fromarray(rng.integers(0, 255, (24, 32, 3), dtype=np.uint8))

    def stored(form: str) -> bytes:
        out = io.BytesIO()
        picture.save(out, form)
        return out.getvalue()

    def read(path: Path) -> object:
        return photo_size(path), open_photo(path)

    corpus = [stored(form) for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP", "JPEG2000", "PPM", "ICO")]
    return [Kind("photo", 18, ".jpg", corpus, damage.damage_bytes, read)]


VOC = b"""<annotation><folder>VOC2007</folder><filename>1.jpg</filename><size>
<width>200</width><height>100</height><depth>3</depth></size><object><name>dog</name><difficult>0</difficult><bndbox><xmin>10</xmin><ymin>20</ymin>
<xmax>60</xmax><ymax>70</ymax></bndbox></object><object><name>cat</name><truncated>1</truncated><bndbox>
<xmin>1.5</xmin><ymin>2</ymin><xmax>6</xmax><ymax>7</ymax></bndbox><polygon><x1>1</x1><y1>2</y1><x2>6</x2>
<y2>2</y2><x3>6</x3><y3>7</y3></polygon></object></annotation>"""

COCO = {
    "info": {"year": 2020},
    "images": [
        {"id": 1, "file_name": "a/1.jpg", "width": 200, "height": 100},
        {"id": 2, "file_name": "2.jpg", "width": 64, "height": 64},
    ],
    "annotations": [
        {"id": 1, "image_id": 1, "category_id": 5, "bbox": [10, 20, 30, 40], "area": 1200, "iscrowd": 0},
        {"id": 2, "image_id": 1, "category_id": 7, "segmentation": [[1, 1, 20, 1, 20, 20]], "iscrowd": 0},
        {
            "id": 3,
            "image_id": 2,
            "category_id": 5,
            "bbox": [0, 0, 64, 64],
            "iscrowd": 1,
            "segmentation": {"size": [64, 64], "counts": [0, 4096]},
        },
    ],
    "categories": [{"id": 5, "name": "dog", "supercategory": "animal"}, {"id": 7, "name": "cat"}],
}

BOXES = [
    {"image_id": 1, "category_id": 1, "bbox": [10, 20, 30, 40], "score": 0.9},
    {"image_id": "1", "category_id": 2, "bbox": [1.5, 2.5, 3, 4], "score": 0.2},
    {"image_id": 2, "category_id": 1, "bbox": [0, 0, 5, 5], "score": 1},
]


def _annotations() -> list[Kind]:
    from counting.detection.results_file import read_detections
    from counting.tables.count_table import CountTable
    from counting_datasets.coco import load_coco
    from counting_datasets.voc_xml import read_annotation

    truth = CountTable(("1", "2"), ("dog", "cat"), np.zeros((2, 2)), numbers=("1", "2"))

    def read_coco(path: Path) -> object:
        scenes = load_coco(path, path.parent, split="val")
        return [scene.masks() for scene in scenes if scene.masks]

    coco, boxes = json.dumps(COCO).encode(), json.dumps(BOXES).encode()
    return [
        Kind("VOC XML", 15, ".xml", [VOC], damage.damage_xml, read_annotation),
        Kind("COCO JSON", 15, ".json", [coco], damage.damage_json, read_coco),
        Kind("COCO results", 8, ".json", [boxes], damage.damage_json, lambda path: read_detections(path, truth)),
    ]


COUNTS = b"image,dog,cat\na/1,1.5,0\n2,0,3\n3,7.25,1e-3\n"


def _tables() -> list[Kind]:
    from counting.tables.count_table import CountTable
    from counting.tables.table_files import read_table, write_table

    distribution = np.tile(np.array([0.5, 0.3, 0.2], dtype=np.float32), (2, 2, 1))
    cells = np.ones((2, 4, 2), dtype=np.float32)
    table = CountTable(("1", "2"), ("dog", "cat"), np.full((2, 2), 4.0), cells, distribution=distribution)

    def stored(suffix: str) -> bytes:
        path = Path(f"corpus{suffix}").absolute()
        write_table(table, path)
        content = path.read_bytes()
        path.unlink()
        return content

    archive = io.BytesIO()
    np.savez(archive, test_ids=np.array(["1", "2"]), test_counts=np.arange(40).reshape(2, 20))
    csv, binary = damage.damage_table, damage.damage_bytes
    return [
        Kind("counts CSV", 10, ".csv", [COUNTS, stored(".csv")], csv, read_table),
        Kind("counts JSON", 6, ".json", [stored(".json")], damage.damage_json, read_table),
        Kind("counts Parquet", 3, ".parquet", [stored(".parquet")], binary, read_table),
        Kind("counts NPZ", 2, ".npz", [archive.getvalue()], binary, lambda path: read_table(f"{path}:test")),
    ]


VQA = {
    "questions": [{"image_id": 1, "question": "How many dogs are there?", "question_id": 10}],
    "annotations": [
        {
            "question_id": 10,
            "image_id": 1,
            "answer_type": "number",
            "multiple_choice_answer": "2",
            "answers": [{"answer": "2", "answer_confidence": "yes", "answer_id": k} for k in range(3)],
        }
    ],
}
TALLYQA = [
    {"image": "VG_100K/1.jpg", "answer": 2, "question_id": 1, "question": "How many cats?", "issimple": True},
    {
        "image": "val2014/COCO_val2014_000000000042.jpg",
        "image_id": 42,
        "answer": 0,
        "question_id": 2,
        "question": "?",
    },
]
ASKED = (
    b"How many dogs are on the couch?",
    b"What is the number of people in the picture?",
    b"how many cars can you see?",
)


def _questions() -> list[Kind]:
    from counting.questions.answering import understood
    from counting.questions.how_many.injection import read_scores
    from counting_datasets.categories import COCO_CATEGORIES
    from counting_datasets.questions import load_questions

    def read_vqa(path: Path) -> object:
        return load_questions(path, path)

    def ask(path: Path) -> object:
        return understood(path.read_text(encoding="utf-8", errors="replace"), COCO_CATEGORIES)

    scores = json.dumps([{"question_id": 7, "answers": {"2": 0.6, "3": 0.2}}]).encode()
    vqa, tally = json.dumps(VQA).encode(), json.dumps(TALLYQA).encode()
    return [
        Kind("VQA JSON", 6, ".json", [vqa], damage.damage_json, read_vqa),
        Kind("TallyQA JSON", 3, ".json", [tally], damage.damage_json, load_questions),
        Kind("answers JSON", 2, ".json", [scores], damage.damage_json, read_scores),
        Kind("question", 5, ".txt", ASKED, damage.damage_bytes, ask),
    ]


CONFIG = b"""counter: aso_sub
data: {name: voc, root: scenes}
backbone: {name: efficientnet_lite0}
cells: {grid: 2, side: 96}
head: {hidden: [32], dropout: 0.1}
loss: {kind: huber}
optimization:
  epochs: 3
  views: 2
  batch: 8
"""


def _settings() -> list[Kind]:
    from counting.networks.config import config_folder, read_config
    from counting.networks.zoo.cards import read_categories
    from counting.utils.weights_files import read_weights
    from counting_datasets.errors import CountingError

    def read_counter(path: Path) -> object:
        read_categories(path)
        header, tensors = read_weights(path, "counter", "fuzz/1")
        if not header or not tensors:
            raise CountingError("nothing in it")
        return tensors

    import torch
    from safetensors.torch import save

    metadata = {"format": "fuzz/1", "categories": json.dumps(["dog"]), "config": "{}", "card": "{}"}
    weights = save({"head.weight": torch.ones(4, 4), "head.bias": torch.zeros(4)}, metadata)
    configs = [CONFIG, *(file.read_bytes() for file in sorted(config_folder().rglob("*.yaml"))[:6])]
    return [
        Kind("configuration", 5, ".yaml", configs, damage.damage_yaml, lambda path: read_config(str(path))),
        Kind("checkpoint", 2, ".safetensors", [weights], damage.damage_bytes, read_counter),
    ]
