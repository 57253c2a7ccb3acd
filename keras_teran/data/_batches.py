"""Batches of image–caption pairs for ``model.fit``, on every Keras backend."""

import math
import threading
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np

from keras_teran._io import progress_bar
from keras_teran.backend import keep_freed_memory
from keras_teran.data._grouping import caption_groups, check_groups

_CAPTIONS_PER_CALL = 4096


class PairBatches(keras.utils.PyDataset):
    """Pairs of an image and one of its captions, a batch at a time.

    Every caption is met once an epoch, with its image. The order is a pure function of
    ``(seed, epoch)``, so a resumed training meets the batches that the killed one
    would have met. Call ``model.fit(batches, shuffle=False)``: Keras' default
    ``shuffle=True`` shuffles the batches again, with Python's unseeded ``random``.

    A batch is ``(inputs, image_ids)``. ``inputs`` is a dict of ``regions`` float32
    (B, R, F), ``boxes`` float32 (B, R, 4), ``region_mask`` bool (B, R),
    ``token_ids`` int32 (B, W), and ``padding_mask`` bool (B, W), True
    where there is a token. ``image_ids`` is int64 (B,): pairs with the same id are
    never negatives of each other. R is the store's; W is that of the batch's longest
    caption. The last batch may be smaller.

    With ``captions_per_image`` above 1 pairs come in groups, the captions of one image,
    and the batch holds that image's regions once: B / ``captions_per_image`` rows, in the
    order of the groups. An epoch still meets every caption, a few of them twice where
    their number is no multiple of it.

    The first batch is one token wider than its longest caption where it would be as
    wide as the second. On TensorFlow, Keras (3.15, ``PyDatasetAdapter``) learns the
    shapes of all batches from these two and takes a dimension in which they agree for
    fixed, so that the first batch of another width would end the training. Padding
    never changes a score; the encoder needs a position more than
    ``tokenizer.max_length``, should captions be that long.

    Loading overlaps with training: while a batch is used, a thread prepares the next.
    Keras' own ``workers`` stay at 1. With more, its queue keeps what it had loaded
    when an epoch was left early (it looks at a batch to build a model, for example)
    and hands that out first in the next epoch.

    Args:
        captions: a ``CaptionSet``.
        regions: a ``RegionStore`` that holds the images of ``captions``.
        tokenizer: a ``CaptionTokenizer``. All captions are tokenised here, once.
        batch_size: int, pairs a batch.
        shuffle: whether to shuffle; else the order of ``captions``, each epoch.
        seed: int, 0 or more.
        bucket_batches: int. This many batches' worth of shuffled pairs are sorted by
            caption length, cut into batches, and the batches shuffled: less padding,
            at the price of batches of like lengths. 1: no bucketing.
        captions_per_image: int, captions of an image that stand together; must divide
            ``batch_size``, and does not go with ``bucket_batches``. 1: pairs in any
            order.
        width_multiple: int. Widths are rounded up to a multiple of it: fewer shapes
            for XLA (JAX, ``jit_compile``) to compile. 1: no rounding.
        epoch: int. The epoch to start with, when resuming.
        read_ahead: int. Batches prepared ahead; 0 for none.
        progress: whether to show bars over the checks and the tokenising.

    Raises:
        ValueError, FileNotFoundError: before any training, if the store lacks an
            image or a feature file is unusable (as ``RegionStore.check``), if a
            caption has no token, or if there are no captions at all.
    """

    def __init__(
        self,
        captions,
        regions,
        tokenizer,
        batch_size=40,
        shuffle=True,
        seed=0,
        bucket_batches=1,
        captions_per_image=1,
        width_multiple=1,
        epoch=0,
        read_ahead=2,
        progress=False,
    ):
        super().__init__(workers=1)
        _require_at_least(
            1,
            batch_size=batch_size,
            bucket_batches=bucket_batches,
            captions_per_image=captions_per_image,
            width_multiple=width_multiple,
        )
        check_groups(batch_size, captions_per_image, bucket_batches)
        _require_at_least(0, seed=seed, epoch=epoch, read_ahead=read_ahead)
        if not len(captions):
            raise ValueError("captions is empty: there is nothing to train on.")
        self.captions = captions
        self.regions = regions
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.bucket_batches = bucket_batches
        self.captions_per_image = captions_per_image
        self.width_multiple = width_multiple
        regions.check(np.unique(captions.images_of(slice(None))), progress=progress)
        self._tokens, self._starts = _tokenize(captions, tokenizer, progress)
        self._pad_id = tokenizer.pad_id
        groups = -(-np.bincount(captions.caption_to_image) // captions_per_image)
        self._count = math.ceil(groups.sum() * captions_per_image / batch_size)
        self._epoch = epoch
        self._order = None
        self._begun = self._last_asked = False
        self._ahead = _ReadAhead(self._assemble, read_ahead)

    def __len__(self):
        """Number of batches an epoch, a smaller last one included."""
        return self._count

    @property
    def epoch(self):
        """The epoch whose batches are handed out, from 0; may be set.

        ``fit`` moves it on by itself, one epoch trained to the end at a time.
        """
        return self._epoch

    @epoch.setter
    def epoch(self, value):
        _require_at_least(0, epoch=value)
        self._epoch = value
        self._begun = self._last_asked = False

    @property
    def lengths(self):
        """Tokens of each caption, [CLS] and [SEP] counted: int64, (captions,)."""
        return np.diff(self._starts)

    def order(self, epoch):
        """Which captions each batch of an epoch holds.

        Args:
            epoch: int, from 0.

        Returns:
            list of int64 arrays: positions in ``captions.captions``.
        """
        generator = np.random.default_rng([self.seed, epoch])
        if self.captions_per_image > 1:
            pairs = caption_groups(
                self.captions.caption_to_image,
                self.captions_per_image,
                generator if self.shuffle else None,
            ).ravel()
        else:
            pairs = np.arange(len(self.captions))
            if self.shuffle:
                generator.shuffle(pairs)
        if self.bucket_batches > 1:
            pairs = self._sorted_in_buckets(pairs)
        cuts = range(self.batch_size, len(pairs), self.batch_size)
        batches = np.split(pairs, cuts)
        if self.shuffle and self.bucket_batches > 1:
            batches = [batches[i] for i in generator.permutation(len(batches))]
        return batches

    def __getitem__(self, index):
        """Batch ``index`` of the current epoch; negative counts from the end."""
        if not -len(self) <= index < len(self):
            raise IndexError(f"There are {len(self)} batches; received index {index}.")
        # Here, as it is asked from inside TensorFlow's dataset, which lets go of memory.
        keep_freed_memory()
        index %= len(self)
        self._last_asked |= index == len(self) - 1
        return self._ahead.get(self._epoch, index, len(self))

    def on_epoch_begin(self):
        """Called by Keras as an epoch starts."""
        self._begun, self._last_asked = True, False

    def on_epoch_end(self):
        """Called by Keras as an epoch ends: moves on to the next order.

        Keras also calls it before the first epoch, and after having begun one only to
        look at a batch; so an epoch counts once its last batch was asked for.
        """
        if self._begun and self._last_asked:
            self.epoch += 1

    def _sorted_in_buckets(self, pairs):
        bucket = self.bucket_batches * self.batch_size
        lengths = self.lengths
        return np.concatenate(
            [
                piece[np.argsort(lengths[piece], kind="stable")]
                for piece in np.split(pairs, range(bucket, len(pairs), bucket))
            ]
        )

    def _order_of(self, epoch):
        # One tuple, replaced as a whole: threads see either the old or the new one.
        order = self._order
        if order is None or order[0] != epoch:
            order = self._order = (epoch, self.order(epoch))
        return order[1]

    def _assemble(self, epoch, index):
        batches = self._order_of(epoch)
        pairs = batches[index]
        width = self._width(pairs)
        if index == 0 and len(batches) > 1 and width == self._width(batches[1]):
            width += self.width_multiple
        image_ids = self.captions.images_of(pairs)
        inputs = dict(self.regions.read(image_ids[:: self.captions_per_image]))
        inputs["token_ids"], inputs["padding_mask"] = self._padded(pairs, width)
        return inputs, image_ids

    def _width(self, pairs):
        longest = (self._starts[pairs + 1] - self._starts[pairs]).max()
        return math.ceil(longest / self.width_multiple) * self.width_multiple

    def _padded(self, pairs, width):
        starts, ends = self._starts[pairs], self._starts[pairs + 1]
        padding_mask = np.arange(width) < (ends - starts)[:, None]
        token_ids = np.full((len(pairs), width), self._pad_id, np.int32)
        token_ids[padding_mask] = np.concatenate(
            [self._tokens[a:b] for a, b in zip(starts, ends, strict=True)]
        )
        return token_ids, padding_mask


class _ReadAhead:
    """Prepares the batches that follow, in a thread, while they are asked in order."""

    def __init__(self, assemble, count):
        self._assemble = assemble
        self._count = count
        self._lock = threading.Lock()
        self._threads = None
        self._started = {}
        self._previous = None

    def get(self, epoch, index, end):
        with self._lock:
            started = self._started.pop((epoch, index), None)
            in_order = index == 0 or self._previous == (epoch, index - 1)
            self._previous = (epoch, index)
            if not in_order:
                self._drop()
            following = range(index + 1, min(index + 1 + self._count, end))
            if in_order:
                self._start([(epoch, i) for i in following])
        return started.result() if started else self._assemble(epoch, index)

    def _start(self, keys):
        for key in [key for key in self._started if key not in keys]:
            self._started.pop(key).cancel()
        if keys and self._threads is None:
            self._threads = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        for key in keys:
            if key not in self._started:
                self._started[key] = self._threads.submit(self._assemble, *key)

    def _drop(self):
        for future in self._started.values():
            future.cancel()
        self._started.clear()


def _tokenize(captions, tokenizer, progress):
    """All token ids in one flat int32 array, and where each caption starts in it."""
    tokens, lengths = [], []
    for start in progress_bar(
        range(0, len(captions), _CAPTIONS_PER_CALL),
        desc="tokenising captions",
        disable=not progress,
    ):
        output = tokenizer(captions.captions[start : start + _CAPTIONS_PER_CALL])
        padding_mask = np.asarray(output["padding_mask"], bool)
        tokens.append(np.asarray(output["token_ids"], np.int32)[padding_mask])
        lengths.append(padding_mask.sum(1))
    lengths = np.concatenate(lengths)
    if lengths.min() < 3:
        empty = int(np.argmin(lengths))
        raise ValueError(
            f"Caption {captions.caption_ids[empty]} of image "
            f"{captions.images_of(empty)} has no token: {captions.captions[empty]!r}. "
            "Give it a text or remove it from the caption file."
        )
    return np.concatenate(tokens), np.concatenate([[0], np.cumsum(lengths)])


def _require_at_least(minimum, **arguments):
    for name, value in arguments.items():
        whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
        if not whole or value < minimum:
            raise ValueError(
                f"{name} must be an int of at least {minimum}; received {value!r}."
            )
