"""Where the answer to a question comes from in the photo."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from counting.cli import main
from counting.explain.answers import answer_logits
from counting.models.zoo import BEST, find_counter
from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import from_counts
from counting.questions.how_many.model import shipped


def test_the_logits_are_the_heads_for_the_calibrated_counts_and_reach_the_cells() -> None:
    checkpoint = find_counter(BEST, "cpu")
    assert checkpoint.calibration is not None
    categories = checkpoint.counter.categories
    questions = encode(read_questions(["how many dogs are there?"]))
    raw = torch.rand(1, 9, len(categories), generator=torch.Generator().manual_seed(0)) - 0.3
    raw.requires_grad_()
    found = answer_logits(shipped(), questions, checkpoint.calibration, categories)(raw)
    counts = raw.detach().clamp(min=0).sum(dim=1).double().numpy()
    evidence = from_counts(categories, counts, checkpoint.calibration.distribution(counts))
    heads = [head(questions, evidence) for head in shipped().committee.members]
    assert torch.allclose(found, torch.stack(heads).mean(dim=0), atol=1e-3)
    (gradient,) = torch.autograd.grad(found[0, 2], raw)
    dog = categories.index("dog")
    assert (gradient[0, :, dog] != 0).all(), "cells below 0 too: counts are explained unclipped"


def test_an_answer_is_explained_on_the_photo(
    data_root: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = data_root / "VOCdevkit" / "VOC2007" / "JPEGImages" / "000001.jpg"
    asked = ["explain", str(photo), "--question", "how many dogs are there?", "--out", str(tmp_path), "--json"]
    assert main(asked) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert found["said"].startswith("how many dogs are there? ")
    values = np.load(tmp_path / "000001-answer.npy")
    assert values.shape == (500, 353)
    assert values.max() == 1
    assert (tmp_path / "000001-answer-figure.png").is_file()


def test_what_cannot_be_answered_cannot_be_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = Path(__file__).parents[1] / "docs" / "gallery" / "cat.jpg"
    assert main(["explain", str(photo), "--question", "what colour is the dog?", "--out", str(tmp_path)]) == 2
    assert main(["explain", str(photo), "--out", str(tmp_path)]) == 2
    assert "--category NAME or --question" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
