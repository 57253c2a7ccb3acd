"""KerasHub's ViT in plain NumPy, float64, one picture at a time.

Weights are a dict by Keras' variable path, as in `oracle_encoders`.
"""

import math

import numpy as np

from support.oracle_encoders import dense, erf, norm, softmax


def patches(weights, config, pixels):
    """The last states of the patches, row by row; the class token is dropped.

    Args:
        weights: {path: float64 array}.
        config: dict of `patch_size`, `num_heads`, `num_layers`.
        pixels: float64, (height, width, 3), prepared.
    """
    side = config["patch_size"]
    kernel = weights["vit_patching_and_embedding/patch_embedding/kernel"]
    rows = [weights["vit_patching_and_embedding/class_token"][0, 0]]
    for y in range(0, pixels.shape[0], side):
        for x in range(0, pixels.shape[1], side):
            part = pixels[y : y + side, x : x + side]
            rows.append(
                np.einsum("yxc,yxcd->d", part, kernel)
                + weights["vit_patching_and_embedding/patch_embedding/bias"]
            )
    rows = np.array(rows)
    rows = rows + weights["vit_patching_and_embedding/position_embedding/embeddings"]
    for index in range(config["num_layers"]):
        name = f"vit_encoder/transformer_block_{index + 1}"
        rows = _block(weights, name, rows, config["num_heads"])
    return norm(weights, "vit_encoder/ln", rows, 1e-6)[1:]


def _block(weights, name, rows, heads):
    """A pre-norm layer, exact GELU."""
    normed = norm(weights, f"{name}/ln_1", rows, 1e-6)
    rows = rows + sum(_head(weights, f"{name}/mha", normed, h) for h in range(heads))
    rows = rows + weights[f"{name}/mha/attention_output/bias"]
    inner = dense(
        weights, f"{name}/mlp/dense_1", norm(weights, f"{name}/ln_2", rows, 1e-6)
    )
    inner = inner * (1 + erf(inner / math.sqrt(2))) / 2
    return rows + dense(weights, f"{name}/mlp/dense_2", inner)


def _head(weights, name, rows, head):
    query, key, value = (
        rows @ weights[f"{name}/{part}/kernel"][:, head]
        + weights[f"{name}/{part}/bias"][head]
        for part in ("query", "key", "value")
    )
    attended = softmax(query @ key.T / math.sqrt(query.shape[1])) @ value
    return attended @ weights[f"{name}/attention_output/kernel"][head]
