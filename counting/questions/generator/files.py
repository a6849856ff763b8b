"""Files of question generators, and the generator that ships."""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save as serialize

import counting.networks.zoo
from counting.questions.generator.network import QuestionGenerator
from counting.questions.generator.tokens import WordTokens
from counting.utils.files import write_bytes
from counting.utils.weights_files import read_weights
from counting_datasets.errors import CountingError

GENERATOR_FORMAT = "everyday-counting-questions/1"
GENERATOR_FILE = Path(counting.networks.zoo.__file__).parent / "questions" / "ask-what.safetensors"
"""File of the default generator."""


def save_generator(generator: QuestionGenerator, path: Path, card: dict[str, Any]) -> None:
    """Write the generator in half precision; ``card`` says what it was trained on and how it scored."""
    tensors = {name: tensor.half().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    metadata = {
        "format": GENERATOR_FORMAT,
        "words": json.dumps(generator.vocabulary.words),
        "categories": json.dumps(generator.categories),
        "sizes": json.dumps({"width": generator.vectors.embedding_dim, "hidden": generator.cell.hidden_size}),
        "card": json.dumps(card),
    }
    write_bytes(path, serialize(tensors, metadata))


def load_generator(path: Path = GENERATOR_FILE) -> QuestionGenerator:
    """Read a generator that ``save_generator`` wrote, in evaluation mode.

    Raises:
        CountingError: the file is missing, truncated or corrupt, or is not a question generator.
    """
    header, stored = read_weights(path, "question generator", GENERATOR_FORMAT)
    try:
        words, categories, sizes = (json.loads(header[key]) for key in ("words", "categories", "sizes"))
        generator = QuestionGenerator(WordTokens(words), categories, **sizes)
        generator.load_state_dict({name: tensor.float() for name, tensor in stored.items()})
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise CountingError(f"{path}: corrupt: its weights and its header do not match") from None
    return generator.eval()
