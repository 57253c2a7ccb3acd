"""Models small enough to export within a test."""

import numpy as np

from keras_teran import build_model
from keras_teran.text._tokenizer import CaptionTokenizer

SIZES = {
    "region_dim": 8,
    "embedding_dim": 8,
    "feedforward_dim": 16,
    "caption_dim": 8,
    "caption_layers": 1,
    "caption_feedforward_dim": 16,
    "heads": 2,
    "caption_heads": 2,
}


def tiny(**overrides):
    return build_model("tiny", **{**SIZES, **overrides})


def tiny_tokenizer(captions, size=60, rows=200, max_length=64):
    """A tokenizer of a model's table of so many rows, most of them of no word."""
    words = CaptionTokenizer.train(captions, size).vocabulary
    unused = [f"[unused{number}]" for number in range(rows - len(words))]
    return CaptionTokenizer([*words, *unused], max_length=max_length)


def run_keras(model, encoder, inputs):
    outputs = getattr(model, encoder)(inputs, training=False)
    return {name: np.asarray(value) for name, value in outputs.items()}
