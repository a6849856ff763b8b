"""Where a count, or any network's score, comes from: Grad-CAM, its relatives, and whether the maps are right."""
