"""A trained run as one thing to ask."""

import sys
from pathlib import Path

import numpy as np

from keras_teran.models import check_sentence, image_for, images_for, load_model
from keras_teran.pipeline._explain import explain
from keras_teran.run import model_path, read_run_config, unfinished
from keras_teran.similarity import all_pairs
from keras_teran.text import CaptionTokenizer, check_vocabulary

_SEVERAL = " Of several, encode each side and call model.similarity."


class Matcher:
    """Model and tokeniser of a RUN.

    Args:
        model: `Teran`.
        tokenizer: `CaptionTokenizer` that it was trained with.
        config: dict, how it was trained.

    Raises:
        ValueError: when the tokenizer is not that of the model's table of tokens.

    An image is a dict of `regions` float32 (regions, region_dim) and `boxes` float32
    (regions, 4); many images are the dict that a `RegionStore` reads. Of a model with
    pixels inside, an image is a picture's path, a Pillow image or uint8
    (height, width, 3), and many are a list of these.
    """

    def __init__(self, model, tokenizer, config):
        check_vocabulary(model, tokenizer)
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
            what: list of str, captions; or images of any number, see
                `models.images_for`. A list of str is captions, also of a model with
                pixels inside: give pictures there as `pathlib.Path`.
            batch_size: int, captions or images at a time.
            progress: bool, show a bar.

        Returns:
            Dict of NumPy arrays, the outputs of the encoder.

        Raises:
            ValueError: for one str, a set, or anything else that is neither.
        """
        if _are_texts(what):
            what = self.tokenizer(what)
        return self.model.encode(what, batch_size, progress)

    def score(self, image, sentence):
        """The similarity of one image and one sentence: a float.

        Raises:
            ValueError: for several images or sentences, an image that is none, or a
                sentence without a word that the tokenizer knows.
        """
        check_sentence(sentence, instead=_SEVERAL)
        sentence = self.tokenizer.asked(sentence)
        return float(self._scores(image_for(self.model, image), sentence)[0, 0])

    def rank(self, images, sentence):
        """Images in the order of their similarity to a sentence, best first.

        Args:
            images: dict of `regions`, `boxes` and `region_mask`, (images, ...) each;
                or a list of images as `score` takes them.
            sentence: str; one.

        Returns:
            `(order, scores)`: int64 (images,), positions, and float32 (images,), the
            similarities in that order.

        Raises:
            ValueError: for several sentences, no image, or one that is none.
        """
        check_sentence(sentence, instead=_SEVERAL)
        sentence = self.tokenizer.asked(sentence)
        images = images_for(self.model, images)
        scores = self._scores(images, sentence)[:, 0]
        order = np.argsort(-scores, kind="stable")
        return order, scores[order]

    def explain(self, image, sentence):
        """Which region each word of a sentence chose: an `Explanation`."""
        return explain(self.model, self.tokenizer, image, sentence)

    def _scores(self, images, sentence):
        return all_pairs(
            self.model.encode(images)["region_embeddings"],
            self.encode([sentence])["word_embeddings"],
            self.model.pooling,
            self.model.padding,
        )


def _are_texts(what):
    """Whether these are captions, one str or a list of them; a set has no order."""
    if isinstance(what, set | frozenset):
        raise ValueError(
            "a set has no order, so its embeddings could not be told apart; give a list."
        )
    if isinstance(what, np.ndarray):
        return what.dtype.kind == "U"
    if isinstance(what, list | tuple):
        return all(isinstance(each, str) for each in what)
    return isinstance(what, str)


def load(run):
    """Loads a RUN folder; says on standard error when it is unfinished.

    Args:
        run: path of a folder that a training wrote.

    Returns:
        `Matcher`.

    Raises:
        FileNotFoundError: when the folder is no RUN, or has no model yet.
        ValueError: when one of its files is damaged, or the tokenizer is not that of
            the model.
    """
    run = Path(run)
    config = read_run_config(run)
    if note := unfinished(run, config):
        print(note, file=sys.stderr)
    model = load_model(model_path(run))
    tokenizer = CaptionTokenizer.load(run, saved=True)
    check_vocabulary(model, tokenizer, run)
    return Matcher(model, tokenizer, config)
