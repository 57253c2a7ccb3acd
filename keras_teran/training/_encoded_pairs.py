"""What a frozen model makes of a data set, kept on disk and read a batch at a time."""

from pathlib import Path

import numpy as np

from keras_teran._io import progress_bar

_BLOCK = 1024
_WIDTH_MULTIPLE = 8  # widths of batches are rounded up: few shapes to compile


class EncodedPairs:
    """Regions, words and slots of a set in half precision, memory-mapped.

    Words are stored without padding. Everything is written once, in order, and read by
    row, so a set larger than memory works.

    Args:
        model: `Teran` whose pooled vectors are the slots: without a pooling head.
        captions: `CaptionSet`.
        regions: a `RegionStore` with its images.
        tokenizer: `CaptionTokenizer`.
        folder: path to write to; made if missing.
        progress: bool, show bars.
    """

    def __init__(self, model, captions, regions, tokenizer, folder, progress=False):
        self.folder = Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.image_ids = np.asarray(captions.image_ids, np.int64)
        self.caption_to_image = np.asarray(captions.caption_to_image, np.int64)
        self._encode_images(model, regions, progress)
        self._encode_captions(model, captions.captions, tokenizer, progress)

    def __len__(self):
        """Number of captions."""
        return len(self.caption_to_image)

    def images(self, rows):
        """(members float32 (images, regions, dim), slots float32 (images, dim))."""
        return _floats(self._regions[rows]), _floats(self._image_slots[rows])

    def captions(self, rows):
        """(members float32 (captions, words, dim), slots float32 (captions, dim)).

        Padded with zeros to the longest of them, rounded up.
        """
        counts = self._starts[rows + 1] - self._starts[rows]
        width = -(-int(counts.max()) // _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE
        words = np.zeros((len(rows), width, self._words.shape[1]), np.float32)
        for place, row in enumerate(rows):
            stored = self._words[self._starts[row] : self._starts[row + 1]]
            words[place, : len(stored)] = stored
        return words, _floats(self._caption_slots[rows])

    def _encode_images(self, model, regions, progress):
        dim = model.config["embedding_dim"]
        count = len(self.image_ids)
        self._regions = self._new("regions", (count, regions.max_regions, dim))
        self._image_slots = self._new("image_slots", (count, dim))
        for start in progress_bar(
            range(0, count, _BLOCK), "images", disable=not progress
        ):
            rows = slice(start, start + _BLOCK)
            found = model.encode(regions.read(self.image_ids[rows]))
            self._regions[rows] = found["region_embeddings"]
            self._image_slots[rows] = found["image_embedding"]

    def _encode_captions(self, model, texts, tokenizer, progress):
        dim = model.config["embedding_dim"]
        lengths = tokenizer.lengths(texts)
        self._starts = np.concatenate([[0], np.cumsum(lengths)])
        self._words = self._new("words", (int(self._starts[-1]), dim))
        self._caption_slots = self._new("caption_slots", (len(texts), dim))
        for start in progress_bar(
            range(0, len(texts), _BLOCK), "captions", disable=not progress
        ):
            rows = slice(start, start + _BLOCK)
            inputs = tokenizer(texts[rows])
            found = model.encode(inputs)
            real = np.asarray(inputs["padding_mask"], bool)
            stop = self._starts[min(start + _BLOCK, len(texts))]
            self._words[self._starts[start] : stop] = found["word_embeddings"][real]
            self._caption_slots[rows] = found["caption_embedding"]

    def _new(self, name, shape):
        path = self.folder / f"{name}.npy"
        return np.lib.format.open_memmap(path, "w+", np.float16, shape)


def _floats(array):
    return np.asarray(array, np.float32)
