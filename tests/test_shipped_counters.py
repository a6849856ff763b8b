"""The counters that ship: a name always means the same weights and the same counts."""

import json

import numpy as np
import pytest

from recipes.pin_counters import FIXTURE, counts, sha256

PINNED = json.loads(FIXTURE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", sorted(PINNED))
def test_a_name_means_the_same_weights(name: str) -> None:
    assert sha256(name) == PINNED[name]["sha256"], "give changed weights a new name"


@pytest.mark.parametrize("name", sorted(PINNED))
def test_a_shipped_counter_gives_the_same_digits(name: str) -> None:
    np.testing.assert_allclose(counts(name), PINNED[name]["counts"], atol=2e-5)
