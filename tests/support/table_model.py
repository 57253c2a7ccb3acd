"""A model made of tables: what it says of regions and words is given."""

import numpy as np


class TableModel:
    """Region features are the embeddings; a token's embedding is `words[token]`.

    Args:
        tokenizer: `CaptionTokenizer`.
        words: dict of token to a list of `dim` numbers; 0 for any other.
        dim: int.
    """

    def __init__(self, tokenizer, words, dim=3):
        ids = {token: index for index, token in enumerate(tokenizer.vocabulary)}
        self.table = np.zeros((len(ids), dim), np.float32)
        for token, embedding in words.items():
            self.table[ids[token]] = embedding
        self.config = {"image_backbone": None}
        self.encoded = {"images": 0, "captions": 0}

    def encode(self, inputs, batch_size=256, progress=False):
        if "regions" in inputs:
            self.encoded["images"] += len(inputs["regions"])
            return {"region_embeddings": inputs["regions"]}
        self.encoded["captions"] += len(inputs["token_ids"])
        mask = inputs["padding_mask"].copy()
        lengths = mask.sum(1)
        mask[:, 0] = False
        mask[np.arange(len(mask)), lengths - 1] = False
        words = self.table[inputs["token_ids"]] * mask[..., None]
        return {"word_embeddings": words, "word_mask": mask}
