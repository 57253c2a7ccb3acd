"""Parts of speech without a tagger: word lists, and what the captions themselves show.

This is an approximation. It has no grammar: a word has one class in all captions,
whatever it does in a sentence. Closed classes (determiners, prepositions, pronouns,
auxiliaries, numbers) and the adjectives of `ADJECTIVES` are lists. The other words are
judged by where they stand: a noun ends a noun phrase, an adjective stands inside one.
"""

import re
from collections import Counter

_WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")


def words_of(text):
    """The words of a text, as a frozenset."""
    return frozenset(text.split())


DETERMINERS = words_of(
    "a an the this that these those his her its their my your our some any each every "
    "another both all no several many few"
)
NUMBERS = ("two", "three", "four", "five", "six")
_NUMBERS = frozenset(("one", *NUMBERS, "seven", "eight", "nine", "ten"))
PREPOSITIONS = words_of(
    "in on at of with without by from to into onto over under above below behind "
    "beside between near through across along around against up down off out inside "
    "outside during while for toward towards past among amid next"
)
_OTHER_CLOSED = words_of(
    "is are was were be been being has have had do does did can will would and or but "
    "as if who which whose where when he she it they them him there here not very "
    "just also than then together something someone other front top bottom left right "
    "side each"
)
# Words of one group exclude each other, but words of one tuple mean the same.
ADJECTIVES = (
    (
        ("red", "scarlet"),
        ("orange",),
        ("yellow",),
        ("green",),
        ("blue",),
        ("purple", "violet"),
        ("pink",),
        ("brown", "tan"),
        ("black", "dark"),
        ("white",),
        ("gray", "grey"),
    ),
    (("small", "little", "tiny"), ("large", "big", "huge")),
    (("young",), ("old", "older", "elderly")),
    (("plain", "solid"), ("striped",), ("dotted", "spotted"), ("checkered",)),
    (("tall",), ("short",)),
    (("empty",), ("crowded", "busy")),
    (("wet",), ("dry",)),
    (("wooden",), ("metal",), ("brick",), ("stone",)),
)
_LISTED = frozenset(
    word for group in ADJECTIVES for same in group for word in same
) | words_of(
    "long high low open dirty muddy sandy grassy rocky snowy beautiful colorful bright "
    "light blond blonde asian shirtless bald happy hot cold new same different male "
    "female indoor outdoor"
)
_CLOSED = DETERMINERS | PREPOSITIONS | _NUMBERS | _OTHER_CLOSED
# A word is judged where it stood so often, and in such a share of the places where it
# stands at all, behind a determiner, a number or an adjective.
_LEAST_SEEN, _LEAST_SHARE = 3, 0.25
# Of these, a noun ends its phrase in at least so many, an adjective in at most so many.
_NOUN_SHARE, _ADJECTIVE_SHARE = 0.35, 0.1
_ARTICLE_SHARE = 0.1


class WordClasses:
    """Nouns and adjectives, as a set of captions shows them.

    A word that is on no list is judged where it follows a determiner, a number or a
    listed adjective at least three times, and in a quarter of the places where it
    stands. It is a noun where a closed-class word, a punctuation mark or the end
    follows it in 35 % of these places or more, and an adjective where that is so in
    10 % or fewer. All else is neither. So most verbs are neither, a compound's first
    noun may pass for an adjective ("a soccer ball"), and a rare noun is missed.

    Args:
        captions: list of str, any number.

    Attributes:
        nouns: dict of str to int, lower case: how often each stands in the captions,
            most often first.
        adjectives: frozenset of str.
        after_article: frozenset of str, the nouns that follow "a" or "an" in a tenth of
            their places: one of them can be said to be there.

    Example:
        >>> classes = WordClasses(["A dog runs on the grass.", "a dog", "the dog"] * 3)
        >>> sorted(classes.nouns), classes.is_adjective("red")
        (['dog', 'grass'], True)
    """

    def __init__(self, captions):
        counts, seen, ends, articles = Counter(), Counter(), Counter(), Counter()
        for caption in captions:
            words = [word.lower() for word in split_words(caption)]
            counts.update(words)
            for before, word, after in zip(
                words, words[1:], [*words[2:], "."], strict=False
            ):
                if before in DETERMINERS or before in _NUMBERS or before in _LISTED:
                    seen[word] += 1
                    ends[word] += after in _CLOSED or not after[0].isalnum()
                if before in ("a", "an"):
                    articles[word] += 1
        judged = {
            word: ends[word] / number
            for word, number in seen.items()
            if number >= max(_LEAST_SEEN, _LEAST_SHARE * counts[word])
            and _is_open(word)
        }
        self.nouns = {
            word: number
            for word, number in counts.most_common()
            if judged.get(word, 0) >= _NOUN_SHARE
        }
        self.after_article = frozenset(
            noun
            for noun, number in self.nouns.items()
            if articles[noun] >= _ARTICLE_SHARE * number
        )
        self.adjectives = _LISTED | {
            word for word, share in judged.items() if share <= _ADJECTIVE_SHARE
        }

    def is_noun(self, word):
        """Whether a word, in any case, passes for a noun."""
        return word.lower() in self.nouns

    def is_adjective(self, word):
        """Whether a word, in any case, passes for an adjective."""
        return word.lower() in self.adjectives


def split_words(caption):
    """Words and punctuation marks of a caption, in order: list of str.

    >>> split_words("A dog's ball, red.")
    ['A', "dog's", 'ball', ',', 'red', '.']
    """
    return _WORD.findall(caption)


def _is_open(word):
    return word[0].isalpha() and word not in _CLOSED and word not in _LISTED
