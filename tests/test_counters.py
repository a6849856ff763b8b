"""What every counter does, and what each does differently."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tiny import tiny_cells, tiny_config
from torch import Tensor, nn

from counting.inputs.grid import Grid
from counting.networks.cells import Cells
from counting.networks.checkpoint import build, load, save
from counting.networks.counters import Committee, Counter, build_counter, register_counter, registered_counters
from counting.networks.counters.gt_class import ClassCounter
from counting.networks.counters.seq_sub import serpentine_by_columns, serpentine_by_rows
from counting.networks.losses import CountLoss

CATEGORIES = ("cat", "dog", "person")


@register_counter("linear")
def linear(cells: Cells, categories: tuple[str, ...]) -> Counter:
    """A user's own counter: nothing in the package knows it."""
    return Counter(cells, nn.Linear(cells.width, len(categories)), categories)


SMALL: dict[str, dict[str, Any]] = {
    "aso_sub": {"hidden": [8]},
    "att_sub": {"hidden": 8, "heads": 2},
    "glance": {"hidden": [8, 8]},
    "gt_class": {"hidden": [8], "largest": 4},
    "linear": {},
    "loc_sub": {"depth": 8, "hidden": 8, "heads": 2},
    "seq_sub": {"hidden": 8, "recurrent": 4},
}


def small(name: str, grid: int = 3, mode: Any = "pool") -> Counter:
    torch.manual_seed(0)
    return build_counter(name, tiny_cells(grid, side=48, mode=mode), CATEGORIES, SMALL[name]).eval()


@pytest.fixture(params=registered_counters())
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def counter(name: str) -> Counter:
    return small(name)


@pytest.fixture
def photos() -> Tensor:
    return torch.randn(4, 3, 48, 48, generator=torch.Generator().manual_seed(1))


class TestEveryCounter:
    @pytest.mark.parametrize("mode", ["pool", "crop"])
    @pytest.mark.parametrize("grid", [1, 2, 3])
    def test_answers_with_raw_counts_by_cell_and_category(
        self, name: str, mode: str, grid: int, photos: Tensor
    ) -> None:
        counter = small(name, grid, mode)
        raw = counter(photos)
        assert raw.shape == (4, counter.grid.cells, 3)
        assert raw.isfinite().all()

    def test_counts_are_the_clipped_cells_summed(self, counter: Counter, photos: Tensor) -> None:
        raw = counter(photos).detach().numpy()
        np.testing.assert_allclose(
            counter.count(photos).detach().numpy(), np.maximum(raw, 0).sum(axis=1), rtol=1e-6, atol=1e-6
        )

    def test_counts_a_photo_the_same_in_any_batch(self, counter: Counter, photos: Tensor) -> None:
        together = counter(photos)
        alone = torch.cat([counter(photo.unsqueeze(0)) for photo in photos])
        torch.testing.assert_close(together, alone, atol=1e-5, rtol=1e-5)

    def test_counts_have_a_gradient_in_every_cell_of_the_photo(self, counter: Counter, photos: Tensor) -> None:
        photos.requires_grad_()
        counter(photos).sum().backward()
        assert photos.grad is not None
        cells = photos.grad.abs().reshape(4, 3, 3, 16, 3, 16).sum(dim=(1, 3, 5))
        assert (cells > 0).all()

    def test_learns_a_batch_by_heart(self, counter: Counter, photos: Tensor) -> None:
        random = np.random.default_rng(0)
        boxes = np.array([[0, 0, 20, 20], [10, 10, 40, 30], [30, 30, 48, 48]], dtype=float)
        targets = [
            counter.grid.fractional_counts(boxes, random.integers(0, 3, size=3), (48, 48), 3) for _ in photos
        ]
        target = torch.from_numpy(np.stack(targets)).float()
        optimizer = torch.optim.Adam(counter.parameters(), lr=0.02)
        losses = []
        for _ in range(60):
            loss = counter.loss(counter.head(counter.cells(photos)), target, CountLoss("mse", ("cells", "sum")))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0] / 4

    def test_reads_back_from_its_file(self, name: str, photos: Tensor, tmp_path: Path) -> None:
        config = tiny_config(tmp_path, counter=name, head=SMALL[name])
        counter = build(config, CATEGORIES).eval()
        save(counter, config, tmp_path / "counter.safetensors")
        assert torch.equal(load(tmp_path / "counter.safetensors").counter(photos), counter(photos))

    @pytest.mark.parametrize("size", [(1, 1), (3, 500), (640, 480), (48, 48)])
    def test_takes_photos_of_any_size(self, counter: Counter, size: tuple[int, int]) -> None:
        photo = Image.new("RGB", size, (255, 0, 127))
        image = counter.preprocess(photo)
        assert image.shape == (3, 48, 48)
        expected = (np.array([1, 0, 127 / 255]) - [0.485, 0.456, 0.406]) / [0.229, 0.224, 0.225]
        np.testing.assert_allclose(image.mean(dim=(1, 2)), expected, atol=1e-5)
        assert counter(image.unsqueeze(0)).isfinite().all()


