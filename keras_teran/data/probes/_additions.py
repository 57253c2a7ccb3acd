"""Half-truths made of captions: a caption, a true addition, and a wrong one as long.

A sum over words rises with every word. So does a true addition raise it by being there,
and a wrong one too. Three figures tell this from understanding, see `evaluation.probe`.
"""

import itertools
import re

import numpy as np

from keras_teran.data.probes._items import ProbeItem, ProbeSet
from keras_teran.data.probes._word_classes import (
    ADJECTIVES,
    DETERMINERS,
    NUMBERS,
    WordClasses,
    split_words,
    words_of,
)

# What stands in the captions of thousands of photos: the wrong nouns are some of these.
_COMMON_NOUNS = 30
OPPOSITES = {
    "on": "under",
    "under": "over",
    "over": "under",
    "above": "below",
    "below": "above",
    "inside": "outside",
    "outside": "inside",
    "up": "down",
    "down": "up",
}
_PLURALS = words_of("people men women children")
# Before a plural noun, a number can follow these.
_TAKES_NUMBER = words_of("the his her their its my our your these those")
_ARTICLE = re.compile(r"\b([Aa])n?(\s+)$")
_NOTE = (
    "made by rule: an addition is true where another caption of the image says it, and "
    "wrong where none does; a few of the wrong ones will be true, unsaid"
)


def make_half_truths(captions, lengths, seed=0):
    """Half-truths of the captions of each image, by rule.

    For each image and kind, the captions are taken from the shortest to the longest
    until one admits an addition:

    - "noun": "... with a NOUN". True: a noun of another caption of the image, which
      this one lacks. Wrong: one of the 30 most frequent nouns, which no caption of the
      image has.
    - "adjective": before a noun. True: another caption has it before that noun. Wrong:
      an adjective that excludes it (`ADJECTIVES`: colors, sizes, ...), and that no
      caption of the image has.
    - "number": before a plural noun. True: another caption has it there. Wrong: another
      number, which no caption of the image has.
    - "relation": "... on the NOUN" at the end. True: a phrase of another caption.
      Wrong: the same with the opposite preposition (`OPPOSITES`), which no caption of
      the image has.

    Both additions make the caption equally long in tokens. Nouns and adjectives are
    those of `WordClasses`, an approximation without a tagger. What an addition is said
    of is not checked: "on a hill" may be true of a house and be added to a dog.

    Args:
        captions: `CaptionSet`, with several captions an image.
        lengths: function of a list of str that gives the tokens of each, int
            (captions,), such as `CaptionTokenizer.lengths`.
        seed: int, 0 or more. The same arguments give the same items.

    Returns:
        `ProbeSet` of the rule "half-truth"; at most one item an image and kind.

    Raises:
        ValueError: where no caption admits an addition.
    """
    classes = WordClasses(captions.captions)
    own = [[] for _ in captions.image_ids]
    for image, text in zip(captions.caption_to_image, captions.captions, strict=True):
        own[image].append(text.rstrip(" .!"))
    items = []
    for row, (image_id, texts) in enumerate(zip(captions.image_ids, own, strict=True)):
        generator = np.random.default_rng([seed, row])
        texts.sort(key=len)
        for kind, additions in ADDITIONS.items():
            found = _first_equal(texts, additions, classes, lengths, generator)
            if found is not None:
                caption, true, wrong = found
                items.append(
                    ProbeItem(
                        (int(image_id),),
                        (caption, true),
                        (wrong,),
                        kind,
                        f"image {image_id}",
                    )
                )
    if not items:
        raise ValueError(
            "No half-truth can be made: no caption lacks what another caption of its "
            "image says. Give several captions an image."
        )
    return ProbeSet("half-truths", "half-truth", items, (_NOTE,))


def _first_equal(texts, additions, classes, lengths, generator):
    """The first `(caption, true, wrong)` whose two additions are equally long."""
    said = {word for text in texts for word in _lower_words(text)}
    for caption in texts:
        others = [_lower_words(text) for text in texts if text is not caption]
        for true, wrong in additions(caption, others, said, classes, generator):
            short, first, second = lengths([caption, true, wrong])
            # One that was cut off by the tokenizer adds nothing.
            if short < first == second:
                return caption, true, wrong
    return None


