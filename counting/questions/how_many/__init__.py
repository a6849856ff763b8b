"""The how-many head, which answers a question from counts and is trained on questions that people answered."""
