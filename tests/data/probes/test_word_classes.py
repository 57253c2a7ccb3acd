"""Parts of speech by lists and by where words stand."""

from keras_teran.data.probes._word_classes import WordClasses, split_words

# Three of each: a word is judged where it stood three times.
CAPTIONS = [
    "A brown dog runs on the grass.",
    "The dog runs.",
    "two wugs sit near the dog",
    "a muddled dog and a dog",
    "a muddled cat in the grass",
    "a muddled ball, the ball and a ball",
    "the grass",
] * 3


def test_a_noun_ends_its_phrase_and_a_verb_does_not():
    classes = WordClasses(CAPTIONS)
    assert list(classes.nouns)[:3] == ["dog", "grass", "ball"]
    assert classes.is_noun("Dog")
    assert not any(
        map(classes.is_noun, ["runs", "sit", "brown", "the", "two", "muddled"])
    )


def test_an_adjective_is_listed_or_stands_inside_phrases():
    classes = WordClasses(CAPTIONS)
    assert classes.is_adjective("Brown")
    assert classes.is_adjective("muddled")
    assert not classes.is_adjective("dog")


def test_nouns_that_follow_an_article_are_told():
    classes = WordClasses(CAPTIONS)
    assert {"dog", "ball"} <= classes.after_article
    assert "grass" not in classes.after_article


def test_rare_words_and_empty_captions_are_judged_as_nothing():
    assert WordClasses([]).nouns == {}
    assert not WordClasses(["a wug", "", "wug", "?"]).is_noun("wug")


def test_words_and_marks_are_split():
    assert split_words("A man's well-known dog, 2 x.") == [
        "A",
        "man's",
        "well-known",
        "dog",
        ",",
        "2",
        "x",
        ".",
    ]
