"""What the question generator may see and say, how it is trained and stored, and what comes of it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from counting.questions.generator.decoding import DiversityName, Method, MethodName
from counting.questions.generator.files import GENERATOR_FILE, load_generator, save_generator
from counting.questions.generator.network import QuestionGenerator
from counting.questions.generator.tokens import Mark, WordTokens, as_text, question_words
from counting.questions.parsing.parser import QuestionParser
from counting.search.beams import Beam
from counting.search.sampling import sample
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import CountingError
from recipes.distinct import distinct
from recipes.question_data import (
    AskedQuestion,
    Lesson,
    load_other_questions,
    load_training_questions,
    other_lessons,
)
from recipes.train_questions import Stage, draw_known, pack, train, voc_known

WORDS = ("how", "many", "dogs", "people", "are", "there", "'s")


@pytest.fixture(scope="module")
def generator() -> QuestionGenerator:
    torch.manual_seed(0)
    return QuestionGenerator(WordTokens(WORDS), COCO_CATEGORIES, width=8, hidden=12).eval()


@pytest.fixture(scope="module")
def shipped() -> QuestionGenerator:
    return load_generator()


def counts_of(categories: tuple[str, ...], **counts: int) -> Tensor:
    """1×K."""
    return torch.tensor([[float(counts.get(name, 0)) for name in categories]])


class TestWords:
    def test_a_question_is_its_words(self) -> None:
        text = "How many T-shirts don't fit the man's dogs?"
        words = ["how", "many", "t-shirts", "don't", "fit", "the", "man", "'s", "dogs"]
        assert question_words(text) == question_words("how many t-shirts don’t fit the man 's dogs ?") == words
        assert as_text(words) == "How many t-shirts don't fit the man's dogs?"

    def test_tokens_are_words_again_and_unknown_words_none(self) -> None:
        vocabulary = WordTokens(WORDS)
        tokens = vocabulary.encode(["how", "many", "dogs"])
        assert tokens == [3, 4, 5]
        assert vocabulary.decode(tokens) == ["how", "many", "dogs"]
        assert vocabulary.encode(["how", "many", "unicorns"]) is None

    def test_rare_words_are_left_out_and_common_ones_come_first(self) -> None:
        vocabulary = WordTokens.of([["b", "a", "a"], ["a", "b", "c"]], least=2)
        assert vocabulary.words == ("a", "b")


class TestGenerator:
    def test_the_count_of_an_unknown_category_changes_nothing(self, generator: QuestionGenerator) -> None:
        tokens = torch.tensor([[Mark.PEOPLE, 3, 4, 5]])
        counts, known = counts_of(COCO_CATEGORIES, dog=2, person=1), torch.ones(1, 80, dtype=torch.bool)
        known[0, COCO_CATEGORIES.index("dog")] = False
        for hidden in (0.0, 7.0, -1.0, float("nan")):
            changed = counts.clone()
            changed[0, COCO_CATEGORIES.index("dog")] = hidden
            assert torch.equal(generator(tokens, changed, known), generator(tokens, counts, known))
        changed = counts_of(COCO_CATEGORIES, dog=2, person=5)
        assert not torch.equal(generator(tokens, changed, known), generator(tokens, counts, known))

    def test_not_to_know_is_not_to_see_none(self, generator: QuestionGenerator) -> None:
        tokens, none = torch.tensor([[Mark.PEOPLE]]), torch.zeros(1, 80)
        known, unknown = torch.ones(1, 80, dtype=torch.bool), torch.zeros(1, 80, dtype=torch.bool)
        assert not torch.equal(generator(tokens, none, known), generator(tokens, none, unknown))

    def test_step_by_step_is_all_at_once(self, generator: QuestionGenerator) -> None:
        counts = torch.cat([counts_of(COCO_CATEGORIES, dog=2), counts_of(COCO_CATEGORIES, person=9)])
        start, state = generator.prompt(counts, known := torch.ones(2, 80, dtype=torch.bool))
        assert start.tolist() == [[Mark.PEOPLE, 3, 4]] * 2
        tokens = torch.cat([start, torch.tensor([[5, 7], [6, 8]])], dim=1)
        whole = generator(tokens, counts, known)
        assert whole.shape == (2, 5, len(generator.vocabulary))
        for length in (3, 4, 5):
            log_probs, state = generator.step(tokens[:, :length], state)
            assert torch.allclose(log_probs, whole[:, length - 1], atol=1e-6)

    @torch.no_grad()
    def test_it_never_says_how_a_question_begins(self, generator: QuestionGenerator) -> None:
        log_probs, _ = generator.step(*generator.prompt(torch.zeros(1, 80), torch.ones(1, 80, dtype=torch.bool)))
        assert log_probs[0, [Mark.PEOPLE, Mark.CAPTIONS]].tolist() == [-torch.inf] * 2
        assert float(log_probs.exp().sum()) == pytest.approx(1, abs=1e-5)

    def test_a_counters_own_categories_are_put_in_their_places(self, generator: QuestionGenerator) -> None:
        counts, known = generator.place(torch.tensor([[3.0, 4.0, 5.0]]), ("sofa", "dog", "unicorn"))
        assert counts[0, [COCO_CATEGORIES.index("couch"), COCO_CATEGORIES.index("dog")]].tolist() == [3, 4]
        assert (float(counts.sum()), int(known.sum())) == (7, 2)
        assert int(generator.place(torch.zeros(1, 20), VOC_CATEGORIES)[1].sum()) == 20
        with pytest.raises(CountingError, match="none of the counter's categories"):
            generator.place(torch.zeros(1, 1), ("unicorn",))


class TestFiles:
    def test_what_is_written_is_read_again(self, generator: QuestionGenerator, tmp_path: Path) -> None:
        save_generator(generator, tmp_path / "mine.safetensors", {})
        read = load_generator(tmp_path / "mine.safetensors")
        assert read.vocabulary.words == WORDS
        assert read.categories == COCO_CATEGORIES
        assert torch.equal(read.bias, generator.bias.half().float())

    def test_what_is_no_generator_is_refused_in_one_line(self, tmp_path: Path) -> None:
        broken = tmp_path / "broken.safetensors"
        broken.write_bytes(GENERATOR_FILE.read_bytes()[:100_000])
        counter = GENERATOR_FILE.parents[1] / "voc2007-glance.safetensors"
        for path, says in (
            (broken, "corrupt or truncated"),
            (counter, "not a question generator"),
            (tmp_path / "no", "no such"),
        ):
            with pytest.raises(CountingError, match=says) as refused:
                load_generator(path)
            assert "\n" not in str(refused.value)

    def test_the_one_that_ships_is_small(self) -> None:
        assert GENERATOR_FILE.stat().st_size <= 10_000_000


class TestMethods:
    @pytest.mark.parametrize("name", ["beam", "diverse", "sample"])
    @pytest.mark.parametrize("categories", [COCO_CATEGORIES, VOC_CATEGORIES], ids=["COCO", "VOC"])
    def test_of_dogs_and_people_it_asks(
        self, shipped: QuestionGenerator, categories: tuple[str, ...], name: MethodName
    ) -> None:
        counts = counts_of(categories, dog=2, person=3)
        beams = Method(name)(shipped, *shipped.prompt(*shipped.place(counts, categories)))[0]
        texts = [shipped.text(beam) for beam in beams]
        readings = [QuestionParser(categories)(text) for text in texts]
        assert len(texts) == 20
        assert sum(reading.refusal is None for reading in readings) >= 18
        named = {name for reading in readings for name in reading.categories}
        assert "dog" in named
        assert "person" in named or name == "beam", "beam search may spend all 20 on the likeliest thing"
        assert all(text.startswith("How many ") and text.endswith("?") for text in texts if text)

    @pytest.mark.parametrize("diversity", ["hamming", "cumulative", "ngram", "embedding"])
    def test_diversity_changes_the_first_word_asked_for(
        self, shipped: QuestionGenerator, diversity: DiversityName
    ) -> None:
        start, state = shipped.prompt(*shipped.place(counts_of(COCO_CATEGORIES, dog=2, person=3), COCO_CATEGORIES))
        alike, unlike = (
            Method("diverse", 5, 5, diversity, strength)(shipped, start, state)[0] for strength in (0, 9)
        )
        assert len({beam.tokens for beam in alike}) == 1
        assert len({beam.tokens[:1] for beam in unlike}) == 5
        assert max(beam.log_prob for beam in unlike) == pytest.approx(alike[0].log_prob)

    def test_in_the_style_of_captions_it_asks_longer_and_differs_less_by_default(
        self, shipped: QuestionGenerator
    ) -> None:
        placed = shipped.place(counts_of(COCO_CATEGORIES, dog=2, person=3), COCO_CATEGORIES)
        people, captions = (
            Method(mark=mark)(shipped, *shipped.prompt(*placed, mark))[0] for mark in (Mark.PEOPLE, Mark.CAPTIONS)
        )
        same = Method(strength=0.35)(shipped, *shipped.prompt(*placed, Mark.CAPTIONS))[0]
        assert captions == same
        assert sum(beam.length for beam in captions) > 1.3 * sum(beam.length for beam in people)

    def test_what_is_drawn_depends_on_the_seed_alone(self, shipped: QuestionGenerator) -> None:
        placed = shipped.prompt(*shipped.place(counts_of(COCO_CATEGORIES, dog=2, person=3), COCO_CATEGORIES))
        first, again, other = (Method("sample", seed=seed)(shipped, *placed) for seed in (1, 1, 2))
        assert first == again != other
        assert [beam.log_prob for beam in first[0]] == sorted((beam.log_prob for beam in first[0]), reverse=True)

    @pytest.mark.parametrize(
        ("arguments", "says"),
        [
            ({"beams": 0}, "beams: must be at least 1"),
            ({"beams": 20, "groups": 3}, "beams: 20 cannot be divided into 3"),
            ({"beams": 2, "groups": 4}, "groups: 2 beams cannot be divided into 4 groups"),
            ({"groups": 0}, "groups: must be at least 1"),
            ({"strength": -1.0}, "strength: must be 0 or more"),
            ({"name": "beam", "groups": 2}, "groups: applies only to the method diverse"),
            ({"name": "sample", "strength": 0.0}, "strength: applies only to the method diverse"),
            ({"name": "beam", "diversity": "ngram"}, "diversity: applies only to the method diverse"),
            ({"seed": 1}, "seed: applies only to the method sample"),
        ],
    )
    def test_a_wrong_argument_is_named(self, arguments: dict[str, object], says: str) -> None:
        with pytest.raises(CountingError, match=says):
            Method(**arguments)  # type: ignore[arg-type]

    def test_samples_come_as_often_as_they_are_probable(self) -> None:
        def step(tokens: Tensor, state: None) -> tuple[Tensor, None]:
            return torch.tensor([[0.3, 0.0, 0.7]]).log().expand(len(tokens), -1), None

        drawn = sample(step, torch.ones(1, 1).long(), None, 4000, 2, 0, torch.Generator().manual_seed(0))[0]
        shares = {tokens: sum(beam.tokens == tokens for beam in drawn) / 4000 for tokens in ((), (2,), (2, 2))}
        assert shares == pytest.approx({(): 0.3, (2,): 0.21, (2, 2): 0.49}, abs=0.03)
        assert drawn[0] == Beam((2, 2), False, 0, *[pytest.approx(np.log(0.49))] * 2)
        assert drawn[-1].log_prob == pytest.approx(np.log(0.21))
        with pytest.raises(CountingError, match="number"):
            sample(step, torch.ones(1, 1).long(), None, 0, 2, 0, torch.Generator())


class TestTraining:
    @staticmethod
    def lesson(text: str, **counts: int) -> Lesson:
        there = counts_of(COCO_CATEGORIES, **counts)[0].numpy()
        return Lesson(tuple(text.split()), Mark.PEOPLE, there, there > 0)

    def test_it_learns_to_ask_for_what_is_there_and_the_same_from_the_same_seed(self) -> None:
        taught = [self.lesson("how many dogs", dog=2), self.lesson("how many people are there", person=1)] * 40
        stage = Stage(epochs=14, rate=4e-3, dropout=0.2, smoothing=0.1)
        first, again = (train(taught, taught[:2], seed=3, stage=stage) for _ in range(2))
        assert first.loss == again.loss
        assert torch.equal(first.generator.bias, again.generator.bias)
        for name, text in (("dog", "How many dogs?"), ("person", "How many people are there?")):
            generator = first.generator
            placed = generator.place(counts_of(COCO_CATEGORIES, **{name: 1}), COCO_CATEGORIES)
            assert generator.text(Method("beam", 1)(generator, *generator.prompt(*placed))[0][0]) == text

    @pytest.mark.parametrize("smoothing", [0.0, 0.2])
    def test_the_loss_is_of_words_and_of_the_end_and_a_share_of_it_of_all_that_may_be_said(
        self, generator: QuestionGenerator, smoothing: float
    ) -> None:
        asked = [self.lesson("how many dogs", dog=1), self.lesson("how many people are there", person=3)]
        batch, known = pack(asked, generator.vocabulary), torch.ones(2, 80, dtype=torch.bool)
        lines = [[Mark.PEOPLE, 3, 4, 5, Mark.END], [Mark.PEOPLE, 3, 4, 6, 7, 8, Mark.END]]
        losses = []
        for row, line in enumerate(lines):
            with torch.no_grad():
                log_probs = generator(torch.tensor([line[:-1]]), batch.counts[[row]], known[[row]])[0].numpy()
            for said, then in zip(log_probs, line[1:], strict=True):
                may_be_said = said[np.isfinite(said)]
                assert len(may_be_said) == len(said) - 2, "a question begins but once"
                losses.append(-(1 - smoothing) * said[then] - smoothing * may_be_said.mean())
        assert batch.loss(generator, known, smoothing).item() == pytest.approx(np.mean(losses), rel=1e-5)

    def test_a_question_that_no_count_answers_is_about_all_that_is_there(self) -> None:
        seen = counts_of(COCO_CATEGORIES, dog=2, person=1)[0].numpy()
        asked = [
            AskedQuestion("7", "What is on the grass?", Mark.CAPTIONS),
            AskedQuestion("7", "what " * 16, Mark.PEOPLE),
        ]
        learned = other_lessons(asked, {"7": seen})
        assert [(each.words, each.mark) for each in learned] == [
            (("what", "is", "on", "the", "grass"), Mark.CAPTIONS)
        ]
        assert [COCO_CATEGORIES[place] for place in learned[0].about.nonzero()[0]] == ["person", "dog"]

    def test_from_other_questions_it_learns_words(self) -> None:
        taught = [self.lesson("how many dogs", dog=2)] * 8
        others = [self.lesson("what is on the grass", dog=2)] * 8
        trained = train(taught, taught[:2], seed=0, others=others)
        assert (trained.questions, trained.others) == (8, 8)
        assert {"grass", "dogs"} < set(trained.generator.vocabulary.words)

    def test_what_answers_a_question_is_always_known(self) -> None:
        about = torch.zeros(300, 80, dtype=torch.bool)
        about[:150, COCO_CATEGORIES.index("zebra")] = True
        about[150:, COCO_CATEGORIES.index("dog")] = True
        known = draw_known(about, torch.Generator().manual_seed(0))
        assert bool((known | ~about).all())
        assert {20, 80} < set(known[150:].sum(dim=1).tolist())
        assert voc_known(about).sum(dim=1).tolist() == [80] * 150 + [20] * 150

    def test_questions_with_unknown_words_are_left_out(self) -> None:
        packed = pack(
            [self.lesson("how many dogs", dog=1), self.lesson("how many cats", cat=1)], WordTokens(WORDS)
        )
        assert packed.tokens[:, :5].tolist() == [[Mark.PEOPLE, 3, 4, 5, Mark.END]]
        assert packed.lengths.tolist() == [4]
        with pytest.raises(CountingError, match="no questions that counts can answer"):
            pack([self.lesson("how many cats", cat=1)], WordTokens(WORDS))
        with pytest.raises(CountingError, match="no questions that counts can answer"):
            train([], [], seed=0)

    def test_no_photo_is_in_two_splits(self, data_root: Path) -> None:
        splits = load_training_questions(data_root)
        photos = {split: {each.image for each in questions} for split, questions in splits.items()}
        assert photos["train"].isdisjoint(photos["valid"] | photos["test"])
        assert photos["valid"].isdisjoint(photos["test"])
        assert {split: len(each) for split, each in splits.items()} == {
            "train": 17714,
            "valid": 1798,
            "test": 5512,
        }

    def test_of_other_questions_none_is_of_a_photo_held_out_or_asks_how_many(self, data_root: Path) -> None:
        splits = load_training_questions(data_root)
        held_out = {each.image for split in ("valid", "test") for each in splits[split]}
        others = load_other_questions(data_root, held_out)
        assert len(others) > 100_000
        assert held_out.isdisjoint(each.image for each in others)
        assert not any(each.text.lower().startswith("how many") for each in others)


class TestDistinct:
    def test_different_n_grams_over_words(self) -> None:
        sequences = [["a", "b", "a"], ["a", "b", "c"], ["b"]]
        assert [distinct(sequences, n) for n in (1, 2, 3, 4)] == [3 / 7, 3 / 7, 2 / 7, 0]
        assert distinct([["a"]] * 4, 1) == 1 / 4

    def test_of_nothing_it_is_nothing(self) -> None:
        assert distinct([], 1) == distinct([[]], 1) == 0
        with pytest.raises(CountingError, match="n: "):
            distinct([["a"]], 0)
