"""Explanations of a count or of any network's score: Grad-CAM, related methods, and evaluation of the maps."""