def influence(counter: Counter) -> torch.Tensor:
    """answers × feature cells: which answers change with which cell's features."""
    features = torch.randn(1, 9, counter.cells.width)
    plain = counter.raw_counts(counter.head(features))
    changed = []
    for cell in range(9):
        other = features.clone()
        other[0, cell] += 3
        changed.append((counter.raw_counts(counter.head(other)) != plain).any(dim=2)[0])
    return torch.stack(changed, dim=1)


def test_aso_sub_counts_each_cell_on_its_own() -> None:
    assert torch.equal(influence(small("aso_sub")), torch.eye(9, dtype=torch.bool))


@pytest.mark.parametrize("name", ["seq_sub", "att_sub", "loc_sub"])
def test_context_is_that_of_all_cells(name: str) -> None:
    assert influence(small(name)).all()


def test_glance_takes_in_all_cells_and_answers_once() -> None:
    assert influence(small("glance")).tolist() == [[True] * 9]
    assert small("glance").grid == Grid(1)


class TestTraversals:
    def test_by_hand(self) -> None:
        assert serpentine_by_rows(Grid(3)) == [0, 1, 2, 5, 4, 3, 6, 7, 8]
        assert serpentine_by_columns(Grid(3)) == [0, 3, 6, 7, 4, 1, 2, 5, 8]
        assert serpentine_by_rows(Grid(2)) == [0, 1, 3, 2]
        assert serpentine_by_columns(Grid(2)) == [0, 2, 3, 1]

    @pytest.mark.parametrize("side", range(1, 8))
    @pytest.mark.parametrize("traverse", [serpentine_by_rows, serpentine_by_columns])
    def test_every_cell_once_each_step_to_a_neighbour(self, traverse: Any, side: int) -> None:
        order = traverse(Grid(side))
        assert sorted(order) == list(range(side**2))
        places = [divmod(cell, side) for cell in order]
        for (row, column), (next_row, next_column) in pairwise(places):
            assert abs(row - next_row) + abs(column - next_column) == 1

    @pytest.mark.parametrize("side", range(1, 8))
    def test_the_columns_are_the_rows_transposed(self, side: int) -> None:
        numbers = np.arange(side**2).reshape(side, side)
        assert serpentine_by_columns(Grid(side)) == numbers.T.ravel()[serpentine_by_rows(Grid(side))].tolist()

    def test_answers_come_back_in_cell_order(self) -> None:
        counter = small("seq_sub")
        features = torch.randn(2, 9, counter.cells.width)
        head: Any = counter.head
        embedded = head.embed(features)
        context = []
        for lstm, order in ((head.along_rows, head.by_rows), (head.along_columns, head.by_columns)):
            read, _ = lstm(torch.stack([embedded[:, cell] for cell in order], dim=1))
            by_cell = torch.empty_like(read)
            for step, cell in enumerate(order):
                by_cell[:, cell] = read[:, step]
            context.append(by_cell)
        expected = head.counts(torch.cat([embedded, *context], dim=2))
        torch.testing.assert_close(counter.head(features), expected)


