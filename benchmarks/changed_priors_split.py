"""Split VOC 2007 trainval so that typical counts and co-occurrence differ between training and test photos.

Every pair of a category and a fact about it (there are several of it; another category is present too) is assigned
to training or test. A photo with the fact votes for that side, a photo of the category without it for the other.
The half of the photos with most votes for training is the training half, so a counter that relies on habit (where
there is a horse there is a person; chairs come in fours) is wrong in testing. A random seventh of the training
half is val. (After VQA-CP: Agrawal et al., "Don't just assume; look and answer", CVPR 2018.)

    python benchmarks/changed_priors_split.py [--root DIR] OUT

OUT becomes a folder in VOC's layout, with links to the photos and annotations in DIR: `counting train
voc2007/seq_sub data.name=voc data.root=OUT`, then `counting evaluate RUN --data voc --root OUT --split test`. It
prints, for each category and side, the share of its photos with two or more of it, and with a person.
"""

import argparse
import zlib
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from counting_datasets.catalog import Place, load
from counting_datasets.protocol import Protocol

VAL = 7
SEVERAL = 2.0
"""The weight of a fact about a count, relative to one about another category."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--root", type=Path, help="folder of VOC 2007 (default: $COUNTING_DATA)")
    arguments = parser.parse_args()
    scenes = [scene for scene in load("voc2007", "trainval", Place(arguments.root)) if scene.path.is_file()]
    counts = np.stack([scene.counts(Protocol.parse("all", "voc")) for scene in scenes])
    in_training = speaks_for_training(counts) > 0
    names = [scene.id for scene in scenes]
    order = sorted(range(len(names)), key=lambda row: zlib.crc32(names[row].encode()))
    training = [row for row in order if in_training[row]]
    rows = {
        "val": training[: len(training) // VAL],
        "train": training[len(training) // VAL :],
        "test": [row for row in order if not in_training[row]],
    }
    write(
        arguments.out, scenes[0].path.parent.parent, {split: [names[row] for row in rows[split]] for split in rows}
    )
    print_priors(scenes[0].categories, counts[rows["train"]], counts[rows["test"]])


def speaks_for_training(counts: NDArray[np.int64]) -> NDArray[np.float64]:
    """N×K counts → N numbers, 1 for the training half of the photos and −1 for the other."""
    present = (counts > 0).astype(np.float64)
    sides = np.random.default_rng(0).choice([-1.0, 1.0], (counts.shape[1], counts.shape[1]))
    score = np.zeros(len(counts))
    for category, side in enumerate(sides):
        here = present[:, category] > 0
        facts = present[here]
        facts[:, category] = SEVERAL * (counts[here, category] > 1)
        score[here] += (facts - facts.mean(axis=0)) @ side
    found = np.full(len(counts), -1.0)
    found[np.argsort(score, kind="stable")[len(counts) // 2 :]] = 1.0
    return found


def write(out: Path, root: Path, names: dict[str, list[str]]) -> None:
    """Write the image sets, and links to the photos and annotations."""
    sets = out / "ImageSets" / "Main"
    sets.mkdir(parents=True, exist_ok=True)
    for split, of_split in names.items():
        (sets / f"{split}.txt").write_text("".join(f"{name}\n" for name in sorted(of_split)), encoding="utf-8")
    for folder in ("JPEGImages", "Annotations"):
        link = out / folder
        if not link.exists():
            link.symlink_to((root / folder).resolve(), target_is_directory=True)


def print_priors(categories: tuple[str, ...], train: NDArray[np.int64], test: NDArray[np.int64]) -> None:
    print(f"{len(train)} photos to train on, {len(test)} to test on")
    print(f"{'':12} {'photos':>12} {'two or more':>14} {'with a person':>14}")
    person = categories.index("person")
    for category, name in enumerate(categories):
        sides = [side[side[:, category] > 0] for side in (train, test)]
        several = " ".join(f"{(side[:, category] > 1).mean():6.2f}" for side in sides)
        company = " ".join(f"{(side[:, person] > 0).mean():6.2f}" for side in sides)
        print(f"{name:12} {len(sides[0]):5} {len(sides[1]):6} {several:>14} {company:>14}")


if __name__ == "__main__":
    main()
