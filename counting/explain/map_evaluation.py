"""Evaluate a counter's maps on a split: do they point at the objects, and does the count depend on the objects?"""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from counting.explain.count_grad_cam import METHODS, column_of, explain_by_method
from counting.explain.grad_cam import to_size
from counting.explain.map_metrics import covered
from counting.explain.map_scores import Erasure, ExplanationScores, MapScores
from counting.networks.counters.base import Counter
from counting.training.hint.scores import rank_correlation
from counting.utils.derivatives import evaluation_mode
from counting.utils.progress import track
from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.scene import Scene, SceneSet

ERASED_EVERY = 10
OCCLUDED_EVERY = 50
"""Intervals, in photos, at which objects are erased and patches occluded; both take several passes per photo."""

PATCHES = 6
"""Number of patches along a side of the photo that occlusion blanks one by one."""

CONTROLS = ("centre of the photo", "random")


def evaluate_explanations(counter: Counter, scenes: SceneSet) -> tuple[ExplanationScores, list[str]]:
    """Explain the count of every category in every scene; pairs whose objects are all difficult are left out.

    In every tenth photo the objects are also erased, in every fiftieth patches are occluded.

    Returns:
        The scores, and an error for each photo that could not be read.

    Raises:
        CountingError: there is nothing to explain, or the counter does not count a category of the scenes.
    """
    evaluator = MapEvaluator(counter)
    unreadable = []
    for scene in track(list(scenes), "explaining"):
        try:
            evaluator.add(scene)
        except PhotoError as error:
            unreadable.append(str(error))
    if not evaluator.photos:
        raise CountingError(f"no photo of {scenes.data} {scenes.split} has anything to explain")
    return evaluator.scores(), unreadable


def present(scene: Scene) -> list[int]:
    """Indices of the categories in a scene, without those whose objects are all difficult."""
    return [int(k) for k in np.unique(scene.labels) if not scene.difficult[scene.labels == k].all()]


class MapEvaluator:
    """Collects the scores of a counter's maps, scene by scene; objects are erased in one of ``erased_every``."""

    def __init__(self, counter: Counter, erased_every: int = ERASED_EVERY) -> None:
        self.counter = counter
        self.erased_every = erased_every
        self.photos = self.erased = self.occluded = 0
        self._maps = {name: MapScores() for name in (*METHODS, *CONTROLS)}
        self._erasure = Erasure()
        self._random = np.random.default_rng(0)

    def scores(self) -> ExplanationScores:
        """The scores of all scenes so far."""
        return ExplanationScores(self.photos, self.erased, self.occluded, self._maps, self._erasure)

    def add(self, scene: Scene) -> None:
        """Explain the counts of the categories in ``scene``; in some scenes erase objects and occlude patches.

        Raises:
            PhotoError: the photo cannot be read.
        """
        categories = present(scene)
        if not categories:
            return
        photo = scene.image()
        names = [scene.categories[k] for k in categories]
        maps = self._explain(photo, names)
        for place, category in enumerate(categories):
            for name, of_categories in maps.items():
                self._maps[name].add(of_categories[place], scene.boxes[scene.labels == category])
        if self.photos % self.erased_every == 0:
            self._erase(scene, np.asarray(photo), categories)
        if self.photos % OCCLUDED_EVERY == 0:
            self._occlude(np.asarray(photo), names, maps)
        self.photos += 1

    def _explain(self, photo: Image.Image, categories: Sequence[str]) -> dict[str, NDArray[np.floating]]:
        """Maps, categories × H×W in the photo's own size, by kind."""
        image = self.counter.preprocess(photo)[None].to(next(self.counter.parameters()).device)
        found = explain_by_method(self.counter, image, categories)
        height, width = photo.height, photo.width
        maps: dict[str, NDArray[np.floating]] = {
            name: to_size(one.cam.maps[0], height, width).float().cpu().numpy() for name, one in found.items()
        }
        rows, columns = (np.abs(np.arange(side) - (side - 1) / 2) / side for side in (height, width))
        centre = 1 - rows[:, None] - columns
        maps[CONTROLS[0]] = np.broadcast_to(centre, (len(categories), *centre.shape))
        maps[CONTROLS[1]] = self._random.random((len(categories), height, width), dtype=np.float32)
        return maps

    def _erase(self, scene: Scene, pixels: NDArray[np.uint8], categories: Sequence[int]) -> None:
        """Count each category in the photo, without its objects, and without everything else."""
        self.erased += 1
        mean = pixels.mean(axis=(0, 1)).astype(np.uint8)
        for category in categories:
            objects = covered(scene.boxes[scene.labels == category], pixels.shape[:2])[:, :, None]
            variants = [pixels, np.where(objects, mean, pixels), np.where(objects, pixels, mean)]
            name = scene.categories[category]
            self._erasure.add(*self._count(variants, [name])[:, 0].tolist())

    def _occlude(
        self, pixels: NDArray[np.uint8], categories: Sequence[str], maps: dict[str, NDArray[np.floating]]
    ) -> None:
        """Rank correlation of each map's patches with how much the count falls when a patch is blanked."""
        self.occluded += 1
        counts = [self._count([variant], categories)[0] for variant in (pixels, *occluded(pixels))]
        falls = (counts[0] - np.stack(counts[1:])).T
        for name, of_categories in maps.items():
            for values, fall in zip(of_categories, falls, strict=True):
                shrunk = Image.fromarray(values.astype(np.float32)).resize(
                    (PATCHES, PATCHES), Image.Resampling.BOX
                )
                self._maps[name].occlusion.append(rank_correlation(np.asarray(shrunk).ravel(), fall))

    @torch.inference_mode()
    def _count(self, photos: Sequence[NDArray[np.uint8]], categories: Sequence[str]) -> NDArray[np.float64]:
        """Photos × categories counts: clipped per cell, summed, not rounded."""
        images = torch.stack([self.counter.preprocess(Image.fromarray(photo)) for photo in photos])
        with evaluation_mode(self.counter):
            counts = self.counter.count(images.to(next(self.counter.parameters()).device))
        columns = [column_of(self.counter, name) for name in categories]
        return np.asarray(counts[:, columns].double().cpu().numpy())


def occluded(pixels: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
    """The photo (H×W×3) with one patch after the other, row by row, covered by its mean colour."""
    mean = pixels.mean(axis=(0, 1)).astype(np.uint8)
    rows, columns = (np.linspace(0, side, PATCHES + 1).astype(int) for side in pixels.shape[:2])
    for row in range(PATCHES):
        for column in range(PATCHES):
            variant = pixels.copy()
            variant[rows[row] : rows[row + 1], columns[column] : columns[column + 1]] = mean
            yield variant
