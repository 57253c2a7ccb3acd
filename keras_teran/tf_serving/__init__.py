"""The encoders and the scorer behind TF Serving, and the client that asks."""

from keras_teran._lazy import lazy

__all__, __getattr__, __dir__ = lazy(
    __name__,
    {
        "_client": "Client",
        "_errors": "ServingError UnavailableError",
        "_layout": "add_version check_repository promote",
    },
)
