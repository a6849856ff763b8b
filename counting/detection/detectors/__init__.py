"""Detectors of other libraries, one family a file; a library is imported only when its detector is named."""
