"""Notes to the user about a data set; they go to standard error unless the host program configures logging."""

import logging
from functools import cache

LOGGER = logging.getLogger("counting_datasets")


@cache
def note(line: str) -> None:
    """Log ``line``, but only once per process, however often a data set is loaded."""
    LOGGER.warning("%s", line)
