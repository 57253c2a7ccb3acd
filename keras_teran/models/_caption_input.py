"""Captions as a caller gives them: one sentence, or the token ids of many."""

import numpy as np

from keras_teran._io import shown
from keras_teran.models._input_arrays import mask_array, number_array


def check_sentence(sentence, name="sentence", instead=""):
    """Refuses anything but one sentence.

    Args:
        sentence: str.
        name: str, what errors call it.
        instead: str, what takes several sentences.

    Raises:
        ValueError: for anything but a str; a list of sentences is several.
    """
    if not isinstance(sentence, str):
        raise ValueError(
            f"{name} must be one str; received a {type(sentence).__name__}: "
            f"{shown(sentence)}.{instead}"
        )


def token_inputs(config, inputs, name="inputs"):
    """Checks token ids of captions for a model.

    Args:
        config: dict, `Teran.config`.
        inputs: dict of `token_ids` integers (captions, words) and `padding_mask` bool
            (captions, words), True where a token is real.
        name: str, what errors call them.

    Returns:
        Dict of `token_ids` int32 and `padding_mask` bool. Ids of padding are 0.

    Raises:
        ValueError: for other shapes or kinds, a real id outside the vocabulary, a
            caption without a token, or one longer than the model's position table.
    """
    ids = number_array(inputs["token_ids"], f"{name}: token_ids", "iu")
    if ids.ndim != 2:
        raise ValueError(
            f"{name}: token_ids must be (captions, words); received {ids.shape}."
        )
    mask = mask_array(inputs["padding_mask"], f"{name}: padding_mask", ids.shape)
    tokens, longest = config["vocabulary_size"], config["caption_max_length"]
    outside = mask & ((ids < 0) | (ids >= tokens))
    if outside.any():
        row, place = np.argwhere(outside)[0].tolist()
        raise ValueError(
            f"{name}: token_ids[{row}] holds {ids[row, place]}; the model's vocabulary "
            f"has the ids 0 to {tokens - 1}. Use the tokenizer of this model."
        )
    if len(mask) and not (real := mask.any(axis=1)).all():
        raise ValueError(
            f"{name}: caption {real.argmin()} has no token: its padding_mask is all "
            "False."
        )
    width = int(np.flatnonzero(mask.any(axis=0)).max(initial=-1)) + 1
    if width > longest:
        raise ValueError(
            f"{name}: token_ids of shape {ids.shape} are longer than the {longest} "
            f"positions of the caption encoder; tokenise with max_length={longest}."
        )
    return {"token_ids": np.where(mask, ids, 0).astype("int32"), "padding_mask": mask}
