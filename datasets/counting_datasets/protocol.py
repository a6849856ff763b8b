"""Protocols: which objects and images an evaluation counts."""

from collections.abc import Iterable
from dataclasses import dataclass

from counting_datasets.errors import CountingError

_PARTS = ("non-difficult", "no-crowd", "non-empty")
_ILC = {"voc": ("non-difficult",), "coco": ("non-difficult", "non-empty")}


@dataclass(frozen=True)
class Protocol:
    """Which objects and images count; by default all of them (``all``, the protocol of CEOS).

    ``non_difficult`` leaves out objects marked difficult, ``no_crowd`` crowd annotations, and ``non_empty`` images
    without any counted object. The protocol is printed beside every figure.
    """

    non_difficult: bool = False
    no_crowd: bool = False
    non_empty: bool = False

    @classmethod
    def parse(cls, name: str, family: str = "voc") -> "Protocol":
        """Parse ``all``, ``ilc`` or parts joined with ``+``; ``ilc`` depends on ``family`` ("voc" or "coco").

        Raises:
            CountingError: an unknown name.
        """
        if name == "all":
            return cls()
        parts: Iterable[str] = _ILC[family] if name == "ilc" else name.split("+")
        unknown = sorted(set(parts) - set(_PARTS))
        if unknown:
            raise CountingError(f"unknown protocol {name!r}: use all, ilc, or {', '.join(_PARTS)} joined with +")
        return cls(*(part in parts for part in _PARTS))

    def __str__(self) -> str:
        flags = (self.non_difficult, self.no_crowd, self.non_empty)
        return "+".join(part for part, on in zip(_PARTS, flags, strict=True) if on) or "all"
