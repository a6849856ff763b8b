"""Decoding of token sequences: Diverse Beam Search, and sampling as its baseline.

DBS is Vijayakumar et al., "Diverse Beam Search", AAAI 2018; sections and equations are cited as in arXiv
1610.02424v2.
"""
