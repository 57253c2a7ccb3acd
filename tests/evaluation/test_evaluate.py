"""A whole set scored: order, blocks and masks must not matter."""

import dataclasses

import numpy as np
import pytest
from support.evaluated_set import (
    CAPTION_TO_IMAGE,
    CAPTIONS,
    make_model,
    make_set,
    random_regions,
)

from keras_teran.evaluation import _evaluate as evaluation
from keras_teran.evaluation._evaluate import evaluate
from keras_teran.evaluation._recall import recall_table
from keras_teran.text._tokenizer import CaptionTokenizer

ORIGINAL = {"padding": "zero", "drop_last_word": True}


@pytest.fixture(scope="module")
def tokenizer():
    return CaptionTokenizer.train(CAPTIONS, vocabulary_size=80, max_length=32)


@pytest.mark.slow
@pytest.mark.parametrize("padding", ["exclude", "zero"])
@pytest.mark.parametrize("pooling", ["MrSw", "MwSr"])
def test_evaluate_equals_scoring_all_pairs_at_once(tokenizer, pooling, padding):
    captions, regions = make_set()
    model = make_model(tokenizer, pooling=pooling, padding=padding)
    images = model.encode(regions.read(captions.image_ids))
    words = model.encode(tokenizer(captions.captions))
    expected = np.asarray(model.similarity(images, words))
    table, similarity = evaluate(model, captions, regions, tokenizer)
    np.testing.assert_allclose(similarity, expected, atol=1e-5)
    assert table == recall_table(expected, CAPTION_TO_IMAGE)


@pytest.mark.slow
def test_each_pair_scores_as_if_it_were_alone(tokenizer):
    captions, regions = make_set()
    model = make_model(tokenizer)
    _, similarity = evaluate(model, captions, regions, tokenizer)
    for row, image_id in enumerate(captions.image_ids):
        for column, caption in enumerate(captions.captions):
            image = regions.read([image_id])
            real = {name: a[image["region_mask"]][None] for name, a in image.items()}
            alone = model.similarity(
                model.encode(real), model.encode(tokenizer([caption]))
            )
            assert similarity[row, column] == pytest.approx(
                float(alone[0, 0]), abs=1e-5
            )


@pytest.mark.slow
@pytest.mark.parametrize(
    "rules",
    [{}, {"padding": "zero"}]
    + [{**ORIGINAL, "pooling": pooling} for pooling in ("MrSw", "MwSr", "scan")],
)
def test_the_size_of_the_blocks_does_not_matter(tokenizer, monkeypatch, rules):
    captions, regions = make_set()
    model = make_model(tokenizer, **rules)
    _, at_once = evaluate(model, captions, regions, tokenizer)
    monkeypatch.setattr(evaluation, "IMAGES_PER_BLOCK", 3)
    monkeypatch.setattr(evaluation, "CAPTIONS_PER_BLOCK", 2)
    _, in_blocks = evaluate(model, captions, regions, tokenizer)
    np.testing.assert_allclose(in_blocks, at_once, atol=1e-5)
    assert np.ptp(at_once) > 1e-3


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["MrSw", "MwSr", "Symm", "mean", "scan"])
def test_a_caption_width_pads_every_caption_to_it(tokenizer, pooling):
    captions, regions = make_set()
    model = make_model(tokenizer, pooling=pooling, **ORIGINAL)
    images = model.encode(regions.read(captions.image_ids))
    words = model.encode(tokenizer(captions.captions, width=25))
    expected = np.asarray(model.similarity(images, words))
    _, wide = evaluate(model, captions, regions, tokenizer, caption_width=25)
    np.testing.assert_allclose(wide, expected, atol=1e-5)
    _, narrow = evaluate(model, captions, regions, tokenizer)
    # A maximum takes no notice of more zeros, where there is one already.
    assert (np.abs(wide - narrow).max() > 1e-3) == (pooling == "mean")


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["MrSw", "MwSr", "mean", "scan"])
def test_a_caption_that_the_rule_leaves_nothing_of_scores_0(tokenizer, pooling):
    captions, regions = make_set()
    model = make_model(tokenizer, pooling=pooling, **ORIGINAL)
    images = model.encode(regions.read(captions.image_ids))
    one_word = tokenizer(["tree"])
    assert one_word["token_ids"].shape == (1, 3)  # [CLS] tree [SEP]
    scores = np.asarray(model.similarity(images, model.encode(one_word)))
    np.testing.assert_array_equal(scores, np.zeros((4, 1), "float32"))


@pytest.mark.seconds
def test_a_caption_longer_than_the_caption_width_is_refused(tokenizer):
    captions, regions = make_set()
    model = make_model(tokenizer, pooling="MwSr", **ORIGINAL)
    with pytest.raises(ValueError, match="more than width=5; give a wider one"):
        evaluate(model, captions, regions, tokenizer, caption_width=5)


def test_an_image_without_captions_is_refused_before_anything_is_encoded(tokenizer):
    captions, regions = make_set()
    bare = dataclasses.replace(captions, caption_to_image=np.zeros(7, "int32"))
    with pytest.raises(ValueError, match="3 of 4 images have no caption"):
        evaluate(None, bare, regions, tokenizer)


def test_an_image_without_regions_is_refused_before_anything_is_encoded(tokenizer):
    captions, _ = make_set()
    with pytest.raises(ValueError, match=r"first ids \[40\]"):
        evaluate(None, captions, random_regions([10, 20, 30]), tokenizer)


@pytest.mark.seconds
def test_a_model_that_diverged_is_refused(tokenizer):
    captions, regions = make_set()
    model = make_model(tokenizer)
    weight = model.image_encoder.trainable_variables[-1]
    weight.assign(np.full(weight.shape, np.nan, "float32"))
    with pytest.raises(ValueError, match="image 0: its embedding is not finite"):
        evaluate(model, captions, regions, tokenizer)
