"""The example of a shelf: its drawings are annotated right, and it counts its own categories."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from scripts import load_script

SCRIPT = Path(__file__).parents[1] / "examples" / "shelf.py"


def test_products_stand_in_the_picture_and_have_their_colour_in_their_boxes() -> None:
    shelf = load_script("examples/shelf.py")
    for seed in range(5):
        picture, products = shelf.draw_shelf(np.random.default_rng(seed))
        assert products
        for name, (x0, y0, x1, y1) in products:
            assert 0 <= x0 < x1 <= picture.width
            assert 0 <= y0 < y1 <= picture.height
            middle = picture.getpixel(((x0 + x1) // 2, (y0 + 3 * y1) // 4))
            assert "#{:02x}{:02x}{:02x}".format(*middle) == shelf.PRODUCTS[name]


@pytest.mark.slow
def test_it_trains_a_counter_and_says_what_to_restock(tmp_path: Path) -> None:
    environment = {**os.environ, "COUNTING_CACHE": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, SCRIPT], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "restock" in done.stdout
    assert "80 % interval" in done.stdout
