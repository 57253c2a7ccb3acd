"""Small `PairBatches` whose rows tell which captions they are."""

from keras_teran.data._batches import PairBatches
from keras_teran.data._region_store import PackedRegions
from keras_teran.text._tokenizer import CaptionTokenizer
from support.region_files import captions_of, write_packed

WORDS = [f"w{number}" for number in range(30)]
TOKENIZER = CaptionTokenizer(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])


def texts_of(lengths):
    """Captions of so many words; the first word tells which caption it is."""
    return [
        " ".join(WORDS[(start + k) % len(WORDS)] for k in range(length))
        for start, length in enumerate(lengths)
    ]


def batches_of(folder, lengths, image_ids=None, regions=None, **settings):
    if regions is None:
        # Once: an earlier one's thread may still read the map, and dies of a new file.
        if not (folder / "boxes.npy").exists():
            write_packed(folder, images=5)
        regions = PackedRegions(folder)
    if image_ids is None:
        image_ids = [number % 5 for number in range(len(lengths))]
    captions = captions_of(texts_of(lengths), image_ids)
    return PairBatches(captions, regions, TOKENIZER, **settings)


def captions_met(batches):
    """Which caption each row of each batch holds, read off its token ids."""
    known = {
        tuple(TOKENIZER.encode(text).token_ids): index
        for index, text in enumerate(batches.captions.captions)
    }
    return [
        [
            known[tuple(row[mask])]
            for row, mask in zip(x["token_ids"], x["padding_mask"], strict=True)
        ]
        for x, _ in batches
    ]


LENGTHS = [3, 7, 5, 2, 9, 4, 6, 8, 1, 10, 3, 12, 5]
