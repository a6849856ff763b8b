"""How many, from a question and counts: the prior, the head, its training and its file."""

from functools import reduce
from itertools import product
from pathlib import Path

import numpy as np
import pytest
import torch
from asked import CAT, DOG, PERSON, asking, photo, table

from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import ANSWERS, at_most, count_prior, from_table, nothing, sure
from counting.questions.how_many.head import HeadCommittee
from counting.questions.how_many.model import HOW_MANY_FILE, HowMany, load_how_many, save_how_many, shipped
from counting.stats.count_distribution import Calibration
from counting.tables.count_table import CountTable
from counting_datasets.categories import COCO_CATEGORIES, VOC_CATEGORIES
from counting_datasets.errors import CountingError, DataError
from counting_datasets.questions import Question
from recipes.head_training import answered, hold_out, train_head
from recipes.simulated_counter import SimulatedCounter


def prior_of(text: str, counts: CountTable) -> np.ndarray:
    questions, evidence = encode(read_questions([text])), from_table(counts)
    return count_prior(questions, evidence)[0].numpy()


class TestPrior:
    def test_is_the_convolution_of_what_is_asked_for(self) -> None:
        rng = np.random.default_rng(0)
        told = rng.dirichlet(np.full(30, 0.3), size=(1, 80)).astype(np.float32)
        counts = CountTable(("0",), COCO_CATEGORIES, np.zeros((1, 80)), distribution=told)
        capped = np.concatenate([told[0, :, :20], told[0, :, 20:].sum(axis=1, keepdims=True)], axis=1)
        whole = reduce(np.convolve, capped[[DOG, CAT, PERSON]].astype(np.float64))
        expected = np.append(whole[:20], whole[20:].sum())
        found = prior_of("how many dogs, cats and people are there?", counts)
        np.testing.assert_allclose(found, expected, atol=1e-6)

    def test_of_a_sure_count_is_that_count(self) -> None:
        counts = table(photo(dog=3, cat=2, motorcycle=4, person=50))
        for text, count in (("dogs", 3), ("dogs and cats", 5), ("bikes", 4), ("animals", 5), ("people", 20)):
            assert prior_of(f"how many {text} are there?", counts).argmax() == count

    def test_of_kinds_is_how_many_categories_are_there(self) -> None:
        assert prior_of("how many kinds of animals?", table(photo(dog=3, cat=2, person=4))).argmax() == 2

    @pytest.mark.parametrize(("boards", "surfers"), [(2, 2), (9, 5), (0, 5)])
    def test_of_people_with_gear_is_no_more_than_of_their_gear(self, boards: int, surfers: int) -> None:
        assert prior_of("how many surfers?", table(photo(person=5, surfboard=boards))).argmax() == surfers

    def test_of_unsure_counts_is_the_distribution_of_the_smaller(self) -> None:
        one, other = np.random.default_rng(0).dirichlet(np.ones(ANSWERS), size=2)
        by_hand = np.zeros(ANSWERS)
        for (a, p), (b, q) in product(enumerate(one), enumerate(other)):
            by_hand[min(a, b)] += p * q
        found = at_most(torch.from_numpy(one), torch.from_numpy(other))
        np.testing.assert_allclose(found.numpy(), by_hand, atol=1e-12)

    @pytest.mark.parametrize("thing", ["windows", "zebras"])
    def test_says_nothing_of_what_is_not_counted(self, thing: str) -> None:
        of_voc = CountTable(("0",), VOC_CATEGORIES, np.ones((1, 20)))
        assert prior_of(f"how many {thing} are there?", of_voc).sum() == 0

    def test_needs_some_category_of_coco(self) -> None:
        with pytest.raises(DataError, match="none of COCO's categories"):
            from_table(CountTable(("0",), ("blob",), np.ones((1, 1))))


