"""Human importance: how important people find each cell for the count of each category."""

import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from counting.inputs.grid import Grid
from counting.inputs.views import View
from counting.networks.config_sections import HintConfig
from counting_datasets.errors import CountingError
from counting_datasets.photo import open_photo
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene

Cue = Literal["human", "random", "irrelevant"]
"""Human importance, or one of two controls: random importance, or that of the other cells."""


@dataclass(frozen=True)
class HumanImportance:
    """Human importance of the cells of ``grid``, for training with HINT.

    It is 0 for photos without human importance and, if it comes from masks or attention maps, for random crops.
    """

    options: HintConfig
    grid: Grid
    protocol: Protocol
    seed: int

    def __call__(self, scene: Scene, view: View) -> NDArray[np.float64]:
        """Cells × K of a scene's view: each category's column sums to 1, or is all 0."""
        options = self.options
        if not is_marked(scene.id, options.share, self.seed):
            return np.zeros((self.grid.cells, len(scene.categories)))
        if options.importance == "boxes":
            human = view.fractional_counts(scene, scene.counted(self.protocol), self.grid)
        elif view.number > 1:
            human = np.zeros((self.grid.cells, len(scene.categories)))
        else:
            human = self._of_photo(scene)
            if view.number == 1:
                human = mirrored(human, self.grid)
        return cued(normalized(human), options.cue, zlib.crc32(f"{self.seed} {scene.id}".encode()))

    def _of_photo(self, scene: Scene) -> NDArray[np.float64]:
        if isinstance(self.options.importance, Path):
            return attention(self.options.importance, scene, self.grid)
        return importance_of_masks(scene, scene.counted(self.protocol), self.grid)


def importance_of_masks(scene: Scene, counted: NDArray[np.bool_], grid: Grid) -> NDArray[np.float64]:
    """Cells × K fractional counts from the objects' masks; all 0 if the scene has no masks."""
    if scene.masks is None:
        return np.zeros((grid.cells, len(scene.categories)))
    masks = [mask for mask, counts in zip(scene.masks(), counted, strict=True) if counts]
    return grid.fractional_counts_from_masks(masks, scene.labels[counted], len(scene.categories))


def attention(folder: Path, scene: Scene, grid: Grid) -> NDArray[np.float64]:
    """Cells × K attention from the grey maps ``folder/<photo>-<category>.png``; 0 where there is none.

    Raises:
        CountingError: there is no such folder, or a map in it cannot be read.
    """
    if not folder.is_dir():
        raise CountingError(f"hint.importance: no folder {folder}, give boxes, masks or a folder of maps")
    cells = np.zeros((grid.cells, len(scene.categories)))
    for category, name in enumerate(scene.categories):
        path = folder / f"{scene.id}-{name}.png"
        if path.is_file():
            cells[:, category] = mean_by_cell(open_photo(path).convert("L"), grid)
    return cells


def mean_by_cell(attention_map: Image.Image, grid: Grid) -> NDArray[np.float64]:
    """The mean brightness of a grey attention map in each cell."""
    shrunk = attention_map.convert("F").resize((grid.side, grid.side), Image.Resampling.BOX)
    return np.asarray(shrunk, dtype=np.float64).reshape(-1)


def mirrored(cells: NDArray[np.float64], grid: Grid) -> NDArray[np.float64]:
    """Cells × K values for the mirror image."""
    return np.flip(cells.reshape(grid.side, grid.side, -1), axis=1).reshape(cells.shape)


def normalized(cells: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cells × K values with each column divided by its sum; columns of zeros stay 0."""
    total = cells.sum(axis=0)
    return np.asarray(np.divide(cells, total, out=np.zeros_like(cells), where=total > 0))


def is_marked(scene_id: str, share: float, seed: int) -> bool:
    """Whether a scene is in the ``share`` with human importance; a larger share contains every smaller one."""
    return zlib.crc32(f"{seed} {scene_id}".encode()) < share * 2**32


def cued(human: NDArray[np.float64], cue: Cue, seed: int) -> NDArray[np.float64]:
    """Cells × categories human importance, or its replacement by a control in the categories that have it.

    ``random`` draws a value for each cell and category, ``irrelevant`` reverses the ranking of the cells
    (Shrestha, Kafle and Kanan, "A negative case analysis of visual grounding methods for VQA", ACL 2020).
    """
    marked = human.any(axis=0)
    if cue == "random":
        return np.random.default_rng(seed).random(human.shape) * marked
    if cue == "irrelevant":
        return np.asarray((human.max(axis=0) - human) * marked)
    return human
