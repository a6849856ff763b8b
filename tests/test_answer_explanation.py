"""Where the answer to a question comes from in the photo."""

import copy
import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from counting.cli import main
from counting.explain.answer_explanation import answer_logits, explain_answer, on_device
from counting.explain.count_explanation import explain_photo
from counting.networks.zoo import BEST, find_counter
from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import Evidence, from_counts
from counting.questions.how_many.model import shipped
from counting_datasets.photo import open_photo

GALLERY = Path(__file__).parents[1] / "docs" / "gallery"


def test_the_logits_are_the_heads_for_the_calibrated_counts_and_reach_the_cells() -> None:
    checkpoint = find_counter(BEST, "cpu")
    assert checkpoint.calibration is not None
    categories = checkpoint.counter.categories
    questions = encode(read_questions(["how many dogs are there?"]))
    raw = torch.rand(1, 9, len(categories), generator=torch.Generator().manual_seed(0)) - 0.3
    raw.requires_grad_()
    found = answer_logits(shipped().committee, questions, checkpoint.calibration, categories)(raw)
    counts = raw.detach().clamp(min=0).sum(dim=1).double().numpy()
    evidence = from_counts(categories, counts, checkpoint.calibration.distribution(counts))
    heads = [head(questions, evidence) for head in shipped().committee.members]
    assert torch.allclose(found, torch.stack(heads).mean(dim=0), atol=1e-3)
    (gradient,) = torch.autograd.grad(found[0, 2], raw)
    dog = categories.index("dog")
    assert (gradient[0, :, dog] != 0).all(), "cells below 0 too: counts are explained unclipped"


def test_all_that_makes_the_logits_computes_on_the_calibrations_device() -> None:
    """Meta tensors stand in for a second device; what depends on values cannot run on them."""
    heads = copy.deepcopy(shipped().committee).to("meta")
    questions = on_device(encode(read_questions(["how many dogs are there?"])), torch.device("meta"))
    assert all(getattr(questions, one.name).is_meta for one in fields(questions))
    evidence = Evidence(torch.zeros(1, 80, 21, device="meta"), torch.ones(1, 80, dtype=torch.bool, device="meta"))
    assert evidence.expected.is_meta
    assert all(tensor.is_meta for tensor in (*heads.parameters(), *heads.buffers()))


def explained(arguments: list[str], out: Path, capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    assert main(["explain", str(GALLERY / "dogs.jpg"), *arguments, "--out", str(out), "--json"]) == 0
    (found,) = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


def test_a_question_is_explained_by_the_evidence_for_the_count_it_asks_for(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = explained(["--question", "how many dogs are there?"], tmp_path, capsys)
    counted = explained(["--category", "dog"], tmp_path, capsys)
    assert asked["heading"].startswith("how many dogs are there? ")
    assert asked["count_raw"] == pytest.approx(counted["count_raw"], abs=1e-5)
    answer, dog = (np.load(tmp_path / f"dogs-{name}.npy") for name in ("answer", "dog"))
    assert answer.max() == 1
    np.testing.assert_allclose(answer, dog, atol=1e-5)
    assert (tmp_path / "dogs-answer-figure.png").is_file()


def test_a_question_about_several_categories_is_explained_by_their_sum() -> None:
    checkpoint, photo = find_counter(BEST, "cpu"), open_photo(GALLERY / "dogs.jpg")
    found = explain_answer(checkpoint, photo, "how many cats and dogs are there?")
    apart = explain_photo(checkpoint.counter, photo, ["cat", "dog"])
    assert found.score == pytest.approx(sum(one.score for one in apart), abs=1e-5)
    assert found.subject.evidence == "evidence for cat + dog"


def test_the_answers_own_score_is_explained_on_request_and_says_what_it_means(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    question = ["--question", "how many dogs are there?"]
    found = explained([*question, "--answer-score"], tmp_path, capsys)
    assert found["answer_score"] != found["count_raw"]
    assert main(["explain", str(GALLERY / "dogs.jpg"), *question, "--answer-score", "--out", str(tmp_path)]) == 0
    assert "This is not where objects were counted" in capsys.readouterr().out
    assert main(["explain", str(GALLERY / "dogs.jpg"), "--category", "dog", "--answer-score"]) == 2


def test_a_question_is_explained_after_its_models_were_loaded_in_inference_mode() -> None:
    photo = open_photo(GALLERY / "dogs.jpg")
    shipped.cache_clear()
    with torch.inference_mode():
        checkpoint = find_counter(BEST, "cpu")
        found = explain_answer(checkpoint, photo, "how many dogs are there?", score=True)
    shipped.cache_clear()
    assert found.map.max() == 1


def test_what_cannot_be_answered_cannot_be_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    photo = GALLERY / "cat.jpg"
    assert main(["explain", str(photo), "--question", "what colour is the dog?", "--out", str(tmp_path)]) == 2
    assert main(["explain", str(photo), "--out", str(tmp_path)]) == 2
    assert "--category NAME or --question" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
