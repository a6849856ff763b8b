"""Counters: backbones, cells, heads and trained weights. ``counting.models()`` lists those that ship."""

import sys
from types import ModuleType
from typing import Any


class _Models(ModuleType):
    """A module to be called: ``counting.models()`` is public, and this folder has the same name."""

    def __call__(self) -> dict[str, dict[str, Any]]:
        """The names of the counters that ship, and their cards: what each was trained on and how it scores."""
        from counting.models.zoo import read_card, zoo_names

        return {name: read_card(name) for name in zoo_names()}


sys.modules[__name__].__class__ = _Models
