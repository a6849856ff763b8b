"""The parser of "how many …?": the categories that a question asks for, or why counts do not answer it."""
