"""Photos of any mode, size and condition open as RGB, or say in one line why not."""

import struct
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from counting_datasets.errors import PhotoError
from counting_datasets.photo import open_photo, photo_size
from counting_datasets.photo_files import is_photo_name

RED, WHITE = (255, 0, 0), (255, 255, 255)
ORIENTATION = 0x0112


def saved(photo: Image.Image, path: Path, **options: object) -> Path:
    photo.save(path, **options)
    return path


def grey(values: list[int], kind: str) -> Image.Image:
    """A row of pixels."""
    return Image.fromarray(np.array([values], dtype=kind))


def pixels(path: Path) -> list[int]:
    """The first row's red values, of a photo that is grey."""
    photo = open_photo(path)
    assert photo.mode == "RGB"
    array = np.asarray(photo)
    assert (array == array[..., :1]).all()
    return [int(value) for value in array[0, :, 0]]


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "CMYK", "LA", "PA", "YCbCr"])
def test_white_is_white_in_every_mode(tmp_path: Path, mode: str) -> None:
    photo = open_photo(saved(Image.new("RGB", (4, 3), WHITE).convert(mode), tmp_path / "photo.tiff"))
    assert (photo.mode, photo.size, photo.getpixel((0, 0))) == ("RGB", (4, 3), WHITE)


def test_cmyk_jpeg_keeps_its_colour(tmp_path: Path) -> None:
    red = Image.new("RGB", (16, 16), RED).convert("CMYK")
    path = saved(red, tmp_path / "photo.jpg")
    assert np.abs(np.subtract(open_photo(path).getpixel((8, 8)), RED)).max() <= 3


@pytest.mark.parametrize("ending", ["png", "tiff"])
def test_sixteen_bits_scale_to_eight_however_dark_the_photo(tmp_path: Path, ending: str) -> None:
    assert pixels(saved(grey([0, 257, 32_896, 65_535], "u2"), tmp_path / f"a.{ending}")) == [0, 1, 128, 255]
    assert pixels(saved(grey([0, 100, 200, 255], "u2"), tmp_path / f"dark.{ending}")) == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([0, 100, 255], "i4", [0, 100, 255]),
        ([0, 257, 65_535], "i4", [0, 1, 255]),
        ([-7, 0, 2_000_000], "i4", [0, 0, 255]),
        ([0.0, 0.5, 1.0], "f4", [0, 127, 255]),
        ([0.0, 128.0, 255.0], "f4", [0, 128, 255]),
        ([float("nan"), -1.0, 1.0], "f4", [0, 0, 255]),
    ],
)
def test_thirty_two_bits_scale_by_the_range_they_use(
    tmp_path: Path, values: list[int], kind: str, expected: list[int]
) -> None:
    assert pixels(saved(grey(values, kind), tmp_path / "photo.tiff")) == expected


def test_what_is_transparent_is_white(tmp_path: Path) -> None:
    palette = Image.new("P", (2, 1))
    palette.putpalette([*RED, 0, 0, 255])
    palette.putpixel((1, 0), 1)
    photos = [
        saved(palette, tmp_path / "palette.png", transparency=0),
        saved(Image.new("LA", (2, 1), (0, 0)), tmp_path / "grey.png"),
        saved(Image.new("RGB", (2, 1), RED), tmp_path / "keyed.png", transparency=RED),
        saved(Image.new("RGBA", (2, 1), (0, 0, 0, 0)), tmp_path / "layer.webp", lossless=True),
    ]
    assert [open_photo(photo).getpixel((0, 0)) for photo in photos] == [WHITE] * 4
    assert open_photo(photos[0]).getpixel((1, 0)) == (0, 0, 255)


@pytest.mark.parametrize("options", [{"format": "GIF"}, {"format": "WEBP", "lossless": True}, {"format": "PNG"}])
def test_animations_show_their_first_frame(tmp_path: Path, options: dict[str, object]) -> None:
    first, second = Image.new("RGB", (5, 4), RED), Image.new("RGB", (5, 4), WHITE)
    path = saved(first, tmp_path / "photo", save_all=True, append_images=[second], **options)
    with Image.open(path) as photo:
        assert getattr(photo, "n_frames", 1) == 2
    assert open_photo(path).getpixel((2, 2)) == RED


@pytest.mark.parametrize("size", [(1, 1), (30_000, 2), (2, 30_000)])
def test_any_size_opens(tmp_path: Path, size: tuple[int, int]) -> None:
    path = saved(Image.new("RGB", size, RED), tmp_path / "photo.png")
    assert open_photo(path).size == photo_size(path) == size


@pytest.mark.parametrize(
    ("orientation", "corner"),
    [
        (1, (0, 0)),
        (2, (2, 0)),
        (3, (2, 1)),
        (4, (0, 1)),
        (5, (0, 0)),
        (6, (1, 0)),
        (7, (1, 2)),
        (8, (0, 2)),
        (9, (0, 0)),
    ],
)
def test_photos_are_turned_as_their_exif_says(tmp_path: Path, orientation: int, corner: tuple[int, int]) -> None:
    """``corner`` is where the photo's stored top left pixel, red, ends up."""
    photo = Image.new("RGB", (3, 2), WHITE)
    photo.putpixel((0, 0), RED)
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = saved(photo, tmp_path / "photo.png", exif=exif)
    assert open_photo(path).size == ((2, 3) if 5 <= orientation <= 8 else (3, 2))
    assert open_photo(path).getpixel(corner) == RED
    assert open_photo(path, upright=False).size == photo_size(path) == (3, 2)
    assert open_photo(path, upright=False).getpixel((0, 0)) == RED


