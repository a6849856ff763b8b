"""Sequences of tokens, and how to search for different ones.

DBS, wherever it is named, is Vijayakumar et al., "Diverse Beam Search", AAAI 2018; its sections and equations are
numbered as in arXiv 1610.02424v2.
"""
