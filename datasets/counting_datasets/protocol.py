"""Which objects and which images a figure is about."""

from collections.abc import Iterable
from dataclasses import dataclass

from counting_datasets.errors import CountingError

_PARTS = ("non-difficult", "no-crowd", "non-empty")
_ILC = {"voc": ("non-difficult",), "coco": ("non-difficult", "non-empty")}


@dataclass(frozen=True)
class Protocol:
    """What is counted: every object (``all``, the counting paper's), or less.

    ``non_difficult`` leaves out objects marked difficult, ``no_crowd`` crowd annotations, ``non_empty`` images
    in which no counted object is left. Printed beside every figure.
    """

    non_difficult: bool = False
    no_crowd: bool = False
    non_empty: bool = False

    @classmethod
    def parse(cls, name: str, family: str = "voc") -> "Protocol":
        """Read ``all``, ``ilc`` or parts joined with ``+``; ``family`` (voc or coco) settles what ``ilc`` means.

        Raises:
            CountingError: any other name.
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
