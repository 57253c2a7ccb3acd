"""A trained model as one thing to ask: encode, score, rank, explain."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_explain": "Explanation draw merge_pieces",
        "_heat_map": "heat_maps heat_points",
        "_matcher": "Matcher load",
    },
)
