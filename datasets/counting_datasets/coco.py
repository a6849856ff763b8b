"""The COCO format: one JSON file of instances for each split."""

from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting_datasets.coco_file import CocoImage, CocoObject, read_instances
from counting_datasets.coco_folder import PhotoFinder, no_such_annotations, photo_names
from counting_datasets.coco_masks import decode, is_mask
from counting_datasets.errors import DataError
from counting_datasets.scene import Masks, Scene, SceneSet


def load_coco(annotations: Path, images: Path, *, split: str, data: str = "coco") -> SceneSet:
    """All scenes of an instances file, sorted by file name, including images without objects. Opens no photo.

    ``images`` is the folder in which ``PhotoFinder`` looks for the photos. Categories are in the order of their
    ids. A scene has masks if every object in it has one. An image's optional ``crowd_categories`` lists the ids of
    categories with a crowd region that has no annotation.

    Raises:
        DataError: the file is missing, is not JSON, or is incomplete or inconsistent.
    """
    content = read_instances(annotations, lambda: no_such_annotations(annotations))
    place = {category: index for index, category in enumerate(content.categories)}
    names = tuple(content.categories.values())
    ids = photo_names([image.file for image in content.images])
    finder = PhotoFinder(images, [image.file for image in content.images])
    scenes = []
    for image in sorted(content.images, key=lambda image: image.file):
        objects = content.objects.get(image.id, [])
        labels = np.array([place[thing.category] for thing in objects], dtype=np.int64)
        boxes = np.array([thing.box for thing in objects], dtype=np.float64).reshape(-1, 4)
        boxes[:, 2:] += boxes[:, :2]
        crowded = [place[category] for category in image.crowd_categories]
        scenes.append(
            Scene(
                id=ids[image.file],
                number=str(image.id),
                path=finder.find(image.file),
                size=image.size,
                boxes=boxes,
                labels=labels,
                difficult=np.zeros(len(objects), dtype=bool),
                crowd=np.array([thing.crowd for thing in objects], dtype=bool),
                categories=names,
                masks=_masks_of(annotations, image, objects),
                crowded=np.isin(np.arange(len(names)), crowded) if crowded else None,
            )
        )
    return SceneSet(data, split, "coco", names, tuple(scenes), content.category_ids)


def _masks_of(file: Path, image: CocoImage, objects: list[CocoObject]) -> Masks | None:
    size = image.size
    if size is None or not all(is_mask(thing.segmentation, size) for thing in objects):
        return None
    return partial(_masks, file, size, objects)


def _masks(file: Path, size: tuple[int, int], objects: list[CocoObject]) -> list[NDArray[np.bool_]]:
    masks = []
    for thing in objects:
        try:
            masks.append(decode(thing.segmentation, size))
        except Exception as error:  # pycocotools raises many kinds of errors
            raise DataError(f"{file}: annotation {thing.name} has an invalid segmentation ({error})") from None
    return masks
