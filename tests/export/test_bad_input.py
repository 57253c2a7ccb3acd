"""Bad input to an exported file: an error from our client, in every format.

And what the bare runtimes do with it, which is documented, and which no runtime does
in full: where it says `silent`, numbers come out that mean nothing.
"""

import keras
import numpy as np
import pytest
from support.tiny_models import tiny, tiny_tokenizer

from keras_teran.export._export import FORMATS, export
from keras_teran.export._runtime import open_exported

SUFFIXES = {"savedmodel": "", "litert": ".tflite", "onnx": ".onnx"}
POSITIONS = 12
TOKENS = 100


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    keras.utils.set_random_seed(0)
    model = tiny(vocabulary_size=TOKENS, caption_max_length=POSITIONS)
    out = tmp_path_factory.mktemp("bad") / "out"
    tokenizer = tiny_tokenizer(["a red square"], 60, TOKENS, POSITIONS)
    export(model, tokenizer, out)
    return out


def opened(folder, format_name, name):
    return open_exported(folder / format_name / (name + SUFFIXES[format_name]))


def caption(batch=2, words=6, mask_words=None, token=5):
    mask_words = words if mask_words is None else mask_words
    return {
        "token_ids": np.full((batch, words), token, np.int32),
        "padding_mask": np.ones((batch, mask_words), bool),
    }


def image(batch=2, regions=4, mask_regions=None, bad=None):
    inputs = {
        "regions": np.ones((batch, regions, 8), np.float32),
        "boxes": np.full((batch, regions, 4), 0.5, np.float32),
        "region_mask": np.ones((batch, mask_regions or regions), bool),
    }
    if bad is not None:
        inputs["regions"][0, 1, 2] = bad
    return inputs


# inputs, what our client says, and whether the bare runtime raises too
CASES = {
    "mask too short": (caption(mask_words=5), "differ in batch or length", True),
    "mask of one": (caption(mask_words=1), "differ in batch or length", False),
    "id outside": (caption(token=TOKENS), "token_ids lie in 100..100", True),
    "id negative": (caption(token=-1), "token_ids lie in -1..-1", False),
    "no captions": (caption(batch=0), "any is 1 or more", False),
    "no words": (caption(words=0), "any is 1 or more", True),
    "one too many": (caption(words=POSITIONS + 1), "longer than the 12", True),
    "region mask too short": (image(mask_regions=3), "differ in batch", True),
    "NaN region": (image(bad=np.nan), "regions holds numbers that are not", False),
    "infinite region": (image(bad=np.inf), "regions holds numbers that are not", False),
    "no images": (image(batch=0), "any is 1 or more", False),
    "no regions": (image(regions=0), "any is 1 or more", True),
}


def encoder_of(inputs):
    return "caption_encoder" if "token_ids" in inputs else "image_encoder"


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_the_client_refuses_it(case, format_name, folder):
    inputs, message, _ = CASES[case]
    run = opened(folder, format_name, encoder_of(inputs))
    with pytest.raises(ValueError, match=message):
        run(inputs)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
@pytest.mark.parametrize("case", CASES)
def test_the_bare_runtime_does_what_is_documented(case, format_name, folder):
    inputs, _, raises = CASES[case]
    bare = opened(folder, format_name, encoder_of(inputs))._run
    if raises:
        with pytest.raises(Exception, match=r"(?s).+"):
            bare(inputs)
    else:
        assert bare(inputs)


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
def test_a_good_batch_passes_after_a_refused_one(format_name, folder):
    run = opened(folder, format_name, "caption_encoder")
    with pytest.raises(ValueError, match="longer than"):
        run(caption(words=POSITIONS + 1))
    assert np.isfinite(run(caption(words=POSITIONS))["word_embeddings"]).all()


@pytest.mark.slow
@pytest.mark.parametrize("format_name", FORMATS)
def test_the_scorer_takes_two_sizes_but_one_dim_and_finite_numbers(format_name, folder):
    run = opened(folder, format_name, "scorer")
    sides = {
        "region_embeddings": np.ones((2, 3, 8), np.float32),
        "word_embeddings": np.ones((5, 4, 8), np.float32),
    }
    assert run(sides)["similarity"].shape == (2, 5)
    with pytest.raises(ValueError, match=r"word_embeddings has the shape \(5, 4, 7\)"):
        run({**sides, "word_embeddings": sides["word_embeddings"][..., :7]})
    with pytest.raises(ValueError, match="word_embeddings holds numbers that are not"):
        run({**sides, "word_embeddings": sides["word_embeddings"] * np.nan})


@pytest.mark.seconds
@pytest.mark.parametrize("format_name", FORMATS)
def test_ids_must_be_integers(format_name, folder):
    run = opened(folder, format_name, "caption_encoder")
    inputs = caption()
    run({**inputs, "token_ids": inputs["token_ids"].astype(np.int64)})
    with pytest.raises(ValueError, match="token_ids are float32; give integers"):
        run({**inputs, "token_ids": inputs["token_ids"].astype(np.float32)})
