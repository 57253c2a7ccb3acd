"""Retrieval on a held-out set after each epoch, as Keras logs."""

import keras

from keras_teran.data import match_images
from keras_teran.evaluation._evaluate import evaluate
from keras_teran.evaluation._grounding import pointing_accuracy
from keras_teran.evaluation._recall import (
    DIRECTIONS,
    METRICS,
    check_correspondence,
    flatten,
)


class RetrievalEvaluation(keras.callbacks.Callback):
    """Evaluate after each epoch and put the recall table into the epoch's logs.

    With the default prefix the logs gain `val_rsum`, `val_image_to_text_r1` and so on
    (see `flatten`): recalls are fractions, ranks count from 0. Where phrases are given
    they gain `val_pointing`, the fraction of phrases that point into their box.

    Keras calls callbacks in the order of the list, and Keras offers no way to see that
    order from inside: put this one **before** those that read its logs
    (`ModelCheckpoint`, `EarlyStopping`, `TensorBoard`, `CSVLogger`). `check_order`
    raises where they stand the other way round. A higher `val_rsum` is better, which
    Keras cannot guess from the name: give `mode="max"`.

    Args:
        captions: `CaptionSet`, every image with at least one caption.
        regions: a `RegionStore` that holds its images.
        tokenizer: `CaptionTokenizer`.
        prefix: str, put before the names in the logs.
        progress: bool, show bars while evaluating.
        phrases: list of `Phrase` of images in `regions`, see `read_phrases`; None for
            none.

    Raises:
        ValueError: on construction, so before training: an image has no caption, or
            `regions` lacks one, or one of a phrase.

    Example:

        fit(batches, epochs=30, callbacks=[
            RetrievalEvaluation(captions, regions, tokenizer),
            keras.callbacks.ModelCheckpoint(
                "best.keras", monitor="val_rsum", mode="max", save_best_only=True),
            keras.callbacks.EarlyStopping(
                monitor="val_rsum", mode="max", patience=3)])
    """

    def __init__(
        self,
        captions,
        regions,
        tokenizer,
        prefix="val_",
        progress=False,
        phrases=None,
    ):
        super().__init__()
        check_correspondence(captions.caption_to_image, len(captions.image_ids))
        regions.rows(captions.image_ids)
        if phrases is not None:
            match_images(phrases, regions, captions)
        self.captions = captions
        self.regions = regions
        self.tokenizer = tokenizer
        self.prefix = prefix
        self.progress = progress
        self.phrases = phrases

    def on_epoch_end(self, epoch, logs=None):
        """Evaluate and add the results to `logs`, which later callbacks share."""
        table, _ = evaluate(
            self.model, self.captions, self.regions, self.tokenizer, self.progress
        )
        found = flatten(table, self.prefix)
        if self.phrases is not None:
            found[f"{self.prefix}pointing"] = pointing_accuracy(
                self.model, self.tokenizer, self.phrases, self.regions, self.captions
            )
        if logs is not None:
            logs.update(found)


def check_order(callbacks):
    """Check that nothing reads the logs of a `RetrievalEvaluation` before it wrote.

    Args:
        callbacks: list of Keras callbacks, as for `fit`.

    Returns:
        The same list.

    Raises:
        ValueError: a callback that monitors one of its logs, a `TensorBoard` or a
            `CSVLogger` stands before a `RetrievalEvaluation`.
    """
    for place, callback in enumerate(callbacks):
        if isinstance(callback, RetrievalEvaluation):
            for earlier in callbacks[:place]:
                if _reads(earlier, callback.prefix):
                    raise ValueError(
                        f"{type(earlier).__name__} stands before RetrievalEvaluation "
                        f"and would not see its logs ({callback.prefix}rsum ...): put "
                        "RetrievalEvaluation first."
                    )
    return callbacks


def _reads(callback, prefix):
    if isinstance(callback, keras.callbacks.TensorBoard | keras.callbacks.CSVLogger):
        return True
    ours = {f"{prefix}rsum", f"{prefix}pointing"} | {
        f"{prefix}{direction}_{metric}"
        for direction in DIRECTIONS
        for metric in METRICS
    }
    return getattr(callback, "monitor", None) in ours
