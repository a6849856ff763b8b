"""The counters, published ones and ours, and the registry of counters."""

from counting.networks.counters import aso_sub, att_sub, glance, gt_class, loc_sub, seq_sub
from counting.networks.counters.base import (
    Counter,
    build_counter,
    count_cells,
    counter_builder,
    register_counter,
    registered_counters,
)
from counting.networks.counters.committee import Committee

__all__ = [
    "Committee",
    "Counter",
    "aso_sub",
    "att_sub",
    "build_counter",
    "count_cells",
    "counter_builder",
    "glance",
    "gt_class",
    "loc_sub",
    "register_counter",
    "registered_counters",
    "seq_sub",
]
