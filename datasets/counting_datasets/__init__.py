"""Photos with counted objects: VOC, COCO, your own in either format, and generated ones."""

from counting_datasets.errors import CountingError, DataError, PhotoError
from counting_datasets.protocol import Protocol
from counting_datasets.scene import Scene, SceneSet

__all__ = ["CountingError", "DataError", "PhotoError", "Protocol", "Scene", "SceneSet"]
