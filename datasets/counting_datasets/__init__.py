"""Photos with counted objects: VOC, COCO, your own in either format, and generated ones."""

from typing import TYPE_CHECKING, Any

from counting_datasets.errors import CountingError, DataError, PhotoError

if TYPE_CHECKING:
    from counting_datasets.protocol import Protocol
    from counting_datasets.scene import Scene, SceneSet

__all__ = ["CountingError", "DataError", "PhotoError", "Protocol", "Scene", "SceneSet"]


def __getattr__(name: str) -> Any:
    """``Protocol``, ``Scene`` and ``SceneSet``, imported when first asked for: errors alone need no NumPy."""
    if name == "Protocol":
        from counting_datasets.protocol import Protocol

        return Protocol
    if name in ("Scene", "SceneSet"):
        from counting_datasets import scene

        return getattr(scene, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
