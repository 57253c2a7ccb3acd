"""Search: an index of images and captions, on one machine or on a cluster."""

import importlib

__all__ = ["Hit", "Index", "Shards", "Word", "build"]

_HOMES = {
    "Hit": "hits",
    "Index": "index",
    "Shards": "shards",
    "Word": "hits",
    "build": "building",
}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)
