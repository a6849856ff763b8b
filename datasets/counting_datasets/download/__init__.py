"""Fetch published data sets: whatever interrupts a download, running it again goes on where it stopped."""

from counting_datasets.download.install import download, install

__all__ = ["download", "install"]