def test_damaged_exif_does_not_hide_the_photo(tmp_path: Path) -> None:
    photo = Image.new("RGB", (16, 8), RED)
    no_exif = saved(photo, tmp_path / "garbage.jpg", exif=b"Exif\0\0no TIFF in here")
    # An orientation that can be read beside an interoperability pointer that is a byte, not a place in the file.
    entries = struct.pack("<HHI4s", ORIENTATION, 3, 1, b"\6\0\0\0") + struct.pack(
        "<HHI4s", 0xA005, 1, 1, b"\6\0\0\0"
    )
    odd_exif = saved(photo, tmp_path / "odd.jpg", exif=b"Exif\0\0II*\0\x08\0\0\0\2\0" + entries + b"\0" * 4)
    assert open_photo(no_exif).size == (16, 8)
    assert open_photo(odd_exif).size == (8, 16)


def refusal(path: Path, read: Callable[[Path], object] = open_photo) -> str:
    """The one line that says why a photo cannot be read."""
    with pytest.raises(PhotoError) as error:
        read(path)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)
    return str(error.value)


def test_what_is_no_photo_is_refused(tmp_path: Path) -> None:
    whole = saved(Image.effect_noise((64, 64), 50), tmp_path / "whole.jpg").read_bytes()
    for name, content in {"empty": b"", "text": b"three dogs\n", "cut": whole[: len(whole) // 2]}.items():
        (tmp_path / f"{name}.jpg").write_bytes(content)
    assert "empty, or not an image" in refusal(tmp_path / "empty.jpg")
    assert "empty, or not an image" in refusal(tmp_path / "text.jpg")
    assert "not a readable image" in refusal(tmp_path / "cut.jpg")
    assert "no such photo" in refusal(tmp_path / "none.jpg")
    assert "Is a directory" in refusal(tmp_path)
    assert "File name too long" in refusal(tmp_path / f"{'a' * 300}.jpg")
    assert photo_size(tmp_path / "cut.jpg") == (64, 64)
    assert "empty, or not an image" in refusal(tmp_path / "empty.jpg", photo_size)


def test_a_header_that_promises_too_many_pixels_is_refused_unread(tmp_path: Path) -> None:
    bomb = tmp_path / "bomb.bmp"
    bomb.write_bytes(b"BM" + struct.pack("<IIIIiiHHIIiiII", 0, 0, 54, 40, 60_000, 60_000, 1, 24, 0, 0, 0, 0, 0, 0))
    assert "60000×60000 pixels, the maximum is 400,000,000" in refusal(bomb)
    assert "60000×60000 pixels, the maximum is 400,000,000" in refusal(bomb, photo_size)


@pytest.mark.parametrize("ending", ["heic", "HEIF", "hif", "jpg"])
def test_heif_photos_open_by_their_content_upright(tmp_path: Path, ending: str) -> None:
    photo = Image.new("RGB", (64, 48), RED)
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    path = tmp_path / f"IMG_1.{ending}"
    pillow_heif.from_pillow(photo).save(path, exif=exif.tobytes())
    shown = open_photo(path)
    assert (shown.mode, shown.size) == ("RGB", (48, 64))
    assert np.abs(np.subtract(shown.getpixel((20, 20)), RED)).max() <= 5


def test_a_damaged_heif_photo_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "IMG_1.heic"
    pillow_heif.from_pillow(Image.effect_noise((64, 64), 50).convert("RGB")).save(path)
    path.write_bytes(path.read_bytes()[:200])
    assert "not a readable image" in refusal(path)


def test_only_a_heif_photo_imports_the_library_for_heif(tmp_path: Path) -> None:
    path = saved(Image.new("RGB", (4, 3)), tmp_path / "photo.jpg")
    code = (
        "import sys; from pathlib import Path; from counting_datasets.photo import open_photo;"
        f"open_photo(Path({str(path)!r})); print('pillow_heif' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.parametrize(
    ("ending", "kind"), [("jfif", "JPEG"), ("jpe", "JPEG"), ("jp2", "JPEG2000"), ("JPG", "JPEG")]
)
def test_photos_with_rarer_endings_open(tmp_path: Path, ending: str, kind: str) -> None:
    path = saved(Image.new("RGB", (20, 10), RED), tmp_path / f"photo.{ending}", format=kind)
    assert is_photo_name(path)
    assert open_photo(path).size == (20, 10)


def test_pillows_limit_on_pixels_stays_the_host_programs_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 10)
    path = saved(Image.new("RGB", (20, 10)), tmp_path / "photo.png")
    assert open_photo(path).size == (20, 10)
    assert Image.MAX_IMAGE_PIXELS == 10


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "webp", "bmp", "avif"])
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_damage_anywhere_gives_a_photo_or_a_photo_error(
    tmp_path_factory: pytest.TempPathFactory, kind: str, data: st.DataObject
) -> None:
    path = tmp_path_factory.getbasetemp() / f"damaged.{kind}"
    exif = Image.Exif()
    exif[ORIENTATION] = 6
    Image.linear_gradient("L").resize((24, 16)).convert("RGB").save(path, format=kind, exif=exif)
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    path.write_bytes(content[: data.draw(st.integers(len(content) // 2, len(content)))])
    with suppress(PhotoError):
        assert open_photo(path).mode == "RGB"
