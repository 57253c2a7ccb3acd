"""Photos to a store of regions."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_opening": "Options open_extractor",
        "_storing": "BAD_FILE store_regions",
    },
)
