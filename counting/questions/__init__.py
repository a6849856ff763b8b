"""Questions about counts: what "how many …?" asks for, in the categories that a counter knows."""
