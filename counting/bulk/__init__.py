"""Many photos: rows of counts, saved in parts, from threads, processes or a Ray cluster.

``CountBatch`` is public: it counts the batches that Ray Data, Daft, Spark and Hugging Face datasets pass.
"""

from counting.bulk.batches import CountBatch

__all__ = ["CountBatch"]
