"""ROUGE-L against the textbook's table."""

import numpy as np
import pytest

from keras_teran.evaluation._rouge import RougeL, split_words


def naive_common(one, other):
    table = [[0] * (len(other) + 1) for _ in range(len(one) + 1)]
    for i, word in enumerate(one):
        for j, second in enumerate(other):
            if word == second:
                table[i + 1][j + 1] = table[i][j] + 1
            else:
                table[i + 1][j + 1] = max(table[i][j + 1], table[i + 1][j])
    return table[-1][-1]


def naive_rouge(caption, references):
    words = caption.lower().split(" ")
    common = [naive_common(words, r.lower().split(" ")) for r in references]
    lengths = [len(r.lower().split(" ")) for r in references]
    precision = max(n / len(words) for n in common)
    recall = max(n / length for n, length in zip(common, lengths, strict=True))
    if precision == 0:
        return 0.0
    return (1 + 1.2**2) * precision * recall / (recall + 1.2**2 * precision)


def random_sentences(seed, count, longest, vocabulary):
    rng = np.random.default_rng(seed)
    lengths = rng.integers(1, longest + 1, count)
    # Squared: some words in nearly every sentence, some in one.
    return [
        [f"w{int(vocabulary * draw**2)}" for draw in rng.random(n)] for n in lengths
    ]


@pytest.mark.seconds
@pytest.mark.parametrize(
    ("longest", "vocabulary"),
    [(12, 40), (64, 3), (65, 4), (200, 6), (130, 200)],
    ids=["captions", "one block", "just over one", "four blocks", "sparse and long"],
)
def test_lengths_of_the_library_equal_the_textbook_table(longest, vocabulary):
    """With one caption an image, the score is (1 + b²) n / (words + b² length)."""
    many = random_sentences(longest, 30, longest, vocabulary)
    many += random_sentences(1, 5, 3, vocabulary)
    asked = random_sentences(7, 8, longest, vocabulary + 2)
    scorer = RougeL([" ".join(words) for words in many], range(len(many)), len(many))
    expected = [[naive_rouge(" ".join(a), [" ".join(b)]) for b in many] for a in asked]
    found = scorer.rows([" ".join(words) for words in asked])
    np.testing.assert_allclose(found, expected, rtol=1e-6)


@pytest.mark.parametrize("length", [63, 64, 65, 127, 128, 129])
def test_a_sentence_has_all_of_itself_in_common_across_64_bits(length):
    words = [f"w{k}" for k in range(length)]
    same, backwards, one_word = words, words[::-1], ["w0"] * length
    sentences = [" ".join(each) for each in (same, backwards, one_word)]
    found = RougeL(sentences, range(3), 3).rows(sentences[::2])
    # With n common words of `length` each, P = R = n / length, and so is the score.
    expected = [[1, 1 / length, 1 / length], [1 / length, 1 / length, 1]]
    np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_scores_equal_the_naive_loop_for_unequal_reference_counts():
    rng = np.random.default_rng(0)
    owners = rng.permutation(np.repeat(np.arange(9), rng.integers(1, 7, 9)))
    captions = [" ".join(s) for s in random_sentences(2, len(owners), 14, 12)]
    captions[3] = "W1  w2 " + captions[3]
    captions[4] = " " + captions[4].upper() + "  "
    scorer = RougeL(captions, owners, 9)
    owned = [[captions[c] for c in np.flatnonzero(owners == i)] for i in range(9)]
    expected = [[naive_rouge(caption, own) for own in owned] for caption in captions]
    np.testing.assert_allclose(scorer.rows(captions), expected, rtol=1e-6)


def test_precision_and_recall_may_come_from_different_references():
    # "a b c d": 3 of 4 words common with the long one, the short one wholly covered.
    row = RougeL(["a b c x x x x x", "a"], [0, 0], 1).rows(["a b c d"])[0]
    precision, recall = 3 / 4, 1 / 1
    expected = (1 + 1.44) * precision * recall / (recall + 1.44 * precision)
    assert row[0] == pytest.approx(expected, rel=1e-6)


def test_empty_words_and_punctuation_count_and_case_does_not():
    assert split_words("A  Dog. ") == ["a", "", "dog.", ""]
    scorer = RougeL(["a  dog. ", "a dog"], [0, 1], 2)
    # Against "a dog" only "a" is common: P 1/4, R 1/2.
    other = (1 + 1.44) * 0.25 * 0.5 / (0.5 + 1.44 * 0.25)
    np.testing.assert_allclose(scorer.rows(["A  DOG. "])[0], [1, other], rtol=1e-6)


def test_nothing_in_common_scores_zero():
    assert RougeL(["x", "y z"], [0, 1], 2).rows(["a b"]).tolist() == [[0, 0]]


def test_real_captions_equal_the_naive_loop(shared):
    from keras_teran.data._caption_set import read_captions

    path = shared / "flickr8k" / "val" / "dataset_flickr8k_val.json"
    captions = read_captions(path, "val").select_images(range(40))
    scorer = RougeL(captions.captions, captions.caption_to_image, 40)
    asked = captions.captions[::23]
    owned = [captions.captions_of(image) for image in range(40)]
    expected = [[naive_rouge(caption, own) for own in owned] for caption in asked]
    np.testing.assert_allclose(scorer.rows(asked), expected, rtol=1e-6)
