"""ARO's order sets, made of any captions: the same words in another order.

Yuksekgonul et al. 2023 (arXiv 2210.01936) shuffle COCO's and Flickr30k's captions in
four ways and ask for the caption among its shuffles.
"""

import numpy as np

from keras_teran.data.probes._items import ProbeItem, ProbeSet
from keras_teran.data.probes._word_classes import WordClasses, split_words

ALL_SHUFFLES = "all of them"
MADE_BY_SHUFFLING = (
    "shuffled here: nouns and adjectives are told by word lists and by where a word "
    "stands in these captions, not by the tagger of the ARO paper",
)
_TRIES = 20


def make_order(captions, seed=0):
    """ARO's order set of captions.

    As in ARO, captions are lower-cased and lose their punctuation, the right one too.
    Nouns and adjectives are those of `WordClasses`, an approximation without a tagger.
    A shuffle that leaves the caption as it is after 20 tries, such as of a caption with
    one noun, is left out.

    Args:
        captions: `CaptionSet`.
        seed: int, 0 or more. The same arguments give the same items.

    Returns:
        `ProbeSet` of the rule "choice". A kind is a shuffle: the caption beside one
        wrong caption. The kind `ALL_SHUFFLES` has all of a caption's shuffles as wrong
        captions, as published.

    Raises:
        ValueError: where no caption has a word to shuffle.
    """
    rows = [
        (int(image), text, f"caption {caption_id}")
        for image, text, caption_id in zip(
            captions.images_of(np.arange(len(captions))),
            captions.captions,
            captions.caption_ids,
            strict=True,
        )
    ]
    items = shuffled_items(rows, seed)
    if not items:
        raise ValueError(
            "No caption can be shuffled: each has one word, or one word repeated. Give "
            "captions of several words."
        )
    return ProbeSet("order", "choice", items, MADE_BY_SHUFFLING, total=None)


def shuffled_items(rows, seed):
    """Items of the four shuffles, and of all of them.

    Args:
        rows: list of (image key, caption, place).
        seed: int.

    Returns:
        list of `ProbeItem`.
    """
    classes = WordClasses([text for _, text, _ in rows])
    items = []
    for number, (image, text, place) in enumerate(rows):
        words = [word.lower() for word in split_words(text) if word[0].isalnum()]
        right, wrongs = " ".join(words), []
        for at, (kind, shuffle) in enumerate(SHUFFLES.items()):
            generator = np.random.default_rng([seed, number, at])
            wrong = _another_order(words, shuffle, classes, generator)
            if wrong is not None:
                items.append(ProbeItem((image,), (right,), (wrong,), kind, place))
                if wrong not in wrongs:
                    wrongs.append(wrong)
        if wrongs:
            items.append(
                ProbeItem((image,), (right,), tuple(wrongs), ALL_SHUFFLES, place)
            )
    return items


def _another_order(words, shuffle, classes, generator):
    """The words shuffled, as a text; None where that gives the same text again."""
    for _ in range(_TRIES):
        found = shuffle(words, classes, generator)
        if found != words:
            return " ".join(found)
    return None


def _nouns_and_adjectives(words, classes, generator):
    """Nouns change places with nouns, adjectives with adjectives."""
    nouns = [at for at, word in enumerate(words) if classes.is_noun(word)]
    adjectives = [at for at, word in enumerate(words) if classes.is_adjective(word)]
    return _permuted(_permuted(words, nouns, generator), adjectives, generator)


def _all_others(words, classes, generator):
    """All words but nouns and adjectives change places."""
    others = [
        at
        for at, word in enumerate(words)
        if not classes.is_noun(word) and not classes.is_adjective(word)
    ]
    return _permuted(words, others, generator)


def _within_trigrams(words, _, generator):
    """Each three words, from the first on, change places with one another."""
    for trigram in _trigrams(words):
        words = _permuted(words, trigram, generator)
    return words


def _whole_trigrams(words, _, generator):
    """Groups of three words, from the first on, change places; the last is the rest."""
    groups = _trigrams(words)
    order = generator.permutation(len(groups))
    return [words[at] for group in order for at in groups[group]]


def _trigrams(words):
    places = range(len(words))
    return [list(places[start : start + 3]) for start in places[::3]]


def _permuted(words, places, generator):
    """The words with those at some places permuted among these places."""
    changed = list(words)
    for place, source in zip(places, generator.permutation(places), strict=True):
        changed[place] = words[int(source)]
    return changed


SHUFFLES = {
    "nouns and adjectives": _nouns_and_adjectives,
    "all but nouns and adjectives": _all_others,
    "within trigrams": _within_trigrams,
    "trigrams": _whole_trigrams,
}
