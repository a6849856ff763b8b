"""Scores of answers to questions, and the mode of a noun."""

import pytest

from counting.questions.how_many.scores import NounMode, score_answers
from counting_datasets.errors import CountingError
from counting_datasets.questions import Question


class TestScores:
    questions = [Question(n, "1", "?", answer, ("2",) * 10) for n, answer in enumerate((2, 2, 4, 0))]  # noqa: RUF012

    def test_by_hand(self) -> None:
        scores = score_answers([2, 1.4, 7, 0.5], self.questions)
        assert (scores.exact, scores.within_one) == (0.25, 0.75)
        assert scores.rmse == pytest.approx(((0 + 1 + 9 + 1) / 4) ** 0.5)
        assert scores.vqa_accuracy == 0.25

    def test_need_an_answer_each_and_numbers_to_compare_with(self) -> None:
        with pytest.raises(CountingError, match="3 answers to 4 questions"):
            score_answers([1, 2, 3], self.questions)
        with pytest.raises(CountingError, match="question 9 has no number"):
            score_answers([1], [Question(9, "1", "?", None)])

    def test_the_mode_of_a_noun_else_of_all(self) -> None:
        mode = NounMode([("dogs", 1), ("dogs", 1), ("people", 2), ("people", 3), ("people", 3), ("cats", 3)])
        assert [mode(noun) for noun in ("dogs", "people", "windows")] == [1, 3, 3]
        with pytest.raises(CountingError, match="no training questions"):
            NounMode([])
