"""The fusion of several experts' answers: by hand, fitted, and how far it trusts each."""

import numpy as np
import pytest
import torch

from counting.questions.how_many.encoding import encode, read_questions
from counting.questions.how_many.evidence import ANSWERS, asked_categories, count_prior, sure
from counting.questions.how_many.fusion import DOUBTFUL, SIGNS, Fusion, fit_fusion, signs_of


class TestFusion:
    def experts(self) -> list[torch.Tensor]:
        torch.manual_seed(0)
        return [torch.rand(4, ANSWERS).softmax(dim=1) for _ in range(2)]

    def test_by_hand(self) -> None:
        fusion = Fusion(2)
        with torch.no_grad():
            for parameter in fusion.parameters():
                parameter.normal_()
        experts, signs = self.experts(), torch.randn(4, SIGNS)
        signs[:, 0] = torch.tensor([0.0, 1.0, 0.0, 1.0])
        found = fusion(experts, signs).exp().detach().numpy()
        soft, sigmoid = (lambda x: np.log1p(np.exp(x))), (lambda x: 1 / (1 + np.exp(-x)))
        numbers = np.arange(ANSWERS)
        for row in range(4):
            answers = [expert[row].numpy() for expert in experts]
            outlooks = [[-(p * np.log(p)).sum(), np.log1p(p @ numbers)] for p in answers]
            told = np.concatenate([signs[row, 1:].numpy(), *outlooks])
            certain = signs[row, 0].item()
            of = np.concatenate([certain * told, (1 - certain) * told])
            weights = (value.detach().numpy() for value in fusion.parameters())
            strength, doubt, slope = (np.tensordot(of, value, axes=1) for value in weights)
            product = np.ones(ANSWERS)
            for place, p in enumerate(answers):
                kernel = np.zeros((ANSWERS, ANSWERS))
                for n in range(ANSWERS):
                    for answer in range(ANSWERS):
                        far = np.log((1 + answer) / (1 + n))
                        kernel[n, answer] = np.exp(-soft(slope[place, 0 if far > 0 else 1]) * abs(far))
                kernel /= kernel.sum(axis=1, keepdims=True)
                leak = sigmoid(-2 + doubt[place])
                product *= ((1 - leak) * p + leak * p @ kernel) ** soft(0.5 + strength[place])
            np.testing.assert_allclose(found[row], product / product.sum(), rtol=1e-4)

    def test_an_expert_that_says_nothing_changes_nothing(self) -> None:
        question, _ = self.experts()
        signs = torch.zeros(4, SIGNS)
        alone, beside = Fusion(1)([question], signs), Fusion(2)([question, torch.zeros(4, ANSWERS)], signs)
        torch.testing.assert_close(beside, alone)

    def test_fitted_beats_each_of_two_experts_that_err_apart(self) -> None:
        torch.manual_seed(1)
        true = torch.randint(0, 8, (600,))
        target = torch.nn.functional.one_hot(true, ANSWERS).float()
        experts = [(3 * target + 2 * torch.randn(600, ANSWERS)).softmax(dim=1) for _ in range(2)]
        signs = torch.ones(600, SIGNS)
        fusion = fit_fusion([one[:300] for one in experts], signs[:300], target[:300])
        fused = fusion([one[300:] for one in experts], signs[300:])
        surprise = [-(target[300:] * one[300:].log()).sum(dim=1).mean() for one in experts]
        assert -(target[300:] * fused).sum(dim=1).mean() < min(surprise) - 0.1
        right = [(one[300:].argmax(dim=1) == true[300:]).float().mean() for one in experts]
        assert (fused.argmax(dim=1) == true[300:]).float().mean() > max(right) + 0.05

    def test_fitted_trusts_an_expert_as_far_as_the_question_says(self) -> None:
        torch.manual_seed(2)
        true, signs = torch.randint(0, 8, (600,)), torch.zeros(600, SIGNS)
        signs[:300, -1] = 1
        target = torch.nn.functional.one_hot(true, ANSWERS).float()
        misled = torch.cat([target[:300], target[300:].roll(1, dims=0)])
        fused = fit_fusion([0.9 * misled + 0.1 / ANSWERS], signs, target)([misled], signs).exp()
        assert fused[:300].amax(dim=1).mean() > fused[300:].amax(dim=1).mean() + 0.3

    def test_gradients_pass_through_sure_experts(self) -> None:
        sure_of_2 = torch.eye(ANSWERS)[[2]].requires_grad_()
        Fusion(1)([sure_of_2], torch.ones(1, SIGNS))[0, 3].backward()
        assert sure_of_2.grad is not None
        assert sure_of_2.grad.isfinite().all()

    def test_signs_say_how_the_question_was_read(self) -> None:
        texts = ("how many windows?", "how many people are there?", "how many red cars?", "how many animals?")
        questions, counts = encode(read_questions(texts)), sure(torch.ones(4, 80))
        signs = signs_of(questions, asked_categories(questions, counts), count_prior(questions, counts))
        certain, unmapped, told, doubtful, people, several = signs[:, :6].T.tolist()
        assert certain == [0, 1, 1, 1]
        assert unmapped == [1, 0, 0, 0]
        assert told == [0, 1, 0, 1]
        assert doubtful == [0, 0, 1, 0]
        assert people == [0, 1, 0, 0]
        assert several == [0, 0, 0, 1]
        assert signs[:, 6 + DOUBTFUL.index("colour")].tolist() == [0, 0, 1, 0]
        assert signs[:, -1].tolist() == pytest.approx([0.3, 0.5, 0.4, 0.3])
