"""A cache on disk for the features of frozen backbones, which are computed once for all training runs."""

import hashlib
import os
from collections.abc import Iterator, Sequence
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from safetensors.torch import save as serialize
from torch import Tensor

from counting.inputs.augmentation import description
from counting.inputs.preprocessing import to_square
from counting.inputs.views import FIRST_RANDOM_VIEW, View, view_of
from counting.networks.cells import Cells
from counting.utils.files import remove_partial_files, write_bytes
from counting.utils.progress import track
from counting_datasets.errors import CountingError, PhotoError
from counting_datasets.scene import Scene

LIBRARIES = ("torch", "torchvision", "timm", "pillow")
"""Installed packages whose version may change the features of a photo."""

ABANDONED = 86_400
"""Age in seconds from which a partial file is taken for that of a killed process."""


def cache_folder() -> Path:
    """``$COUNTING_CACHE``, or else a folder in the user's home folder.

    Raises:
        CountingError: the variable is not set and there is no home folder.
    """
    if named := os.environ.get("COUNTING_CACHE"):
        return Path(named)
    try:
        return Path.home() / ".cache" / "everyday-counting"
    except RuntimeError:
        raise CountingError("no home folder for the feature cache: set COUNTING_CACHE to a folder") from None


class FeatureCache:
    """Cell features of photos and their augmented views, one file per view.

    A file's path is a digest of everything that its features depend on: the backbone's weights, the cells, the
    versions of the libraries, the photo's bytes, its boxes and, for a random view, the augmentation's parameters.
    Files are written atomically, so a killed run leaves no broken file, and several processes can share a cache.
    """

    def __init__(self, cells: Cells, folder: Path | None = None) -> None:
        self.cells = cells
        versions = " ".join(f"{library} {version(library)}" for library in LIBRARIES)
        key = f"{cells.fingerprint()} {cells.mode} {cells.grid.side} {cells.side} {versions}"
        self.folder = (folder or cache_folder()) / "features" / hashlib.sha256(key.encode()).hexdigest()[:16]
        self._names: dict[tuple[Scene, int], Path] = {}

    def fill(self, scenes: Sequence[Scene], views: int = 1) -> dict[str, str]:
        """Compute the features of each scene's first ``views`` views that are not in the cache.

        Returns the scenes whose photos cannot be read: id → reason.
        """
        unusable: dict[str, str] = {}
        remove_partial_files(self.folder, ABANDONED)
        for scene, view in track(list(self._missing(scenes, views, unusable)), "features"):
            try:
                self._compute(scene, view)
            except PhotoError as error:
                unusable[scene.id] = str(error)
        return unusable

    def read(self, scene: Scene, view: int) -> tuple[Tensor, View]:
        """The cells×width features of a view in the cache, and the view's objects.

        Raises:
            CountingError: the file is missing or corrupt.
        """
        path = self._path(scene, view)
        try:
            stored = load_file(path)
        except (OSError, SafetensorError) as error:
            raise CountingError(f"{path}: corrupt feature file, delete it and run again ({error})") from None
        return stored["features"], View(stored["boxes"].numpy(), stored["kept"].numpy(), view)

    def _missing(
        self, scenes: Sequence[Scene], views: int, unusable: dict[str, str]
    ) -> Iterator[tuple[Scene, int]]:
        for scene in scenes:
            try:
                paths = [self._path(scene, view) for view in range(views)]
            except PhotoError as error:
                unusable[scene.id] = str(error)
                continue
            yield from ((scene, view) for view, path in enumerate(paths) if not path.exists())

    def _compute(self, scene: Scene, number: int) -> None:
        """Compute and store one view; in a batch, rounding would depend on the other photos."""
        backbone = self.cells.backbone
        photo, view = view_of(scene, number, self.cells.side)
        square = to_square(photo, self.cells.side, backbone.normalization.interpolation)
        image = backbone.normalization(square)[None].to(next(backbone.parameters()).device)
        self.cells.eval()
        with torch.inference_mode():
            self.store(scene, view, self.cells(image)[0].cpu())

    def store(self, scene: Scene, view: View, features: Tensor) -> None:
        """Write the cells×width features of a view."""
        tensors = {
            "features": features.contiguous(),
            "boxes": torch.from_numpy(np.ascontiguousarray(view.boxes)),
            "kept": torch.from_numpy(view.kept),
        }
        write_bytes(self._path(scene, view.number), serialize(tensors))

    def _path(self, scene: Scene, view: int) -> Path:
        known = self._names.get((scene, view))
        if known is None:
            augmentation = description(self.cells.side) if view >= FIRST_RANDOM_VIEW else ""
            name = f"{_digest(scene, view, augmentation)}.safetensors"
            known = self._names[scene, view] = self.folder / name
        return known


def _digest(scene: Scene, view: int, augmentation: str) -> str:
    try:
        digest = hashlib.sha256(scene.path.read_bytes())
    except OSError:
        raise PhotoError(f"{scene.path}: no such photo") from None
    digest.update(scene.boxes.tobytes())
    digest.update(f"{scene.id} {view}{augmentation}".encode())
    return digest.hexdigest()[:32]
