"""Drawn everyday scenes with exact annotations, in any number and without a download."""

from counting_datasets.generated.composition import DrawnObject, DrawnScene
from counting_datasets.generated.writing import GENERATED_CATEGORIES, draw_scene, write_scenes

__all__ = ["GENERATED_CATEGORIES", "DrawnObject", "DrawnScene", "draw_scene", "write_scenes"]