def _nouns(caption, others, said, classes, generator):
    words = {*_lower_words(caption)}
    found = {noun for other in others for noun in other} & classes.after_article - words
    common = [noun for noun in classes.nouns if noun in classes.after_article]
    wrongs = [noun for noun in common[:_COMMON_NOUNS] if noun not in said]
    for noun in _drawn(sorted(found), generator):
        for wrong in _drawn(wrongs, generator):
            yield tuple(f"{caption} with {_with_article(n)}" for n in (noun, wrong))


def _adjectives(caption, others, said, classes, generator):
    for before, noun, start in _places(caption):
        if not classes.is_noun(noun) or classes.is_adjective(before):
            continue
        for other in others:
            for adjective, word in itertools.pairwise(other):
                if word != noun:
                    continue
                wrongs = _excluded_by(adjective, said)
                for wrong in _drawn(wrongs, generator):
                    yield tuple(_insert(caption, start, w) for w in (adjective, wrong))


def _numbers(caption, others, said, classes, generator):
    wrongs = [number for number in NUMBERS if number not in said]
    for before, noun, start in _places(caption):
        plural = noun in _PLURALS or (noun.endswith("s") and classes.is_noun(noun))
        taken = before in DETERMINERS - _TAKES_NUMBER or before in NUMBERS
        if not plural or taken or classes.is_adjective(before):
            continue
        for other in others:
            for number, word in itertools.pairwise(other):
                if word == noun and number in NUMBERS:
                    for wrong in _drawn(wrongs, generator):
                        yield tuple(_insert(caption, start, n) for n in (number, wrong))


def _relations(caption, others, said, classes, generator):
    words, phrases = {*_lower_words(caption)}, set()
    for other in others:
        for at, word in enumerate(other):
            phrase = _noun_phrase(other[at + 1 :], classes)
            if phrase and phrase[-1] not in words and word in OPPOSITES:
                phrases.add((word, *phrase))
    phrases = {each for each in phrases if OPPOSITES[each[0]] not in said}
    for preposition, *phrase in _drawn(sorted(phrases), generator):
        yield tuple(
            " ".join([caption, first, *phrase])
            for first in (preposition, OPPOSITES[preposition])
        )


ADDITIONS = {
    "noun": _nouns,
    "adjective": _adjectives,
    "number": _numbers,
    "relation": _relations,
}


def _noun_phrase(words, classes):
    """A noun phrase with a determiner at the start of words: a tuple; () for none."""
    for at, word in enumerate(words):
        if at and classes.is_noun(word):
            after = words[at + 1] if at + 1 < len(words) else "."
            # Else it may be the first half of a compound.
            return () if classes.is_noun(after) else tuple(words[: at + 1])
        if not (word in DETERMINERS if at == 0 else classes.is_adjective(word)):
            return ()
    return ()


def _excluded_by(adjective, said):
    """Adjectives that cannot be true where one is, and that are not said: a list."""
    for group in ADJECTIVES:
        for same in group:
            if adjective in same:
                others = (other for other in group if other is not same)
                return [other[0] for other in others if not said & {*other}]
    return []


def _places(caption):
    """Yields (the word before, a word, where it starts), both in lower case."""
    before = ""
    for found in re.finditer(r"\w+", caption):
        word = found[0].lower()
        yield before, word, found.start()
        before = word


def _insert(caption, start, word):
    """Puts a word before the one at `start`; "a" and "an" follow it."""
    head = caption[:start]
    article = _ARTICLE.search(head)
    if article:
        n = "n" if word[0] in "aeiou" else ""
        head = f"{head[: article.start()]}{article[1]}{n}{article[2]}"
    elif not head:
        word, caption = word.capitalize(), caption[:1].lower() + caption[1:]
    return f"{head}{word} {caption[start:]}"


def _with_article(noun):
    return f"{'an' if noun[0] in 'aeiou' else 'a'} {noun}"


def _lower_words(text):
    return [word.lower() for word in split_words(text)]


def _drawn(values, generator):
    """The values in a drawn order."""
    return [values[at] for at in generator.permutation(len(values))]
