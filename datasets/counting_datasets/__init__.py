"""Photos with annotated objects: VOC, COCO, your own data in either format, and generated scenes."""

from typing import TYPE_CHECKING, Any

from counting_datasets.errors import CountingError, DataError, PhotoError

if TYPE_CHECKING:
    from counting_datasets.protocol import Protocol
    from counting_datasets.scene import Scene, SceneSet

__all__ = ["CountingError", "DataError", "PhotoError", "Protocol", "Scene", "SceneSet"]


def __getattr__(name: str) -> Any:
    """Import ``Protocol``, ``Scene`` and ``SceneSet`` on first use, so that importing an error loads no NumPy."""
    if name == "Protocol":
        from counting_datasets.protocol import Protocol

        return Protocol
    if name in ("Scene", "SceneSet"):
        from counting_datasets import scene

        return getattr(scene, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
