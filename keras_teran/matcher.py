"""A trained run as one thing to ask."""

import sys
from pathlib import Path

import keras
import numpy as np

from keras_teran import model as _registers_teran  # noqa: F401  (for load_model)
from keras_teran.explain import explain
from keras_teran.one_image import image_for
from keras_teran.run import model_path, read_run_config, unfinished
from keras_teran.scoring import all_pairs
from keras_teran.tokenizer import CaptionTokenizer


class Matcher:
    """Model and tokeniser of a RUN.

    Args:
        model: `Teran`.
        tokenizer: `CaptionTokenizer` that it was trained with.
        config: dict, how it was trained.

    An image is a dict of `regions` float32 (regions, region_dim) and `boxes` float32
    (regions, 4); many images are the dict that a `RegionStore` reads. Of a model with
    pixels inside, an image is a picture's path, a Pillow image or uint8
    (height, width, 3), and many are a list of these.
    """

    def __init__(self, model, tokenizer, config):
        self.model = model
        self.tokenizer = tokenizer
        self.config = config

    @property
    def preset(self):
        """Name of the preset that the model was built from."""
        return self.config["preset"]

    def encode(self, what, batch_size=256, progress=False):
        """Embeddings of captions or images.

        Args:
            what: list of str, or the dict that a `RegionStore` reads.
            batch_size: int, captions or images at a time.
            progress: bool, show a bar.

        Returns:
            Dict of NumPy arrays, the outputs of the encoder.
        """
        if not isinstance(what, dict):
            what = self.tokenizer(what)
        return self.model.encode(what, batch_size, progress)

    def score(self, image, sentence):
        """The similarity of one image and one sentence: a float."""
        return float(self._scores(image_for(self.model, image), [sentence])[0, 0])

    def rank(self, images, sentence):
        """Images in the order of their similarity to a sentence, best first.

        Args:
            images: dict of `regions`, `boxes` and `region_mask`, (images, ...) each;
                or a list of pictures.
            sentence: str.

        Returns:
            `(order, scores)`: int64 (images,), positions, and float32 (images,), the
            similarities in that order.
        """
        if not isinstance(images, dict):
            each = [image_for(self.model, image) for image in images]
            images = {n: np.concatenate([one[n] for one in each]) for n in each[0]}
        scores = self._scores(images, [sentence])[:, 0]
        order = np.argsort(-scores, kind="stable")
        return order, scores[order]

    def explain(self, image, sentence):
        """Which region each word of a sentence chose: an `Explanation`."""
        return explain(self.model, self.tokenizer, image, sentence)

    def _scores(self, images, sentences):
        return all_pairs(
            self.encode(images)["region_embeddings"],
            self.encode(sentences)["word_embeddings"],
            self.model.pooling,
            self.model.padding,
        )


def load(run):
    """Loads a RUN folder; says on standard error when it is unfinished.

    Args:
        run: path of a folder that a training wrote.

    Returns:
        `Matcher`.

    Raises:
        FileNotFoundError: when the folder is no RUN, or has no model yet.
        ValueError: of one line, when one of its files is damaged.
    """
    run = Path(run)
    config = read_run_config(run)
    if note := unfinished(run, config):
        print(note, file=sys.stderr)
    model = keras.saving.load_model(model_path(run), compile=False)
    return Matcher(model, CaptionTokenizer.load(run), config)
