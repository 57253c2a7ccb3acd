"""The scorer in files: what `similarity` gives, in every format, for two batch sizes."""

import numpy as np
import pytest

from keras_teran.export._converters import CONVERTERS, quiet
from keras_teran.export._runtime import open_exported
from keras_teran.export._scorer import scorer
from keras_teran.similarity import _pooling as alignment

RULES = [
    *((pooling, "exclude") for pooling in alignment.POOLINGS),
    ("Symm", "zero"),
    ("scan", "zero"),
]


def sides(images=3, regions=7, captions=5, words=6, dim=8):
    """Unit rows, some sets padded and one empty on each side."""
    draw = np.random.default_rng(0)

    def rows(sets, length):
        found = draw.standard_normal((sets, length, dim)).astype("float32")
        found /= np.linalg.norm(found, axis=-1, keepdims=True)
        found[0, 3:] = 0
        found[-1] = 0
        return found

    return {
        "region_embeddings": rows(images, regions),
        "word_embeddings": rows(captions, words),
    }


@pytest.mark.slow
@pytest.mark.parametrize("format_name", CONVERTERS)
@pytest.mark.parametrize(("pooling", "padding"), RULES)
def test_a_file_scores_as_similarity_does(format_name, pooling, padding, tmp_path):
    path = tmp_path / ("aligner" + CONVERTERS[format_name].suffix)
    inputs = sides()
    with quiet():
        graph = scorer(8, pooling, padding, with_alignment=True)
        graph(inputs)
        CONVERTERS[format_name].convert(graph, path)
    found = open_exported(path)(inputs)
    expected = alignment.similarity(*inputs.values(), pooling, padding)
    assert found["similarity"].shape == (3, 5)
    np.testing.assert_allclose(found["similarity"], expected, atol=1e-5)
    assert found["alignment"].shape == (3, 5, 7, 6)
    by_hand = np.einsum("ird,cwd->icrw", *inputs.values())
    np.testing.assert_allclose(found["alignment"], by_hand, atol=1e-6)


def test_who_does_not_ask_for_the_alignment_does_not_pay_for_it():
    assert set(scorer(8, "MrSw", "exclude").output) == {"similarity"}
    assert scorer(8, "MrSw", "exclude").name == "scorer"
    aligner = scorer(8, "MrSw", "exclude", with_alignment=True)
    assert set(aligner.output) == {"similarity", "alignment"}
    assert aligner.name == "aligner"


@pytest.mark.seconds
def test_images_and_captions_are_of_their_own_number_in_the_names_of_onnx(tmp_path):
    import onnx

    graph = scorer(8, "MrSw", "exclude")
    with quiet():
        graph(sides())
        CONVERTERS["onnx"].convert(graph, tmp_path / "scorer.onnx")
    values = onnx.load(tmp_path / "scorer.onnx").graph
    named = {
        value.name: [
            d.dim_param or d.dim_value for d in value.type.tensor_type.shape.dim
        ]
        for value in (*values.input, *values.output)
    }
    assert named == {
        "region_embeddings": ["images", "regions", 8],
        "word_embeddings": ["captions", "words", 8],
        "similarity": ["images", "captions"],
    }


def test_unknown_rules_are_refused():
    with pytest.raises(ValueError, match="pooling='max' is unknown"):
        scorer(8, "max", "exclude")