class TestCommittee:
    def test_the_mean_of_its_members_counts_is_its_answer(self, name: str, photos: Tensor) -> None:
        members = [build_counter(name, tiny_cells(3), CATEGORIES, SMALL[name]).eval() for _ in range(3)]
        for member in members[1:]:
            member.cells = members[0].cells
        committee = Committee(members).eval()
        assert committee.grid == members[0].grid
        raw = torch.stack([member(photos) for member in members])
        assert torch.allclose(committee(photos), raw.mean(dim=0))
        target = torch.rand(raw.shape[1:])
        features = committee.cells(photos)
        losses = [
            member.loss(member.head(features), target, CountLoss("mse", ("cells", "sum"))) for member in members
        ]
        found = committee.loss(committee.head(features), target, CountLoss("mse", ("cells", "sum")))
        assert found.item() == pytest.approx(sum(losses).item() / 3, rel=1e-5)

    def test_reads_back_as_it_was(self, tmp_path: Path, photos: Tensor) -> None:
        config = tiny_config(tmp_path, members=2)
        committee = build(config, CATEGORIES).eval()
        one, other = committee.head.state_dict()["0.1.weight"], committee.head.state_dict()["1.1.weight"]
        assert not torch.equal(one, other)
        save(committee, config, tmp_path / "committee.safetensors")
        assert torch.equal(load(tmp_path / "committee.safetensors").counter(photos), committee(photos))

    def test_a_single_counter_starts_its_cells_and_its_first_member(self, tmp_path: Path) -> None:
        config = tiny_config(tmp_path)
        single = build(config, CATEGORIES)
        committee = build(config.model_copy(update={"members": 2}), CATEGORIES)
        second = committee.head.state_dict()["1.1.weight"].clone()
        assert isinstance(committee, Committee)
        committee.start_from_member(single)
        assert torch.equal(committee.head.state_dict()["0.1.weight"], single.head.state_dict()["1.weight"])
        assert torch.equal(committee.head.state_dict()["1.1.weight"], second)


class TestGtClass:
    def classes(self) -> ClassCounter:
        counter = small("gt_class")
        assert isinstance(counter, ClassCounter)
        return counter

    def test_the_count_is_the_likeliest_class(self) -> None:
        logits = torch.full((2, 1, 3, 5), -1.0)
        likeliest = torch.tensor([[0, 4, 2], [1, 1, 3]])
        logits.scatter_(3, likeliest.reshape(2, 1, 3, 1), 2.0)
        assert self.classes().raw_counts(logits.reshape(2, 1, 15))[:, 0].tolist() == likeliest.tolist()

    def test_the_gradient_is_that_of_the_mean_count(self) -> None:
        logits = torch.randn(2, 1, 15, requires_grad=True)
        self.classes().raw_counts(logits).sum().backward()
        again = logits.detach().clone().requires_grad_()
        (again.reshape(2, 1, 3, 5).softmax(dim=3) * torch.arange(5)).sum().backward()
        torch.testing.assert_close(logits.grad, again.grad)

    def test_the_loss_is_cross_entropy_and_large_counts_are_the_last_class(self) -> None:
        random = np.random.default_rng(0)
        logits = random.normal(size=(2, 1, 15))
        target = np.array([[[0.0, 4.0, 1.0000001]], [[9.0, 1.9999999, 3.0]]])
        classes = np.array([0, 4, 1, 4, 2, 3])
        table = logits.reshape(6, 5)
        expected = (np.log(np.exp(table).sum(axis=1)) - table[np.arange(6), classes]).mean()
        found = self.classes().loss(
            torch.from_numpy(logits), torch.from_numpy(target), CountLoss("mse", ("cells", "sum"))
        )
        assert float(found) == pytest.approx(expected)
