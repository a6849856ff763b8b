"""Count everyday objects in everyday photos, and see why.

CEOS, wherever it is named, is Chattopadhyay et al., "Counting Everyday Objects in Everyday Scenes", CVPR 2017.
"""

__version__ = "0.1.0"
