"""Runs graph files: SavedModel by TensorFlow, `.tflite` by LiteRT, `.onnx` by ONNX Runtime.

Every graph may be called from several threads at once. What a runtime raises, when it
opens a file or runs it, becomes a ValueError of one line that names the file.
"""

from keras_teran.runtimes._graph import Graph, naming
from keras_teran.runtimes._litert import InterpreterPool, open_interpreter, open_litert
from keras_teran.runtimes._onnx import open_onnx, open_session
from keras_teran.runtimes._savedmodel import open_savedmodel

# By the names of the formats, which are those of an export's folders.
OPENERS = {"savedmodel": open_savedmodel, "litert": open_litert, "onnx": open_onnx}

__all__ = [
    "OPENERS",
    "Graph",
    "InterpreterPool",
    "naming",
    "open_interpreter",
    "open_litert",
    "open_onnx",
    "open_savedmodel",
    "open_session",
]
