"""A RUN as one thing to ask."""

import numpy as np
import pytest
from support.tiny_models import tiny, tiny_tokenizer

import keras_teran
from keras_teran.pipeline._matcher import Matcher
from keras_teran.run import write_config

pytestmark = pytest.mark.seconds


@pytest.fixture(scope="module")
def matcher():
    return Matcher(tiny(), tiny_tokenizer(["a red square", "two rings"]), {})


@pytest.fixture
def images():
    generator = np.random.default_rng(0)
    boxes = np.sort(generator.random((3, 5, 2, 2)), axis=2).reshape(3, 5, 4)
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 0, 0, 0], [1, 1, 1, 0, 0]], bool)
    regions = generator.standard_normal((3, 5, 8)).astype("float32")
    return {"regions": regions, "boxes": boxes.astype("float32"), "region_mask": mask}


def one(images, row):
    """An image without its padding, as a person holds it."""
    real = images["region_mask"][row]
    return {name: images[name][row][real] for name in ("regions", "boxes")}


@pytest.mark.seconds
def test_score_is_the_models_similarity(matcher, images):
    similarity = matcher.model({**images, **matcher.tokenizer(["two red rings"])})
    for row in range(3):
        assert matcher.score(one(images, row), "two red rings") == pytest.approx(
            float(similarity[row, 0]), abs=1e-5
        )


@pytest.mark.seconds
def test_rank_puts_the_best_image_first(matcher, images):
    order, scores = matcher.rank(images, "a red square")
    single = [matcher.score(one(images, row), "a red square") for row in range(3)]
    assert order.tolist() == sorted(range(3), key=lambda row: -single[row])
    np.testing.assert_allclose(scores, sorted(single, reverse=True), atol=1e-5)


@pytest.mark.seconds
def test_explain_scores_as_score_does(matcher, images):
    found = matcher.explain(one(images, 1), "a red square")
    assert found.words == ["a", "red", "square"]
    assert found.score == pytest.approx(
        matcher.score(one(images, 1), "a red square"), abs=1e-5
    )


def test_encode_takes_sentences_or_images(matcher, images):
    assert matcher.encode(["a red square"])["word_embeddings"].shape[::2] == (1, 8)
    assert matcher.encode(images)["region_embeddings"].shape == (3, 5, 8)


def test_load_names_what_is_no_run(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"is not a RUN: it has no config.yaml"):
        keras_teran.load(tmp_path)
    write_config(tmp_path, {"preset": "tiny"})
    with pytest.raises(
        FileNotFoundError, match=r"model.keras is missing: the training"
    ):
        keras_teran.load(tmp_path)
