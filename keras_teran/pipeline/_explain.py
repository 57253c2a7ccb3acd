"""Which region each word chose: the alignment of one image and one caption.

`explain` reads the alignment from a model, `draw` (of `_figure`) shows it. The reading
follows MrSw (Messina et al. 2021, arXiv 2008.05231, section 4.2), where each word
counts its best region; under another pooling it still shows each word's nearest region.
"""

from dataclasses import dataclass, field

import numpy as np

from keras_teran._io import shown
from keras_teran.models import check_sentence, image_for
from keras_teran.pipeline._figure import draw
from keras_teran.pipeline._heat_map import GRID, heat_maps, stretched

__all__ = ["Explanation", "draw", "explain", "merge_pieces"]


@dataclass(frozen=True)
class Explanation:
    """The alignment of one image and one caption, by whole words.

    Attributes:
        caption: str, as given.
        words: list of str, the caption's words that take part in the score, as they
            stand in the caption; word pieces are joined.
        spans: list of (start, end), the characters of each word.
        boxes: float32 (regions, 4), relative x0 y0 x1 y1.
        region_mask: bool (regions,), False for padding, which no word can choose.
        cosines: float32 (regions, words), the mean over a word's pieces; 0 for padding.
        chosen: int64 (words,), the region of each word's highest cosine.
        score: float, the model's similarity of this image and this caption.
        pooling: str, the pooling of the score.
        piece_spans: list of (start, end), the characters of each word piece; None, as
            where an explanation is made by hand, for those of the words.
        piece_cosines: float32 (regions, pieces); None for those of the words.
    """

    caption: str
    words: list
    spans: list
    boxes: np.ndarray = field(repr=False)
    region_mask: np.ndarray = field(repr=False)
    cosines: np.ndarray = field(repr=False)
    chosen: np.ndarray
    score: float
    pooling: str = "MrSw"
    piece_spans: list | None = field(default=None, repr=False)
    piece_cosines: np.ndarray | None = field(default=None, repr=False)

    def phrase_cosines(self, phrase):
        """Cosines of a word or phrase with all regions: the maximum over its pieces.

        Args:
            phrase: int, the position of a word in `words`; str, a part of the caption, of
                which the first place in any case counts; or (start, end), characters.

        Returns:
            float32 (regions,); of padding 0.

        Raises:
            ValueError: if it is not in the caption, or no word of it is in the score.
        """
        start, end = self.span_of(phrase)
        by_word = self.piece_spans is None
        spans = self.spans if by_word else self.piece_spans
        inside = [n for n, (a, b) in enumerate(spans) if a < end and b > start]
        if not inside:
            raise ValueError(
                f"phrase={shown(phrase)}: none of its words takes part in the score; those "
                f"that do are {', '.join(self.words)}."
            )
        return (self.cosines if by_word else self.piece_cosines)[:, inside].max(axis=1)

    def heat_map(self, phrase, height=GRID, width=GRID):
        """Where a word or phrase is: the heat map by which grounding is measured.

        Args:
            phrase: see `phrase_cosines`.
            height, width: int, of the map; it has 14 x 14 cells.

        Returns:
            float64 (height, width), 0..1, rows from the top; 1 at the hottest cell.

        Raises:
            ValueError: see `phrase_cosines`.
        """
        real = self.region_mask
        cosines = self.phrase_cosines(phrase)[None, real]
        return stretched(heat_maps(cosines, self.boxes[real])[0], height, width)

    def span_of(self, phrase):
        """The characters (start, end) of a word or phrase, see `phrase_cosines`."""
        if isinstance(phrase, str):
            start = self.caption.casefold().find(phrase.casefold())
            if not phrase.strip() or start < 0:
                raise ValueError(
                    f"phrase={shown(phrase)} is no part of the caption "
                    f"{shown(self.caption)}."
                )
            return start, start + len(phrase)
        if isinstance(phrase, tuple | list) and len(phrase) == 2:
            return tuple(phrase)
        if isinstance(phrase, bool) or not isinstance(phrase, int | np.integer):
            raise ValueError(
                f"phrase={shown(phrase)} must be the position of a word, a part of the "
                "caption, or (start, end)."
            )
        if not 0 <= phrase < len(self.words):
            raise ValueError(
                f"phrase={phrase} is no position of a word; the caption has "
                f"{len(self.words)}, from 0."
            )
        return self.spans[phrase]


def explain(model, tokenizer, inputs, caption):
    """Ask a model which region each word of a caption chose.

    Args:
        model: `Teran`.
        tokenizer: `CaptionTokenizer`.
        inputs: dict of one image, with or without a leading axis of 1: `regions`
            float32 (regions, features), `boxes` float32 (regions, 4) relative
            x0 y0 x1 y1, maybe `region_mask` bool (regions,). A picture for a model with
            pixels inside, see `image_for`.
        caption: str.

    Returns:
        `Explanation`.

    Raises:
        ValueError: `inputs` lacks a key or holds several images, the image has no real
            region, `caption` is no str, it has no word that the tokenizer knows, or
            none of its words takes part in the score.
    """
    check_sentence(caption, "caption", " Explain one sentence at a time.")
    inputs = image_for(model, inputs, name="inputs")
    image = model.encode(inputs)
    captions = model.encode(tokenizer([tokenizer.asked(caption)]))
    pieces = tokenizer.encode(caption)
    mask = captions["word_mask"][0]
    real = [index for index in range(len(pieces.tokens)) if mask[index]]
    if not real:
        raise ValueError(
            f"No word of caption {caption!r} takes part in the score: give a caption "
            "with at least one word."
        )
    groups = merge_pieces(pieces.tokens, pieces.spans, real)
    spans = [(pieces.spans[g[0]][0], pieces.spans[g[-1]][1]) for g in groups]
    by_piece = image["region_embeddings"][0] @ captions["word_embeddings"][0].T
    cosines = np.stack([by_piece[:, group].mean(axis=1) for group in groups], axis=1)
    region_mask = inputs["region_mask"][0]
    score = float(model.similarity(image, captions)[0, 0])
    return Explanation(
        caption=caption,
        words=[caption[start:end] for start, end in spans],
        spans=spans,
        boxes=inputs["boxes"][0],
        region_mask=region_mask,
        cosines=cosines.astype("float32"),
        chosen=np.where(region_mask[:, None], cosines, -np.inf).argmax(axis=0),
        score=score,
        pooling=model.pooling,
        piece_spans=[pieces.spans[index] for index in real],
        piece_cosines=by_piece[:, real].astype("float32"),
    )


def merge_pieces(tokens, spans, positions):
    """Group word pieces into words.

    A piece continues the word before it if it starts with `##` and its characters
    follow on; so `don`, `'` and `t` stay three words, as they are for BERT.

    Args:
        tokens: list of str, word pieces.
        spans: list of (start, end), characters of each piece.
        positions: list of int, the pieces to group, in order.

    Returns:
        list of lists of int: the positions of each word's pieces.

    >>> merge_pieces(["a", "ska", "##ter"], [(0, 1), (2, 5), (5, 8)], [0, 1, 2])
    [[0], [1, 2]]
    """
    groups = []
    for position in positions:
        continues = tokens[position].startswith("##") and groups
        if continues and spans[groups[-1][-1]][1] == spans[position][0]:
            groups[-1].append(position)
        else:
            groups.append([position])
    return groups
