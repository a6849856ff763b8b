"""The objects of the public API: the predictor, which counts, answers questions and explains, and its results."""