class TestSimulatedCounter:
    def simulated(self, true: torch.Tensor) -> SimulatedCounter:
        weights = torch.tensor([4.0, 3.0, 1.0, 0.0, 1.2, 4.0]).expand(20, 6).clone()
        return SimulatedCounter(Calibration(weights, 30), VOC_CATEGORIES, true)

    def test_says_what_is_true_on_average_and_nothing_of_other_categories(self) -> None:
        generator = torch.Generator().manual_seed(0)
        true = torch.poisson(torch.full((4000, 80), 0.7), generator=generator)
        drawn = self.simulated(true).draw(true, generator)
        assert drawn.known.sum(dim=1).unique().tolist() == [20]
        assert not drawn.probability[~drawn.known].any()
        told = drawn.probability[:, PERSON].mean(dim=0)
        occurs = torch.bincount(true[:, PERSON].long(), minlength=ANSWERS) / len(true)
        assert (told - occurs).abs().max() < 0.02
        sure_of_some = drawn.probability[:, PERSON, 0] < 0.1
        assert (true[sure_of_some, PERSON] > 0).float().mean() > 0.85

    def test_is_better_informed_than_the_frequencies_alone(self) -> None:
        generator = torch.Generator().manual_seed(0)
        true = torch.poisson(torch.full((2000, 80), 2.0), generator=generator)
        drawn = self.simulated(true).draw(true, generator)
        assert np.corrcoef(drawn.expected[:, PERSON], true[:, PERSON])[0, 1] > 0.5


class TestTraining:
    def test_photos_are_held_out_whole(self) -> None:
        images = [str(number) for number in range(400)] * 2
        questions = [Question(row, image, "how many?", 1) for row, image in enumerate(images)]
        train, val = hold_out(questions, {"3", "5"})
        in_train, in_val = {one.image for one in train}, {one.image for one in val}
        assert not in_train & in_val
        assert not (in_train | in_val) & {"3", "5"}
        assert len(in_train | in_val) == 398
        assert 20 < len(in_val) < 80

    def test_learns_to_count_what_is_asked_for_the_same_from_the_same_seed(self) -> None:
        rng = np.random.default_rng(0)
        names, rows, questions = ["dog", "cat", "bird", "horse"], {}, []
        for row in range(400):
            counts = dict(zip(names, rng.integers(0, 6, 4).tolist(), strict=True))
            name = names[row % 4]
            rows[str(row)] = photo(**counts)
            questions.append(Question(row, str(row), f"how many {name}s are there?", counts[name]))
        train, test = answered(questions[:320], rows), answered(questions[320:], rows)
        once, again = (train_head(train, None, seed=1, epochs=1) for _ in range(2))
        assert all(torch.equal(a, b) for a, b in zip(once.parameters(), again.parameters(), strict=True))
        head = train_head(train, None, seed=1, epochs=12)
        with torch.no_grad():
            found = head(test.encoded, sure(test.true)).argmax(dim=1)
            blind = head(test.encoded, nothing(80)).argmax(dim=1)
        right = torch.tensor([question.answer for question in test.questions])
        assert (found == right).float().mean() > 0.9
        assert (blind == right).float().mean() < 0.4

    def test_needs_counts_of_every_photo(self) -> None:
        with pytest.raises(CountingError, match="question 0: no counts of photo 7"):
            answered(asking("how many dogs?", images=["7"]), {})


class TestFile:
    def model(self) -> HowMany:
        return HowMany(HeadCommittee(1).eval(), {**shipped().fusions}, 3, {"members": 1})

    def test_comes_back_as_it_was(self, tmp_path: Path) -> None:
        mine, path = self.model(), tmp_path / "mine.safetensors"
        mine.committee.half().float()
        save_how_many(mine, path)
        questions, evidence = (
            encode(read_questions(["how many dogs?", "how many windows?"])),
            sure(torch.ones(2, 80)),
        )
        before, after = (model.answers(questions, evidence) for model in (mine, load_how_many(path)))
        for method, probability in before.items():
            torch.testing.assert_close(after[method], probability, atol=1e-3, rtol=1e-3)
        assert after["prior"][1].argmax() == 3

    def test_damaged_or_another_is_refused_in_one_line(self, tmp_path: Path) -> None:
        path = tmp_path / "how-many.safetensors"
        path.write_bytes(HOW_MANY_FILE.read_bytes()[:-100])
        counter = Path(HOW_MANY_FILE).parents[1] / "voc2007-glance.safetensors"
        for file, says in (
            (path, "corrupt or truncated safetensors"),
            (counter, "not a how-many head"),
            (tmp_path / "x", "no such"),
        ):
            with pytest.raises(CountingError, match=says) as error:
                load_how_many(file)
            assert "\n" not in str(error.value)
