"""Question generators as files, and the one that ships."""

import json
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open
from safetensors.torch import save as serialize

import counting.zoo
from counting.files import write_bytes
from counting.language.question_generator import QuestionGenerator
from counting.language.question_vocabulary import QuestionVocabulary
from counting_datasets.errors import CountingError

FORMAT = "everyday-counting-questions/1"
SHIPPED = Path(counting.zoo.__file__).parent / "questions" / "ask-what.safetensors"
"""The generator that asks when none is named."""


def save_generator(generator: QuestionGenerator, path: Path, card: dict[str, Any]) -> None:
    """Write it in half precision; ``card`` says what it was trained on and how it scored."""
    tensors = {name: tensor.half().cpu().contiguous() for name, tensor in generator.state_dict().items()}
    metadata = {
        "format": FORMAT,
        "words": json.dumps(generator.vocabulary.words),
        "categories": json.dumps(generator.categories),
        "sizes": json.dumps({"width": generator.vectors.embedding_dim, "hidden": generator.cell.hidden_size}),
        "card": json.dumps(card),
    }
    write_bytes(path, serialize(tensors, metadata))


def load_generator(path: Path = SHIPPED) -> QuestionGenerator:
    """Read a generator that ``save_generator`` wrote, in evaluation mode.

    Raises:
        CountingError: no such file, cut short, no generator or damaged.
    """
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            tensors = {name: file.get_tensor(name).float() for name in file.keys()}  # noqa: SIM118 (no mapping)
    except FileNotFoundError:
        raise CountingError(f"{path}: no such weights file") from None
    except (SafetensorError, OSError) as error:
        raise CountingError(f"{path}: no whole safetensors file ({error})") from None
    if metadata.get("format") != FORMAT:
        raise CountingError(f"{path}: no question generator of this program (format {metadata.get('format')!r})")
    try:
        words, categories, sizes = (json.loads(metadata[key]) for key in ("words", "categories", "sizes"))
        generator = QuestionGenerator(QuestionVocabulary(words), categories, **sizes)
        generator.load_state_dict(tensors)
    except (KeyError, TypeError, ValueError, RuntimeError):
        raise CountingError(f"{path}: damaged: its weights and its header do not fit") from None
    return generator.eval()
