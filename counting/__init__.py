"""Count everyday objects in everyday photos, and see why.

    import counting
    counter = counting.load()
    print(counter.count("photo.jpg"))       # photo.jpg: 2 dogs, about 3 people (1–5)

The names in this module are the public API; everything else is private and may change. Each name is imported on
first use. Throughout the code, CEOS means Chattopadhyay et al., "Counting Everyday Objects in Everyday Scenes",
CVPR 2017.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_MODULES = {
    "load": "counting.predictor.predictor",
    "models": "counting.networks.zoo.cards",
    "Predictor": "counting.predictor.predictor",
    "CountResult": "counting.predictor.count_result",
    "CategoryCount": "counting.predictor.category_counts",
    "over_time": "counting.predictor.over_time",
    "Moment": "counting.predictor.over_time",
    "to_pandas": "counting.predictor.frames",
    "evaluate": "counting.evaluation.arrays",
    "register_counter": "counting.networks.counters.base",
    "register_backbone": "counting.networks.backbones",
    "CountingError": "counting_datasets.errors",
    "DataError": "counting_datasets.errors",
    "PhotoError": "counting_datasets.errors",
}

__all__ = ["__version__", *_MODULES]

if TYPE_CHECKING:
    from counting.evaluation.arrays import evaluate as evaluate
    from counting.networks.backbones import register_backbone as register_backbone
    from counting.networks.counters.base import register_counter as register_counter
    from counting.networks.zoo.cards import models as models
    from counting.predictor.category_counts import CategoryCount as CategoryCount
    from counting.predictor.count_result import CountResult as CountResult
    from counting.predictor.frames import to_pandas as to_pandas
    from counting.predictor.over_time import Moment as Moment
    from counting.predictor.over_time import over_time as over_time
    from counting.predictor.predictor import Predictor as Predictor
    from counting.predictor.predictor import load as load
    from counting_datasets.errors import CountingError as CountingError
    from counting_datasets.errors import DataError as DataError
    from counting_datasets.errors import PhotoError as PhotoError


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module 'counting' has no attribute {name!r}")
    value = globals()[name] = getattr(import_module(_MODULES[name]), name)
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
