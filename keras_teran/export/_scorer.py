"""The scorer as a Keras model: what two encoders gave to their similarity.

It has no weights. It is written to files beside the encoders, so that whoever runs
those needs no Python to score what comes out of them.
"""

import keras

from keras_teran.similarity import check_rules, cosines, similarity

SCORER = "scorer"
ALIGNER = "aligner"


class Scoring(keras.layers.Layer):
    """Pools the cosines of regions and words, of two batches of their own size.

    Args:
        pooling: str, one of `similarity.POOLINGS`.
        padding: "exclude" or "zero", see `similarity.similarity`.
        with_alignment: bool, give the cosines too.
        **kwargs: of a Keras layer.

    Input: float32 (images, regions, dim) and (captions, words, dim), unit rows, zero
    where masked. Output: dict of `similarity` float32 (images, captions) and, where
    asked for, `alignment` float32 (images, captions, regions, words).
    """

    def __init__(self, pooling, padding, with_alignment, **kwargs):
        super().__init__(**kwargs)
        check_rules(pooling, padding)
        self.pooling = pooling
        self.padding = padding
        self.with_alignment = with_alignment

    def call(self, region_embeddings, word_embeddings):
        """See the class."""
        pair = (region_embeddings, word_embeddings)
        scores = {"similarity": similarity(*pair, self.pooling, self.padding)}
        if self.with_alignment:
            scores["alignment"] = cosines(*pair)
        return scores

    def compute_output_spec(self, region_embeddings, word_embeddings):
        """Shapes by hand: two batch sizes are not one, as Keras would have it."""
        images, regions, _ = region_embeddings.shape
        captions, words, _ = word_embeddings.shape
        shapes = {"similarity": (images, captions)}
        if self.with_alignment:
            shapes["alignment"] = (images, captions, regions, words)
        return {
            name: keras.KerasTensor(shape, dtype="float32")
            for name, shape in shapes.items()
        }


def scorer(embedding_dim, pooling, padding, with_alignment=False):
    """The scorer of a model's pooling and padding rule.

    Masks are no inputs: an all-zero row is the mask, and both encoders give those.

    Args:
        embedding_dim: int, width of the common space.
        pooling: str, one of `similarity.POOLINGS`.
        padding: "exclude" or "zero".
        with_alignment: bool, a second output with every cosine; the model is then named
            `aligner`.

    Returns:
        Functional `keras.Model` named `scorer` or `aligner`. Inputs:
        `region_embeddings` float32 (images, regions, embedding_dim) and
        `word_embeddings` float32 (captions, words, embedding_dim), of any number of
        images and of captions. Outputs: those of `Scoring`.

    Raises:
        ValueError: for an unknown pooling or padding.

    Example:
        >>> import numpy as np
        >>> sides = {"region_embeddings": np.eye(3, dtype="float32")[None]}
        >>> sides["word_embeddings"] = np.eye(3, dtype="float32")[:2, None]
        >>> scorer(3, "MrSw", "exclude")(sides)["similarity"].shape[1]
        2
    """
    sides = {
        name: keras.Input((None, embedding_dim), dtype="float32", name=name)
        for name in ("region_embeddings", "word_embeddings")
    }
    scoring = Scoring(pooling, padding, with_alignment, dtype="float32", name="scoring")
    return keras.Model(
        sides, scoring(**sides), name=ALIGNER if with_alignment else SCORER
    )
