"""Models without what a test does not claim: no graph is traced, no file read twice."""

import contextlib
import hashlib
from pathlib import Path

import pytest


@contextlib.contextmanager
def quick_models():
    """Runs TensorFlow's functions eagerly, and opens a model file once a process.

    Tracing costs a second for every model, and so does loading one.
    """
    import tensorflow as tf

    from keras_teran.pipeline import _matcher

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(_matcher, "load_model", _once(_matcher.load_model))
        tf.config.run_functions_eagerly(True)
        try:
            yield
        finally:
            tf.config.run_functions_eagerly(False)


_LOADED = {}


def _once(load_model):
    """`load_model` that keeps what it gives, by the bytes of the file.

    A model whose weights a test has changed is read again.
    """

    def load(path):
        path = Path(path)
        if not path.is_file():
            return load_model(path)
        key = hashlib.sha256(path.read_bytes()).digest()
        if key not in _LOADED or _weights(_LOADED[key][0]) != _LOADED[key][1]:
            model = load_model(path)
            _LOADED[key] = model, _weights(model)
        return _LOADED[key][0]

    return load


def _weights(model):
    digest = hashlib.sha256()
    for weight in model.get_weights():
        digest.update(weight.tobytes())
    return digest.digest()
