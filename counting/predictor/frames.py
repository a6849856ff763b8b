"""Results as a pandas data frame."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from counting.predictor.count_result import CountResult
from counting_datasets.errors import CountingError

if TYPE_CHECKING:
    import pandas

COLUMNS = ("photo", "category", "count", "expected", "low", "high", "probability")


def to_pandas(results: CountResult | Iterable[CountResult]) -> "pandas.DataFrame":
    """One row per photo and category: photo, category, count, expected, low, high, probability.

    ``photo`` is the path, or the name that error messages give a photo in memory. ``low``, ``high`` and
    ``probability`` are missing values for an uncalibrated counter.

    Raises:
        CountingError: pandas is not installed.
    """
    try:
        import pandas
    except ImportError:
        raise CountingError("to_pandas needs pandas: pip install pandas") from None
    photos = [results] if isinstance(results, CountResult) else results
    rows = [
        (photo.name, one.category, one.count, one.expected, one.low, one.high, one.probability)
        for photo in photos
        for one in photo
    ]
    return pandas.DataFrame(rows, columns=list(COLUMNS))
