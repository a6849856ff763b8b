"""Lines that a loader tells people besides errors: on standard error, unless the host program logs elsewhere."""

import logging
from functools import cache

LOGGER = logging.getLogger("counting_datasets")


@cache
def note(line: str) -> None:
    """Say ``line`` once, whatever number of times a data set is loaded."""
    LOGGER.warning("%s", line)
