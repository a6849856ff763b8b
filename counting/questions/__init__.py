"""Questions about photos: answers to "how many …?" from counts, and questions worth asking.

``parsing`` reads a question, ``answering`` answers it from a counter's counts, ``how_many`` learns from questions
that people answered, and ``generator`` writes questions about a photo.
"""
