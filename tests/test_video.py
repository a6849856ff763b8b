"""Frames of videos at regular times, and files that are no videos."""

from fractions import Fraction
from pathlib import Path

import pytest

av = pytest.importorskip("av", reason="needs the package av")
from tiny_video import SIZE, write_sound, write_video  # noqa: E402

from counting.inputs.video import open_camera, open_video  # noqa: E402
from counting_datasets.errors import CountingError, PhotoError  # noqa: E402


def times(path: Path, every: float) -> list[float]:
    with open_video(path) as video:
        return [round(frame.seconds, 3) for frame in video.frames(every)]


def test_a_frame_is_read_every_so_often(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", range(0, 250, 10))
    with open_video(clip) as video:
        frames = list(video.frames(0.5))
        assert video.expected_frames(0.5) == pytest.approx(len(frames), abs=1)
        assert video.damage is None
    assert [round(frame.seconds, 3) for frame in frames] == [0, 0.5, 1, 1.5, 2]
    assert [frame.photo.getpixel((10, 10))[0] for frame in frames] == pytest.approx(range(0, 250, 50), abs=6)
    assert frames[0].photo.mode == "RGB"


def test_every_frame_is_read_at_most_once(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [0, 50, 100])
    assert times(clip, 0.001) == [0, 0.1, 0.2]


def test_a_frame_rate_that_varies_keeps_its_times(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mkv", [0, 50, 100, 150, 200], [0, 0.4, 0.5, 3.2, 4.1])
    assert times(clip, 1.0) == [0, 3.2, 4.1]


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_a_phone_video_is_turned_upright(tmp_path: Path, rotation: int) -> None:
    clip = write_video(tmp_path / "clip.mp4", [250] * 2, rotation=rotation)
    with open_video(clip) as video:
        photo = next(video.frames(1)).photo
    width, height = SIZE
    turned = rotation != 180
    assert photo.size == ((height, width) if turned else (width, height))
    bright = {90: (24, 54), 180: (54, 24), 270: (24, 10)}[rotation]
    assert photo.getpixel(bright)[0] > 200
    assert photo.getpixel((photo.width - 1 - bright[0], photo.height - 1 - bright[1]))[0] < 50


def test_pixels_that_are_not_square_are_stretched(tmp_path: Path) -> None:
    clip = write_video(tmp_path / "clip.mp4", [0] * 2, pixel_shape=Fraction(2))
    with open_video(clip) as video:
        assert next(video.frames(1)).photo.size == (2 * SIZE[0], SIZE[1])


def test_what_is_whole_in_a_truncated_file_is_read(tmp_path: Path) -> None:
    content = write_video(tmp_path / "clip.mkv", range(0, 250, 5)).read_bytes()
    (tmp_path / "cut.mkv").write_bytes(content[: len(content) // 2])
    with open_video(tmp_path / "cut.mkv") as video:
        assert 5 < len(list(video.frames(0.1))) < 50
        assert video.damage == "ends at 0:02, but its header says 0:05"


def test_damage_in_the_middle_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    content = bytearray(write_video(tmp_path / "clip.avi", [n * 37 % 250 for n in range(100)]).read_bytes())
    middle = len(content) // 2
    content[middle : middle + 2000] = bytes(2000)
    (tmp_path / "damaged.avi").write_bytes(content)
    with open_video(tmp_path / "damaged.avi") as video:
        assert len(list(video.frames(0.1))) > 30


def not_videos(folder: Path) -> dict[str, str]:
    """Files without a video, and what is said about each."""
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("no video " * 500)
    whole = write_video(folder / "whole.mp4", [0] * 20).read_bytes()
    (folder / "no_index.mp4").write_bytes(whole[: len(whole) // 2])
    write_sound(folder / "sound.mp4")
    write_video(folder / "no_frames.mkv", [])
    (folder / "remote.m3u8").write_text("#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/a.ts\n#EXT-X-ENDLIST\n")
    (folder / "photo.jpg").write_bytes(b"")
    (folder / "folder.mp4").mkdir()
    unopened = "cannot be opened as a video"
    return {
        "empty.mp4": unopened,
        "text.mp4": unopened,
        "no_index.mp4": "",
        "sound.mp4": "contains no video",
        "no_frames.mkv": "",
        "remote.m3u8": "",
        "photo.jpg": "is a photo",
        "folder.mp4": "is a folder",
        "missing.mp4": "no such video",
    }


def test_a_file_without_a_video_is_refused_by_name_in_one_line(tmp_path: Path) -> None:
    for name, why in not_videos(tmp_path).items():
        with pytest.raises(CountingError) as raised:
            times(tmp_path / name, 1)
        assert str(raised.value).startswith(str(tmp_path / name)), name
        assert why in str(raised.value)
        assert "\n" not in str(raised.value)


def test_a_camera_that_is_not_there_is_named() -> None:
    with pytest.raises(PhotoError, match="camera /dev/no-camera: cannot be opened"):
        open_camera("/dev/no-camera")
