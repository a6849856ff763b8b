"""The pool of finished beams, with the rules of transformers 4.56.2."""

import torch
from torch import Tensor

from counting.search.beams import Beam, Beams, normalized


class Pool:
    """The best finished beams of each group, apart from the beams that continue.

    A beam that ends moves to its group's pool of W beams, and W others continue. A group is done when its pool is
    full and the best score of the current step, over length^``length_penalty``, would not enter it. A group that
    is done repeats the ``pad`` token, which counts for the diversity of later groups. Beams are compared by score.
    """

    def __init__(
        self, items: int, groups: int, size: int, end: int | None, pad: int | None, length_penalty: float
    ) -> None:
        self._size, self._end, self._pad, self._length_penalty = size, end, pad, length_penalty
        self._kept: list[list[list[Beam]]] = [[[] for _ in range(groups)] for _ in range(items)]
        self._done = [[False] * groups for _ in range(items)]

    def done(self) -> bool:
        """Whether all groups of all items are done."""
        return all(all(groups) for groups in self._done)

    def found(self, item: int) -> list[Beam]:
        """The pools of all groups of an item."""
        return [beam for group in self._kept[item] for beam in group]

    def take(
        self, beams: Beams, log_probs: Tensor, group: int, totals: Tensor, width: int
    ) -> tuple[Tensor, Tensor]:
        """Keep those of the 2W best candidates that end, and return the best W that continue.

        ``totals``, N×(W'·(1+V)), are those of a group's ``beams``, unchanged and with every token. Returns totals
        and indices (N×W), like ``topk``. Groups that are done continue with the pad token; if too few beams can
        continue, the remaining totals are −∞.
        """
        columns = log_probs.shape[-1] + 1
        best, index = totals.topk(min(2 * width, totals.shape[1]))
        ends = index % columns == 0
        if self._end is not None:
            ends |= index % columns == self._end + 1
        for item, rank in (ends & (best > -torch.inf))[:, :width].nonzero().tolist():
            parent, column = divmod(int(index[item, rank]), columns)
            needless = column == 0 and any(beam.finished for beam in self._kept[item][group])
            if not self._done[item][group] and not needless:
                score = float(best[item, rank])
                self._add(item, _ended(beams, log_probs, (item, group, parent), column - 1, score))
        order = ends.byte().sort(dim=1, stable=True).indices[:, :width]
        goes_on, where = best.masked_fill(ends, -torch.inf).gather(1, order), index.gather(1, order)
        for item, done in enumerate(groups[group] for groups in self._done):
            if done:
                goes_on[item], where[item] = 0, 0 if self._pad is None else self._pad + 1
            else:
                attainable = normalized(float(best[item, 0]), beams.tokens.shape[-1] + 1, self._length_penalty)
                full = len(self._kept[item][group]) == self._size
                over = full and min(map(self._worth, self._kept[item][group])) >= attainable
                self._done[item][group] = over or not bool((goes_on[item] > -torch.inf).any())
        return goes_on, where

    def close(self, beams: Beams) -> None:
        """Add the unfinished beams of groups that are not done to the pools, where they are good enough."""
        for item, done in enumerate(self._done):
            for beam in beams.found(item, self._end):
                if not done[beam.group]:
                    self._add(item, beam)

    def _add(self, item: int, beam: Beam) -> None:
        kept = self._kept[item][beam.group]
        kept.append(beam)
        if len(kept) > self._size:
            kept.remove(min(kept, key=self._worth))

    def _worth(self, beam: Beam) -> float:
        return normalized(beam.score, beam.length, self._length_penalty)


def _ended(beams: Beams, log_probs: Tensor, place: tuple[int, int, int], token: int, score: float) -> Beam:
    """The beam at ``place`` (item, group, beam) with the end token; unchanged if ``token`` is −1."""
    log_prob = float(beams.log_probs[place])
    tokens = tuple(beams.tokens[place].tolist())
    if token < 0:
        return Beam(tokens, False, place[1], log_prob, float(beams.scores[place]))
    return Beam(tokens, True, place[1], log_prob + float(log_probs[place][token]), score)
