"""Download published data sets; an interrupted download is resumed by running it again."""

from counting_datasets.download.install import download, install

__all__ = ["download", "install"]
