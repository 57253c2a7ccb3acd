"""Scores: cosines of regions and words, pooled into one number a pair."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_all_pairs": "BLOCK_BYTES all_pairs score_blocks",
        "_gradient": "sparse_similarity",
        "_pooling": (
            "POOLINGS check_rules cosines members_of pair_similarity similarity "
        ),
    },
)
