"""COCO's layout: one JSON of instances a split, read through pycocotools."""

import contextlib
import io
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from counting_datasets.coco_checks import check_instances
from counting_datasets.errors import DataError
from counting_datasets.scene import Scene, SceneSet
from counting_datasets.text_files import read_json

_Row = dict[str, Any]


def load_coco(annotations: Path, images: Path, *, split: str, data: str = "coco") -> SceneSet:
    """All scenes of an instances file, by file name; images without any object stay. No photo is opened.

    ``images`` is the folder of the photos. Categories come in the order of their ids. A scene has masks where
    every object in it has one. An image may list under ``crowd_categories`` the ids of categories with a crowd
    region that is not among the annotations.

    Raises:
        DataError: the file is missing, no JSON, or lacks or contradicts itself in what counting needs.
    """
    content = _read(annotations)
    check_instances(annotations, content)
    coco = _index(content)
    place = {category: index for index, category in enumerate(sorted(coco.cats))}
    names = tuple(coco.cats[category]["name"] for category in place)
    scenes = []
    for image in sorted(coco.imgs.values(), key=lambda image: str(image["file_name"])):
        objects = coco.imgToAnns.get(image["id"], [])
        labels = np.array([place[row["category_id"]] for row in objects], dtype=np.int64)
        crowded = [place[category] for category in image.get("crowd_categories") or ()]
        scenes.append(_scene(annotations, images, image, objects, labels, names, crowded))
    ids = {str(category): row["name"] for category, row in coco.cats.items()}
    return SceneSet(data, split, "coco", names, tuple(scenes), ids)


def _read(path: Path) -> dict[str, Any]:
    content = read_json(path, lambda: f"no such annotation file{_other_splits(path.parent)}")
    if not isinstance(content, dict):
        raise DataError(f"{path}: not an instances file, which is an object of images, annotations, categories")
    return content


def _other_splits(folder: Path) -> str:
    splits = sorted(file.stem.removeprefix("instances_") for file in folder.glob("instances_*.json"))
    return f"; there are {', '.join(splits)}" if splits else ""


def _index(content: dict[str, Any]) -> Any:
    from pycocotools.coco import COCO

    coco = COCO()
    coco.dataset = content
    with contextlib.redirect_stdout(io.StringIO()):
        coco.createIndex()
    return coco


def _scene(
    file: Path,
    images: Path,
    image: _Row,
    objects: list[_Row],
    labels: NDArray[np.int64],
    names: tuple[str, ...],
    crowded: list[int],
) -> Scene:
    size = (image["width"], image["height"])
    boxes = np.array([row["bbox"] for row in objects], dtype=np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    have_masks = all(_is_mask(row.get("segmentation"), size) for row in objects)
    return Scene(
        id=Path(image["file_name"]).stem,
        number=str(image["id"]),
        path=images / image["file_name"],
        size=size,
        boxes=np.clip(boxes, 0, [*size, *size]),
        labels=labels,
        difficult=np.zeros(len(objects), dtype=bool),
        crowd=np.array([bool(row.get("iscrowd", 0)) for row in objects], dtype=bool),
        categories=names,
        masks=partial(_masks, file, size, objects) if have_masks else None,
        crowded=np.isin(np.arange(len(names)), crowded) if crowded else None,
    )


def _is_mask(segmentation: Any, size: tuple[int, int]) -> bool:
    """Whether it is polygons of three corners or more, or a run-length code of the photo's size."""
    if isinstance(segmentation, dict):
        return "counts" in segmentation and segmentation.get("size") == [size[1], size[0]]
    if not isinstance(segmentation, list) or not segmentation:
        return False
    return all(
        isinstance(polygon, list) and len(polygon) >= 6 and len(polygon) % 2 == 0 for polygon in segmentation
    )


def _masks(file: Path, size: tuple[int, int], objects: list[_Row]) -> list[NDArray[np.bool_]]:
    masks = []
    for row in objects:
        try:
            masks.append(_decode(row["segmentation"], size))
        except Exception as error:  # pycocotools raises whatever its C code met
            raise DataError(f"{file}: annotation {row['id']} has a damaged segmentation ({error})") from None
    return masks


def _decode(segmentation: Any, size: tuple[int, int]) -> NDArray[np.bool_]:
    """height×width, as ``COCO.annToMask`` gives it, but nothing out of reach or half-written passes."""
    from pycocotools import mask as coder

    width, height = size
    if isinstance(segmentation, list):
        corners = np.concatenate([np.asarray(polygon, dtype=np.float64) for polygon in segmentation])
        if not (np.abs(corners) <= 100 * max(size)).all():
            raise ValueError("a corner far outside the photo")
        code = coder.merge(coder.frPyObjects(segmentation, height, width))
    elif isinstance(segmentation["counts"], list):
        if sum(segmentation["counts"]) != width * height:
            raise ValueError("its runs do not end where the photo does")
        code = coder.frPyObjects(segmentation, height, width)
    else:
        code = segmentation
    decoded: NDArray[np.uint8] = coder.decode(code)
    if int(decoded.sum()) != int(coder.area(code)):
        raise ValueError("its runs do not end where the photo does")
    return decoded.astype(bool)
