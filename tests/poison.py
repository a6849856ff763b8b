"""Photos that do harm when they are read; in a module, so that worker processes know them."""

import io
import os
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from counting.bulk.rows import NamedPhoto
from counting.inputs.photo_sources import PhotoSource, StoredPhoto


@dataclass(frozen=True)
class Deadly(StoredPhoto):
    """Ends the process that reads it; the first time only, if ``once`` names a file that this creates."""

    label: str
    once: Path | None = None

    @property
    def name(self) -> str:
        return self.label

    def read_bytes(self) -> bytes:
        if self.once is None or not self.once.exists():
            if self.once:
                self.once.touch()
            os._exit(1)
        file = io.BytesIO()
        Image.new("RGB", (32, 24), "red").save(file, "PNG")
        return file.getvalue()


@dataclass(frozen=True)
class Failing(StoredPhoto):
    """Raises an error that is not about the photo."""

    label: str

    @property
    def name(self) -> str:
        return self.label

    def read_bytes(self) -> bytes:
        raise RuntimeError("no more memory\nat 0x1234")


def named(*contents: object) -> list[NamedPhoto]:
    """The photos, called "0.png", "1.png", …."""
    sources = map(PhotoSource.of, contents)
    return [NamedPhoto(source, f"{number}.png", str(number)) for number, source in enumerate(sources)]
