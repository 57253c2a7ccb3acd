"""The search page and its service: an `Index` over HTTP, on loopback by default."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_limits": "Limits",
        "_service": "create_app",
    },
)
