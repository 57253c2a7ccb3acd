"""The drawn data set, of which everything is known."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_embedded": "embedded",
        "_scene_probes": "make_scene_probes",
        "_templates": "bag_of_words",
    },
)
