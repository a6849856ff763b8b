"""COCO's layout: one JSON of instances a split, read through pycocotools."""

import contextlib
import io
import json
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting_datasets.errors import DataError
from counting_datasets.scene import Scene, SceneSet

_NEEDED = {
    "images": ("id", "file_name", "width", "height"),
    "annotations": ("id", "image_id", "category_id", "bbox"),
    "categories": ("id", "name"),
}


def load_coco(annotations: Path, images: Path, *, split: str, data: str = "coco") -> SceneSet:
    """All scenes of an instances file, by file name; images without any object stay. No photo is opened.

    ``images`` is the folder of the photos. Categories come in the order of their ids.

    Raises:
        DataError: the file is missing, no JSON, or lacks or contradicts itself in what counting needs.
    """
    content = _read(annotations)
    _check(annotations, content)
    coco = _index(content)
    category_ids = sorted(coco.cats)
    place = {category: index for index, category in enumerate(category_ids)}
    names = tuple(coco.cats[category]["name"] for category in category_ids)
    records = sorted(coco.imgs.values(), key=lambda record: str(record["file_name"]))
    scenes = (_scene(coco, record, images, place, names) for record in records)
    return SceneSet(data, split, "coco", names, tuple(scenes))


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise DataError(f"{path}: no such annotation file") from None
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: not JSON ({error})") from None
    if not isinstance(content, dict):
        raise DataError(f"{path}: not an instances file, which is an object of images, annotations, categories")
    return content


def _index(content: dict[str, Any]) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = content
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _check(path: Path, content: dict[str, Any]) -> None:
    for section, keys in _NEEDED.items():
        rows = content.get(section)
        if not isinstance(rows, list):
            raise DataError(f"{path}: no list of {section}")
        for number, row in enumerate(rows):
            lacking = next((key for key in keys if not isinstance(row, dict) or key not in row), None)
            if lacking:
                raise DataError(f"{path}: {section}[{number}] has no {lacking}")
        _check_unique(path, section, [row["id"] for row in rows])
    if not content["images"] or not content["categories"]:
        raise DataError(f"{path}: no {'images' if not content['images'] else 'categories'} in it")
    _check_unique(path, "file names", [Path(str(row["file_name"])).stem for row in content["images"]])
    _check_links(path, content)
    _check_numbers(path, content)


def _check_unique(path: Path, what: str, names: list[Any]) -> None:
    seen: set[Any] = set()
    for name in names:
        if not isinstance(name, int | str):
            raise DataError(f"{path}: {what}: {name!r} is no id")
        if name in seen:
            raise DataError(f"{path}: {what}: {name!r} is there twice")
        seen.add(name)


def _check_links(path: Path, content: dict[str, Any]) -> None:
    for key, section in (("image_id", "images"), ("category_id", "categories")):
        known = {row["id"] for row in content[section]}
        dangling = next((row for row in content["annotations"] if row[key] not in known), None)
        if dangling:
            raise DataError(
                f"{path}: annotation {dangling['id']} has {key} {dangling[key]!r}, which does not exist"
            )


def _check_numbers(path: Path, content: dict[str, Any]) -> None:
    for row in content["images"]:
        if not all(isinstance(row[side], int) and row[side] > 0 for side in ("width", "height")):
            raise DataError(f"{path}: image {row['id']} has no positive width and height")
    for row in content["annotations"]:
        if not _is_box(row["bbox"]):
            raise DataError(f"{path}: annotation {row['id']} has a bbox that is not four finite numbers")


def _is_box(box: Any) -> bool:
    if not isinstance(box, list) or len(box) != 4 or not all(isinstance(x, int | float) for x in box):
        return False
    return bool(np.isfinite(box).all()) and box[2] >= 0 and box[3] >= 0


def _scene(
    coco: Any, record: dict[str, Any], images: Path, place: dict[Any, int], names: tuple[str, ...]
) -> Scene:
    objects = coco.imgToAnns.get(record["id"], [])
    size = (record["width"], record["height"])
    corner = np.array([row["bbox"] for row in objects], dtype=np.float64).reshape(-1, 4)
    corner[:, 2:] += corner[:, :2]
    return Scene(
        id=Path(record["file_name"]).stem,
        number=str(record["id"]),
        path=images / record["file_name"],
        size=size,
        boxes=np.clip(corner, 0, [*size, *size]),
        labels=np.array([place[row["category_id"]] for row in objects], dtype=np.int64),
        difficult=np.zeros(len(objects), dtype=bool),
        crowd=np.array([bool(row.get("iscrowd", 0)) for row in objects], dtype=bool),
        categories=names,
        masks=partial(_decode, coco, objects) if all(row.get("segmentation") for row in objects) else None,
    )


def _decode(coco: Any, objects: Iterable[dict[str, Any]]) -> list[NDArray[np.bool_]]:
    return [coco.annToMask(row).astype(bool) for row in objects]
