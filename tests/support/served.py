"""A model repository of tiny models, and the double that serves it, for the tests."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras

from keras_teran.export._export import export
from keras_teran.tf_serving import Client
from support.tiny_models import tiny, tiny_tokenizer

CAPTIONS = ["a red square left of a blue disc", "two green rings", "a striped bar"]
DOUBLE = Path(__file__).with_name("serving_double.py")


def exported(folder, **overrides):
    """An export in SavedModel, of the encoders and the scorer."""
    return exported_model(folder, **overrides)[0]


def exported_model(folder, **overrides):
    """The folder of an export, and the model that is in it."""
    keras.utils.set_random_seed(0)
    model = tiny(pooling="MrSw", **overrides)
    tokenizer = tiny_tokenizer(CAPTIONS, 120)
    export(model, tokenizer, folder, formats=["savedmodel"])
    return Path(folder), model


class Server:
    """What is served, and where: by the double, or by a real TF Serving.

    With TF_SERVING_URL (and, for gRPC, TF_SERVING_GRPC) set, these name a server of the
    repository in TF_SERVING_REPOSITORY.
    """

    def __init__(self, repository):
        self.repository = Path(repository)
        self._process = None
        self.urls = {
            "rest": os.environ.get("TF_SERVING_URL"),
            "grpc": os.environ.get("TF_SERVING_GRPC"),
        }

    def start(self):
        """Starts the double, in a process of its own."""
        self._process = subprocess.Popen(
            [sys.executable, DOUBLE, self.repository],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        ports = json.loads(self._process.stdout.readline())
        self.urls = {
            "rest": f"http://127.0.0.1:{ports['http']}",
            "grpc": f"grpc://127.0.0.1:{ports['grpc']}",
        }

    def stop(self):
        """Ends the double."""
        if self._process:
            self._process.communicate(timeout=30)

    def client(self, transport, version=1, **options):
        """A client of one version."""
        folder = self.repository / "client" / str(version)
        return Client(self.urls[transport], folder, **options)
