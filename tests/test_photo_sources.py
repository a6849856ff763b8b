"""Photos from anywhere: what is taken gives the same pixels, and what is not is refused by name."""

from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from counting.inputs.photo_sources import PhotoSource, photo_sources
from counting_datasets.errors import CountingError, PhotoError

RGB = np.random.default_rng(0).integers(0, 256, (6, 8, 3), dtype=np.uint8)


def pixels(content: Any) -> np.ndarray:
    return np.asarray(PhotoSource.of(content).open())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "photo.png"
    Image.fromarray(RGB).save(path)
    return path


def test_a_path_a_string_bytes_an_image_an_array_and_a_tensor_give_the_same_photo(file: Path) -> None:
    as_tensor = torch.from_numpy(RGB).permute(2, 0, 1)
    same: list[Any] = [file, str(file), file.read_bytes(), bytearray(file.read_bytes()), Image.open(file), RGB]
    for content in [*same, RGB[:, ::1], as_tensor, as_tensor.float() / 255, as_tensor.double() / 255]:
        assert pixels(content) == pytest.approx(RGB), type(content)


def test_grey_and_transparent_pixels_become_rgb() -> None:
    grey = RGB[:, :, 0]
    expected = np.repeat(grey[:, :, None], 3, axis=2)
    for content in (grey, grey[:, :, None], torch.from_numpy(grey)[None], Image.fromarray(grey)):
        assert pixels(content) == pytest.approx(expected)
    clear = np.dstack([RGB, np.zeros((6, 8), dtype=np.uint8)])
    assert (pixels(clear) == 255).all()


def test_images_of_any_mode_are_taken_and_turned_as_exif_says() -> None:
    for mode in ("1", "L", "P", "CMYK", "YCbCr", "RGBA", "I;16"):
        assert pixels(Image.new(mode, (8, 6))).shape == (6, 8, 3)
    exif = Image.Exif()
    exif[0x0112] = 6
    content = BytesIO()
    Image.fromarray(RGB).save(content, "PNG", exif=exif)
    turned = np.rot90(RGB, -1)
    assert pixels(content.getvalue()) == pytest.approx(turned)
    assert pixels(Image.open(content)) == pytest.approx(turned)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (RGB.astype(np.float32), "float32 array of 6 × 8 × 3 is not a photo"),
        (RGB.transpose(2, 0, 1), "array of 3 × 6 × 8"),
        (RGB[None], "array of 1 × 6 × 8 × 3"),
        (np.zeros((0, 8, 3), dtype=np.uint8), "empty array"),
        (torch.zeros(8, 6, 3), "tensor of 8 × 6 × 3"),
        (torch.zeros(1, 3, 6, 8), "tensor of 1 × 3 × 6 × 8"),
        (torch.zeros(3, 6, 8, dtype=torch.int64), "torch.int64"),
        (torch.full((3, 6, 8), -0.5), "float values outside 0–1"),
        (torch.full((3, 6, 8), torch.nan), "float values outside 0–1"),
        (b"", "empty"),
        (b"no image", "not an image of a known format"),
        (7, "int is not a photo"),
        (None, "NoneType is not a photo"),
    ],
)
def test_what_is_no_photo_is_refused_and_says_what_is_taken(content: Any, says: str) -> None:
    with pytest.raises(PhotoError, match="photo") as caught:
        PhotoSource.of(content).open()
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["", " ", Path("missing.jpg"), "a\0b", "n" * 5000 + ".jpg"])
def test_a_name_that_no_photo_has_is_an_error_that_names_it(name: Any) -> None:
    with pytest.raises(CountingError):
        PhotoSource.of(name).open()


def test_a_folder_stands_for_its_photos_and_a_list_for_its_members(file: Path) -> None:
    (file.parent / "notes.txt").write_text("no photo")
    assert [source.path for source in photo_sources(file.parent)] == [file]
    assert [source.path for source in photo_sources([str(file), file.parent])] == [file, file]
    assert [source.name for source in photo_sources(iter([RGB, file, RGB]))] == ["photo 1", str(file), "photo 3"]
    (empty := file.parent / "empty").mkdir()
    with pytest.raises(CountingError, match="no photos in this folder"):
        list(photo_sources(empty))


def test_a_generator_of_photos_is_read_no_further_than_needed() -> None:
    endless = (RGB for _ in iter(int, 1))
    assert next(photo_sources(endless)).name == "photo 1"


def test_a_damaged_heic_photo_is_said_to_be_unreadable_once() -> None:
    with pytest.raises(PhotoError) as caught:
        PhotoSource.of(b"\0\0\0\x18ftypheic" + bytes(40)).open()
    assert str(caught.value).count("not a readable image") == 1
