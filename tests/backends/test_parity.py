"""The authors' own numbers, from their checkpoint, on whichever backend runs."""

import numpy as np
import pytest
from keras import ops
from support import original_layout
from support.original import MODE_NAMES

from keras_teran import Hinge
from keras_teran.conversion import from_checkpoint
from keras_teran.data._caption_set import CaptionSet
from keras_teran.data._memory_store import MemoryRegions
from keras_teran.evaluation._evaluate import evaluate
from keras_teran.evaluation._recall import ranks
from keras_teran.similarity._pooling import POOLINGS, similarity

# Keras wonders at a softmax over the words of captions that have one word.
pytestmark = pytest.mark.filterwarnings("ignore:You are using a softmax over axis -1")


@pytest.fixture(scope="module")
def folder(shared):
    folder = shared / "reference" / "coco_MrSw"
    if not folder.is_dir():
        pytest.skip(f"needs the original's numbers in {folder}")
    return folder


@pytest.fixture(scope="module")
def model(folder):
    return from_checkpoint(original_layout.read_zip(folder / "checkpoint.pth"))


@pytest.fixture(scope="module")
def inputs(folder):
    return dict(np.load(folder / "inputs.npz", allow_pickle=False))


@pytest.fixture(scope="module")
def expected(folder):
    return dict(np.load(folder / "expected.npz", allow_pickle=False))


@pytest.fixture(scope="module")
def images(model, inputs):
    regions, boxes = inputs["features"][:, 1:], inputs["boxes"][:, 1:]
    mask = np.ones(regions.shape[:2], bool)
    return model.encode({"regions": regions, "boxes": boxes, "region_mask": mask})


@pytest.fixture(scope="module")
def captions(model, inputs):
    token_ids = inputs["token_ids"].astype("int32")
    mask = np.arange(token_ids.shape[1]) < inputs["caption_lengths"][:, None]
    return model.encode({"token_ids": token_ids, "padding_mask": mask})


@pytest.mark.seconds
def test_every_region_is_the_original(images, expected):
    np.testing.assert_allclose(
        images["region_embeddings"], expected["regions"][:, 1:], atol=1e-5
    )


@pytest.mark.slow
def test_every_word_that_counts_is_the_original(captions, expected, inputs):
    mask = captions["word_mask"]
    # [CLS], [SEP] and the word piece before it are left out.
    assert mask.sum() == np.maximum(inputs["caption_lengths"] - 3, 0).sum()
    np.testing.assert_allclose(
        captions["word_embeddings"][mask], expected["words"][mask], atol=1e-5
    )


def test_both_global_vectors_are_the_original(images, captions, expected):
    np.testing.assert_allclose(
        images["image_embedding"], expected["image_global"], atol=1e-5
    )
    np.testing.assert_allclose(
        captions["caption_embedding"], expected["caption_global"], atol=1e-5
    )


def scored(images, words, pooling):
    scores = similarity(images["region_embeddings"], words, pooling, "zero")
    return ops.convert_to_numpy(scores)


@pytest.mark.seconds
@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_scores_as_the_original(images, captions, expected, pooling):
    scores = scored(images, captions["word_embeddings"], pooling)
    name = MODE_NAMES.get(pooling, pooling)
    np.testing.assert_allclose(scores, expected[f"similarity_{name}"], atol=1e-4)


def loss_of(batch, negatives):
    loss = Hinge(0.2, negatives)(ops.convert_to_tensor(batch), np.arange(len(batch)))
    return float(loss)


@pytest.mark.seconds
@pytest.mark.parametrize("negatives", ["hardest", "sum"])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_loss_is_the_original(images, captions, expected, pooling, negatives):
    """On captions 0, 5, 10 ..., one of each image: there both rules of negatives agree."""
    batch = scored(images, captions["word_embeddings"][::5], pooling)
    loss = loss_of(batch, negatives)
    name = MODE_NAMES.get(pooling, pooling)
    assert loss == pytest.approx(expected[f"loss_{name}_{negatives}"], rel=1e-4)


@pytest.mark.parametrize("negatives", ["hardest", "sum"])
def test_the_loss_on_global_vectors_is_the_original(
    images, captions, expected, negatives
):
    batch = images["image_embedding"] @ captions["caption_embedding"][::5].T
    loss = loss_of(batch, negatives)
    assert loss == pytest.approx(expected[f"loss_matching_{negatives}"], rel=1e-4)


class NumberedCaptions:
    """In place of a tokeniser: caption "7" is row 7 of the token ids."""

    def __init__(self, token_ids, lengths):
        self.token_ids, self.all_lengths = token_ids.astype("int32"), lengths

    def lengths(self, captions):
        return self.all_lengths[[int(caption) for caption in captions]]

    def __call__(self, captions, width=None):
        rows = self.token_ids[[int(caption) for caption in captions]]
        lengths = self.lengths(captions)
        rows = rows[:, : lengths.max()]
        padding = (0, (width or rows.shape[1]) - rows.shape[1])
        rows = np.pad(rows, ((0, 0), padding))
        mask = np.arange(rows.shape[1]) < lengths[:, None]
        return {"token_ids": rows, "padding_mask": mask}


@pytest.mark.seconds
def test_evaluation_gives_the_original_ranks_and_recall(model, inputs, expected):
    regions, boxes = inputs["features"][:, 1:], inputs["boxes"][:, 1:]
    image_ids = np.arange(len(regions))
    store = MemoryRegions(image_ids, regions, boxes, np.ones(regions.shape[:2], bool))
    captions = CaptionSet(
        image_ids=image_ids,
        filenames=[""] * len(regions),
        captions=[str(row) for row in range(len(inputs["token_ids"]))],
        caption_ids=np.arange(len(inputs["token_ids"])),
        caption_to_image=inputs["caption_to_image"],
    )
    tokenizer = NumberedCaptions(inputs["token_ids"], inputs["caption_lengths"])
    table, scores = evaluate(model, captions, store, tokenizer, caption_width=88)
    np.testing.assert_allclose(scores, expected["evaluation_similarity"], atol=1e-4)
    found = ranks(scores, captions.caption_to_image)
    np.testing.assert_array_equal(found[0], expected["i2t_ranks"])
    np.testing.assert_array_equal(found[1], expected["t2i_ranks"])
    for direction, name in (("image_to_text", "i2t"), ("text_to_image", "t2i")):
        figures = table[direction]
        recalls = [100 * figures[f"r{k}"] for k in (1, 5, 10)]
        assert recalls == pytest.approx(expected[name][:3])
        # The original counts ranks from 1 there, and takes the floor of the median.
        assert np.floor(figures["median_rank"]) + 1 == expected[name][3]
        assert figures["mean_rank"] + 1 == pytest.approx(expected[name][4])
