"""Image–sentence matching by word–region alignment (TERAN) in Keras 3."""

import importlib

__version__ = "0.1.0"

_HOMES = {
    "build_model": "model",
    "Teran": "model",
    "load": "matcher",
    "Matcher": "matcher",
    "Hinge": "losses",
    "Contrastive": "losses",
    "CaptionTokenizer": "tokenizer",
    "PRESETS": "presets",
    "RECIPES": "presets",
    "Index": "search.index",
}


def __getattr__(name):
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_HOMES[name]}"), name)


def __dir__():
    return sorted({*globals(), *_HOMES})
