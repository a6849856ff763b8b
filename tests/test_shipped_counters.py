"""The counters that ship: their counts of the gallery's photos stay what they are."""

import json
from pathlib import Path

import numpy as np
import pytest

from counting.models.zoo import find_counter, zoo_names
from counting_datasets.photo import open_photo

HERE = Path(__file__).parent
COUNTS: dict[str, dict[str, list[float]]] = json.loads((HERE / "fixtures" / "gallery_counts.json").read_text())


@pytest.mark.parametrize("name", zoo_names())
def test_counts_of_the_gallery_stay_the_same(name: str) -> None:
    counter = find_counter(name, "cpu").counter
    for photo, expected in COUNTS[name].items():
        image = counter.preprocess(open_photo(HERE.parent / "docs" / "gallery" / f"{photo}.jpg"))
        np.testing.assert_allclose(counter.count(image[None])[0].detach(), expected, atol=1e-5)
