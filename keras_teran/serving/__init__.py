"""The encoders and the scorer behind TF Serving: what it serves, and who asks it."""

from keras_teran.serving.client import Client

__all__ = ["Client"]
