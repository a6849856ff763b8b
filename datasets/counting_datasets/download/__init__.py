"""Fetch published data sets: whatever interrupts a download, running it again goes on where it stopped."""

from counting_datasets.download.published import Archive, Published, download, install

__all__ = ["Archive", "Published", "download", "install"]
