"""Graph files that were made to hurt, for the tests of what opens them."""

import random

import numpy as np


def onnx_model(node, dtype="FLOAT", initializers=(), inputs=1):
    """Bytes of a graph of one node, x to y, both (n, 3)."""
    from onnx import TensorProto, helper

    def value(name):
        return helper.make_tensor_value_info(
            name, getattr(TensorProto, dtype), ["n", 3]
        )

    names = ["x", *(f"x{n}" for n in range(1, inputs))]
    graph = helper.make_graph(
        [node], "graph", [value(n) for n in names], [value("y")], list(initializers)
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)])
    model.ir_version = 10
    return model.SerializeToString()


def custom_op():
    """A node of an operator that no runtime has."""
    from onnx import helper

    return onnx_model(helper.make_node("Evil", ["x"], ["y"], domain="evil"))


def identity(dtype="FLOAT"):
    """A graph that gives what it gets."""
    from onnx import helper

    return onnx_model(helper.make_node("Identity", ["x"], ["y"]), dtype)


def external_data(location):
    """A graph whose weights are said to lie in another file."""
    from onnx import TensorProto, helper

    weights = TensorProto(name="w", data_type=TensorProto.FLOAT, dims=[3])
    weights.data_location = TensorProto.EXTERNAL
    weights.external_data.add(key="location", value=location)
    node = helper.make_node("Add", ["x", "w"], ["y"])
    return onnx_model(node, initializers=[weights])


def flipped(content, seed, bits=60):
    """The same bytes but for some bits."""
    draw = random.Random(seed)
    changed = bytearray(content)
    for _ in range(bits):
        place = draw.randrange(8 * len(changed))
        changed[place // 8] ^= 1 << (place % 8)
    return bytes(changed)


def regions(batch=1, count=4, dim=8):
    """Inputs of an image encoder."""
    draw = np.random.default_rng(0)
    return {
        "regions": draw.standard_normal((batch, count, dim)).astype("float32"),
        "boxes": np.tile(np.float32([0, 0, 1, 1]), (batch, count, 1)),
        "region_mask": np.ones((batch, count), bool),
    }


def captions(batch=1, words=5):
    """Inputs of a caption encoder."""
    ids = np.full((batch, words), 5, "int32")
    return {"token_ids": ids, "padding_mask": np.ones((batch, words), bool)}
