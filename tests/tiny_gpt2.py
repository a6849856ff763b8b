"""GPT-2 in NumPy, for models of one layer."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

Floats = NDArray[np.float64]


class TinyGPT2:
    """Weights by their names in transformers; as a step function it reads all tokens anew and has no state."""

    def __init__(self, weights: dict[str, list[float]], heads: int) -> None:
        self.weights = {name: np.array(values) for name, values in weights.items()}
        self.heads = heads

    def step(self, tokens: Tensor, state: None) -> tuple[Tensor, None]:
        """Rows×t tokens → rows×V log-probabilities of the next."""
        logits = np.stack([self._logits(np.array(row)) for row in tokens.tolist()])
        return torch.from_numpy(logits).log_softmax(dim=-1), None

    def _logits(self, tokens: NDArray[np.int64]) -> Floats:
        x = self.weights["wte.weight"][tokens] + self.weights["wpe.weight"][: len(tokens)]
        x = x + self._attention(self._norm(x, "h.0.ln_1"))
        hidden = self._linear(self._norm(x, "h.0.ln_2"), "h.0.mlp.c_fc")
        gelu = 0.5 * hidden * (1 + np.tanh(np.sqrt(2 / np.pi) * (hidden + 0.044715 * hidden**3)))
        x = x + self._linear(gelu, "h.0.mlp.c_proj")
        return np.asarray(self._norm(x, "ln_f")[-1] @ self.weights["wte.weight"].T)

    def _attention(self, x: Floats) -> Floats:
        parts = self._linear(x, "h.0.attn.c_attn").reshape(len(x), 3, self.heads, -1).transpose(1, 2, 0, 3)
        query, key, value = parts  # heads×t×D
        scores = query @ key.transpose(0, 2, 1) / np.sqrt(query.shape[-1])
        shares = np.exp(np.where(np.tri(len(x), dtype=bool), scores, -np.inf))
        mixed = shares / shares.sum(axis=-1, keepdims=True) @ value
        return self._linear(mixed.transpose(1, 0, 2).reshape(len(x), -1), "h.0.attn.c_proj")

    def _linear(self, x: Floats, name: str) -> Floats:
        return np.asarray(x @ self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"])

    def _norm(self, x: Floats, name: str) -> Floats:
        centred = x - x.mean(axis=-1, keepdims=True)
        scaled = centred / np.sqrt(centred.var(axis=-1, keepdims=True) + 1e-5)
        return np.asarray(scaled * self.weights[f"{name}.weight"] + self.weights[f"{name}.bias"])
