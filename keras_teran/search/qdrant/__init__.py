"""Both engines of Qdrant: in the process and over the network."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_edge": "EmbeddedEngine",
    },
)
