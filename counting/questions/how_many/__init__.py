"""The how-many head: answers from a question and counts, learned from questions that people answered."""
