"""Everyday scenes drawn by the computer: exact truth, as much of it as one likes, without a download."""

from counting_datasets.generated.composition import DrawnObject, DrawnScene
from counting_datasets.generated.writing import GENERATED_CATEGORIES, draw_scene, write_scenes

__all__ = ["GENERATED_CATEGORIES", "DrawnObject", "DrawnScene", "draw_scene", "write_scenes"]
