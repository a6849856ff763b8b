"""Shares of a data set without splits: exact, whole, and the same on every machine."""

import pytest

from counting_datasets.errors import DataError
from counting_datasets.splits import Share, parse_share

PHOTOS = [f"IMG_{n:04}" for n in range(1000)]


def share(split: str) -> Share:
    found = parse_share(split)
    assert found is not None
    return found


@pytest.mark.parametrize("split", ["train", "val", "train2017", "80", "a:80/20x", "val:80/", "val:-1/2", "a/b"])
def test_other_names_are_no_shares(split: str) -> None:
    assert parse_share(split) is None


@pytest.mark.parametrize(
    ("splits", "sizes"),
    [
        (("train:80/20", "val:80/20"), (800, 200)),
        (("train:4/1:7", "val:4/1:7"), (800, 200)),
        (("train:2/1", "val:2/1"), (667, 333)),
        (("train:70/20/10:3", "val:70/20/10:3", "test:70/20/10:3"), (700, 200, 100)),
    ],
)
def test_shares_are_exact_and_hold_each_photo_once(splits: tuple[str, ...], sizes: tuple[int, ...]) -> None:
    parts = [share(split).of(PHOTOS) for split in splits]
    assert tuple(map(len, parts)) == sizes
    assert sorted(photo for part in parts for photo in part) == list(range(1000))
    assert all(part == sorted(part) for part in parts)


def test_the_last_share_is_meant_where_none_is_named() -> None:
    assert share("80/20:5").of(PHOTOS) == share("val:80/20:5").of(PHOTOS) == share("valid:80/20:5").of(PHOTOS)
    assert share("80/10/10").of(PHOTOS) == share("test:80/10/10:0").of(PHOTOS)


def test_a_division_is_the_same_everywhere_and_differs_by_seed() -> None:
    """Ranked by SHA-256 of seed:id."""
    assert share("val:40/60").of(["a", "b", "c", "d", "e"]) == [1, 2, 4]  # their order by rank is d, a, c, b, e
    assert share("val:80/20:1").of(PHOTOS) != share("val:80/20:2").of(PHOTOS)


def test_one_photo_more_moves_few_others() -> None:
    before = {PHOTOS[i] for i in share("val:80/20").of(PHOTOS)}
    more = ["new", *PHOTOS]
    after = {more[i] for i in share("val:80/20").of(more)}
    assert len(before ^ after) <= 2


@pytest.mark.parametrize("split", ["test:80/20", "val:80/0", "dev:80/20", "train:1/1/1/1"])
def test_a_share_of_no_such_part_is_refused(split: str) -> None:
    with pytest.raises(DataError, match="use train:80/20"):
        parse_share(split)


def test_a_share_that_would_hold_nothing_is_refused() -> None:
    with pytest.raises(DataError, match="'val:80/20' of 2 photos is empty"):
        share("val:80/20").of(["a", "b"])
