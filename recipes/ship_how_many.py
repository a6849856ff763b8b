"""Train the shipped how-many head, fit its fusions, and write both with a card.

python -m recipes.ship_how_many DIR [--out FILE]

DIR (default: $COUNTING_DATA) contains vqa/cocoqa, vqa/vqa2_subset and ceos/coco2014_counts.npz. The head is
trained on the training questions of COCO-QA and of the VQA v2 subset, except about photos in a valid or test file
or in DIR/coco; one photo in eight of the rest is for validation. The fusions are fitted on the same training
questions, each answered by heads that were not trained on its photo (cross-fitting).
"""

import argparse
import os
import zlib
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import Tensor

from counting.networks.zoo import find_counter
from counting.questions.how_many.evidence import sure
from counting.questions.how_many.fusion import Fusion, fit_fusion
from counting.questions.how_many.head import HeadCommittee
from counting.questions.how_many.model import FUSIONS, HOW_MANY_FILE, HowMany, save_how_many
from counting.tables.table_files import read_table
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.coco import load_coco
from counting_datasets.errors import CountingError
from counting_datasets.questions import Question, count_qa, load_cocoqa, load_vqa
from recipes.head_training import Answered, Truth, answered, hold_out, train_head
from recipes.simulated_counter import SimulatedCounter

MEMBERS = 4
FOLDS, FOLD_MEMBERS = 4, 2
"""Number of parts for cross-fitting the fusions, and of heads that are trained for each part on the others."""
SIMULATED = "voc2007-seq-sub-final"
"""Name of the counter whose errors are simulated in training."""
LARGEST_FILE = 8_000_000
"""Largest size in bytes of the weights, which are part of the wheel."""


def questions_of(data: Path) -> dict[str, list[Question]]:
    """Name of a file, such as "cocoqa train" or "vqa2 valid" → its count questions."""
    found = {f"cocoqa {split}": load_cocoqa(data / "vqa" / "cocoqa" / split) for split in ("train", "test")}
    folder = data / "vqa" / "vqa2_subset"
    for split in ("train", "valid", "test"):
        found[f"vqa2 {split}"] = load_vqa(folder / f"questions_{split}.json", folder / f"annotations_{split}.json")
    return {name: [question for question in asked if count_qa(question)] for name, asked in found.items()}


def true_counts(data: Path) -> dict[str, list[float]]:
    """Photo → its 80 true counts, for all of COCO 2014."""
    counts: dict[str, list[float]] = {}
    for split in ("train", "val", "test"):
        table = read_table(f"{data / 'ceos' / 'coco2014_counts.npz'}:{split}").in_categories(COCO_CATEGORIES)
        counts |= zip(table.images, table.counts.tolist(), strict=True)
    return counts


def held_out_photos(data: Path, questions: dict[str, list[Question]]) -> set[str]:
    """The photos of questions in a valid or test file, and those in ``data``/coco."""
    photos = {question.image for name, asked in questions.items() if "train" not in name for question in asked}
    return photos.union(*(_numbers(file) for file in (data / "coco" / "annotations").glob("instances_*.json")))


def _numbers(annotations: Path) -> set[str]:
    return {scene.number for scene in load_coco(annotations, annotations.parent, split="")}


def simulated(truth: dict[str, list[float]], counter: str = SIMULATED) -> SimulatedCounter:
    """The simulation of a counter of the zoo on COCO."""
    checkpoint = find_counter(counter, "cpu")
    if checkpoint.calibration is None:
        raise CountingError(f"{counter} is not calibrated, choose a counter with a calibration to simulate")
    return SimulatedCounter(
        checkpoint.calibration, checkpoint.counter.categories, torch.tensor(list(truth.values()))
    )


def ship(data: Path, out: Path, members: int = MEMBERS) -> HowMany:
    """Train the head, fit the fusions, and write both to ``out``.

    Raises:
        CountingError: files are missing or inconsistent, or the weights are too large.
    """
    questions, truth = questions_of(data), true_counts(data)
    held_out = held_out_photos(data, questions)
    learned, left = hold_out(questions["cocoqa train"] + questions["vqa2 train"], held_out)
    counter = simulated(truth)
    committee = _committee(answered(learned, truth), counter, members, "learning")
    commonest = Counter(question.answer for question in learned).most_common(1)[0][0] or 0
    model = HowMany(committee, _fusions(learned, truth, counter), commonest, _card(learned, left, members))
    save_how_many(model, out)
    if out.stat().st_size > LARGEST_FILE:
        out.unlink()
        raise CountingError(f"{out.name}: it takes more than {LARGEST_FILE:,} bytes")
    return model


def _committee(data: Answered, counter: SimulatedCounter, members: int, what: str) -> HeadCommittee:
    committee = HeadCommittee(members)
    for seed in range(members):
        committee.members[seed] = train_head(data, counter, seed, what=f"{what}, head {seed + 1} of {members}")
    # rounded to half precision, like the shipped file
    return committee.half().float().eval()


def _fusions(learned: Sequence[Question], truth: Truth, counter: SimulatedCounter) -> dict[str, Fusion]:
    """The fusions, fitted with true and with simulated counts to answers of heads not trained on these photos."""
    found: list[tuple[dict[str, Tensor], Tensor]] = []
    targets: list[Tensor] = []
    for fold in range(FOLDS):
        others = answered([question for question in learned if _fold_of(question) != fold], truth)
        asked = answered([question for question in learned if _fold_of(question) == fold], truth)
        committee = _committee(others, counter, FOLD_MEMBERS, f"without part {fold + 1} of {FOLDS}")
        model = HowMany(committee, fusions={}, commonest=0, card={})
        for evidence in (sure(asked.true), counter.draw(asked.true, torch.Generator().manual_seed(0))):
            found.append(model.experts(asked.encoded, evidence))
            targets.append(asked.target)
    signs, target = torch.cat([signs for _, signs in found]), torch.cat(targets)
    return {
        name: fit_fusion([torch.cat([experts[part] for experts, _ in found]) for part in parts], signs, target)
        for name, parts in FUSIONS.items()
    }


def _fold_of(question: Question) -> int:
    """The part of a question; all questions about a photo are in the same part."""
    return zlib.crc32(f"fold {question.image}".encode()) % FOLDS


def _card(learned: Sequence[Question], left: Sequence[Question], members: int) -> dict[str, object]:
    return {
        "trained_on": "how-many questions of COCO-QA train and a VQA v2 train subset, true counts of COCO 2014",
        "questions": len(learned),
        "chosen_on": len(left),
        "members": members,
        "simulated_counter": SIMULATED,
        "command": "python -m recipes.ship_how_many DIR",
    }


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, nargs="?", default=Path(os.environ.get("COUNTING_DATA", ".")))
    parser.add_argument("--out", type=Path, default=HOW_MANY_FILE)
    arguments = parser.parse_args()
    ship(arguments.data, arguments.out)
    print(f"wrote {arguments.out}")
