"""Models small enough to export within a test."""

import numpy as np

from keras_teran import build_model

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


def run_keras(model, encoder, inputs):
    outputs = getattr(model, encoder)(inputs, training=False)
    return {name: np.asarray(value) for name, value in outputs.items()}
