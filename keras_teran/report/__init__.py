"""HTML reports, in the colors of the search page."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_render": "render",
    },
)
