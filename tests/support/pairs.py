"""Small batches of pairs, of mixed size, with two captions of one image among them."""

import numpy as np

SIZES = {
    "region_dim": 6,
    "embedding_dim": 12,
    "image_layers": 1,
    "final_layers": 1,
    "heads": 2,
    "feedforward_dim": 10,
    "vocabulary_size": 30,
    "caption_dim": 8,
    "caption_layers": 2,
    "caption_heads": 4,
    "caption_feedforward_dim": 16,
    "caption_max_length": 16,
}
REGION_COUNTS = (5, 1, 3, 4, 2, 5)
TOKEN_COUNTS = (9, 4, 3, 6, 5, 7)
IMAGE_IDS = np.array([11, 12, 13, 11, 14, 15])


def image_inputs(counts=REGION_COUNTS, width=5, dim=6, seed=0):
    generator = np.random.default_rng(seed)
    corners = np.sort(generator.random((len(counts), width, 2, 2)), axis=2)
    mask = np.arange(width) < np.array(counts)[:, None]
    inputs = {
        "regions": generator.normal(size=(len(counts), width, dim)),
        "boxes": corners.reshape(len(counts), width, 4),  # x0 y0 x1 y1
    }
    inputs = {
        name: (a * mask[..., None]).astype("float32") for name, a in inputs.items()
    }
    return {**inputs, "region_mask": mask}


def caption_inputs(counts=TOKEN_COUNTS, width=9, tokens=30, seed=1):
    generator = np.random.default_rng(seed)
    mask = np.arange(width) < np.array(counts)[:, None]
    token_ids = generator.integers(1, tokens, size=mask.shape) * mask
    return {"token_ids": token_ids.astype("int32"), "padding_mask": mask}


def batch():
    """Six pairs; the first and the fourth are of one image."""
    return {**image_inputs(), **caption_inputs()}, IMAGE_IDS
