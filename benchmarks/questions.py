"""Parse and count: "how many …?" answered from true counts, on COCO-QA test and the VQA v2 subset; and its speed.

    python benchmarks/questions.py [--data DIR] [--train] [--fit]

DIR (else $COUNTING_DATA) holds vqa/cocoqa, vqa/vqa2_subset and ceos/coco2014_counts.npz. Questions are those of
Count-QA: they start with "how many", and a number answers them. A question is *mapped* if it asks for a number of
things of some category, not of something else ("how many people are wearing hats?", "… can sit here?"). It is
*answered* if counts give that number, which they do not for "red cars". Baselines need no photo.
--train reports the training questions instead of COCO-QA's test and VQA's valid and test. --fit also fits the
threshold of word similarity, on the training questions.
"""

import argparse
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from counting.questions.how_many.scores import NounMode, score_answers
from counting.questions.parsing.parser import QuestionParser
from counting.questions.parsing.reading import Reading
from counting.questions.parsing.similarity import fit_threshold
from counting.questions.parsing.vocabulary import Vocabulary
from counting.tables.table_files import read_table
from counting.utils.inflection import singular
from counting_datasets.categories import COCO_CATEGORIES
from counting_datasets.questions import Question, count_qa, load_cocoqa, load_vqa

Counts = Mapping[str, Mapping[str, float]]


def cocoqa(data: Path, split: str) -> list[Question]:
    return [question for question in load_cocoqa(data / "vqa" / "cocoqa" / split) if count_qa(question)]


def vqa2(data: Path, split: str) -> list[Question]:
    folder = data / "vqa" / "vqa2_subset"
    loaded = load_vqa(folder / f"questions_{split}.json", folder / f"annotations_{split}.json")
    return [question for question in loaded if count_qa(question)]


def true_counts(data: Path) -> Counts:
    """Photo → category → true count, for all of COCO 2014."""
    counts = {}
    for split in ("train", "val", "test"):
        table = read_table(f"{data / 'ceos' / 'coco2014_counts.npz'}:{split}")
        for image, row in zip(table.images, table.counts.tolist(), strict=True):
            counts[image] = dict(zip(table.categories, row, strict=True))
    return counts


def report(name: str, train: Sequence[Question], test: Sequence[Question], counts: Counts) -> None:
    """The rows of one data set: parse and count, and baselines, on mapped and on all questions."""
    parser = QuestionParser(COCO_CATEGORIES)
    asked = [(question, parser(question.text)) for question in test]
    mode = NounMode((parser(question.text).noun, question.answer or 0) for question in train)
    answerers: dict[str, Callable[[Question, Reading], float]] = {
        "parse and count": lambda question, reading: reading.count(counts[question.image]),
        "always 1": lambda question, reading: 1,
        "always 2": lambda question, reading: 2,
        "mode per noun": lambda question, reading: mode(reading.noun),
    }
    selections = {
        "answered": [pair for pair in asked if pair[1].refusal is None],
        "mapped": [pair for pair in asked if pair[1].mapped],
        "all": asked,
    }
    print(f"\n{name}: {len(asked):,} questions")
    print(f"{'':28}{'share':>8}{'exact':>8}{'within 1':>10}{'RMSE':>8}{'VQA acc.':>10}")
    for selection, pairs in selections.items():
        for answerer, answer in answerers.items():
            if selection == "all" and answerer == "parse and count":
                continue
            answers = [answer(question, reading) for question, reading in pairs]
            scores = score_answers(answers, [question for question, _ in pairs])
            print(
                f"{selection + ', ' + answerer:28}{len(pairs) / len(asked):8.3f}{scores.exact:8.3f}"
                f"{scores.within_one:10.3f}{scores.rmse:8.2f}{scores.vqa_accuracy:10.3f}"
            )


def fit(questions: Sequence[Question]) -> float:
    """The threshold of word similarity, fitted on the known nouns of training questions."""
    vocabulary, parser = Vocabulary(COCO_CATEGORIES), QuestionParser(COCO_CATEGORIES)
    nouns = sorted({singular(parser(question.text).noun) for question in questions})
    return fit_threshold(vocabulary, [noun for noun in nouns if noun in vocabulary.nouns and " " not in noun])


def speed(questions: Sequence[Question]) -> float:
    """Questions per second of CPU time, with a new parser."""
    parser = QuestionParser(COCO_CATEGORIES)
    start = time.process_time()
    for question in questions:
        parser(question.text)
    return len(questions) / (time.process_time() - start)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("COUNTING_DATA", ".")))
    parser.add_argument("--fit", action="store_true", help="fit the threshold of word similarity")
    parser.add_argument("--train", action="store_true", help="report the training questions")
    arguments = parser.parse_args()
    data: Path = arguments.data
    counts = true_counts(data)
    cocoqa_train, vqa_train = cocoqa(data, "train"), vqa2(data, "train")
    if arguments.train:
        cocoqa_test, vqa_test = cocoqa_train, vqa_train
    else:
        cocoqa_test, vqa_test = cocoqa(data, "test"), vqa2(data, "valid") + vqa2(data, "test")
    report("COCO-QA", cocoqa_train, cocoqa_test, counts)
    report("VQA v2 subset", vqa_train, vqa_test, counts)
    if arguments.fit:
        print(f"\nthreshold of word similarity: {fit(cocoqa_train + vqa_train):.3f}")
    print(f"\nparsing: {speed(cocoqa_train + vqa_train):,.0f} questions a second on one core")


if __name__ == "__main__":
    main()
