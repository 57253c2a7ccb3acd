"""The tokeniser against the `tokenizers` package's own BERT tokeniser."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from support.odd_captions import CAPTIONS, HOSTILE, WORDS
from tokenizers import BertWordPieceTokenizer

from keras_teran.data._caption_set import read_captions
from keras_teran.text._tokenizer import CaptionTokenizer


@pytest.fixture(scope="module", params=["trained", "MiniLM"])
def vocabulary(request):
    if request.param == "trained":
        return CaptionTokenizer.train(CAPTIONS, vocabulary_size=300).vocabulary
    folder = os.environ.get("KERAS_TERAN_MINILM")
    if not folder:
        pytest.skip("needs a MiniLM folder: set KERAS_TERAN_MINILM")
    return CaptionTokenizer.load(folder).vocabulary


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("max_length", [8, 64, 1000])
def test_ids_tokens_and_spans_equal_those_of_bert(vocabulary, lowercase, max_length):
    ours = CaptionTokenizer(vocabulary, lowercase, max_length)
    theirs = BertWordPieceTokenizer(
        {token: index for index, token in enumerate(vocabulary)}, lowercase=lowercase
    )
    theirs.enable_truncation(max_length)
    batch = ours(HOSTILE)
    for row, caption in enumerate(HOSTILE):
        expected = theirs.encode(caption)
        encoded = ours.encode(caption)
        assert encoded.token_ids == expected.ids, caption
        assert encoded.tokens == expected.tokens, caption
        assert encoded.spans == expected.offsets, caption
        real = batch["padding_mask"][row]
        assert batch["token_ids"][row, real].tolist() == expected.ids, caption


def test_hostile_text_uses_more_than_the_unknown_token():
    """Or else the comparison above would say little on the trained vocabulary."""
    tokenizer = CaptionTokenizer.train(CAPTIONS, vocabulary_size=300)
    tokens = {t for caption in HOSTILE for t in tokenizer.encode(caption).tokens}
    assert {"cafe", "狗", "wall", "##s"} <= tokens or len(tokens) > 80


def test_ids_and_mask_by_hand():
    tokenizer = CaptionTokenizer(WORDS)
    batch = tokenizer(["A dog.", "dogs run fast"])
    assert batch["token_ids"].tolist() == [[2, 5, 6, 9, 3, 0], [2, 6, 7, 8, 1, 3]]
    assert batch["padding_mask"].tolist() == [[True] * 5 + [False], [True] * 6]
    assert batch["token_ids"].dtype == np.int32
    assert batch["padding_mask"].dtype == bool


def test_spans_are_characters_of_the_caption():
    caption = "  A  Dogs."
    encoded = CaptionTokenizer(WORDS).encode(caption)
    assert encoded.tokens == ["[CLS]", "a", "dog", "##s", ".", "[SEP]"]
    pieces = [caption[start:end] for start, end in encoded.spans]
    assert pieces == ["", "A", "Dog", "s", ".", ""]
    assert encoded.spans[0] == encoded.spans[-1] == (0, 0)


def test_a_width_pads_and_one_too_narrow_is_refused():
    tokenizer = CaptionTokenizer(WORDS)
    assert tokenizer(["a"], width=5)["token_ids"].tolist() == [[2, 5, 3, 0, 0]]
    with pytest.raises(ValueError, match="has 4 tokens, more than width=3"):
        tokenizer(["a dog"], width=3)


def test_the_pad_id_is_where_the_vocabulary_has_it():
    tokenizer = CaptionTokenizer(WORDS[1:] + ["[PAD]"])
    assert tokenizer(["a", "a dog"])["token_ids"][0].tolist() == [1, 4, 2, 9]


def test_a_long_caption_is_cut_before_the_last_token():
    tokenizer = CaptionTokenizer(WORDS, max_length=4)
    assert tokenizer(["a dog run a dog"])["token_ids"].tolist() == [[2, 5, 6, 3]]
    assert tokenizer.lengths(["a dog run a dog", "a"]).tolist() == [4, 3]


def test_no_captions_give_no_rows():
    batch = CaptionTokenizer(WORDS)([])
    assert batch["token_ids"].shape == batch["padding_mask"].shape == (0, 0)


def test_training_depends_on_the_captions_alone_not_on_their_order():
    first = CaptionTokenizer.train(CAPTIONS * 3, vocabulary_size=150)
    again = CaptionTokenizer.train(CAPTIONS[::-1] * 3, vocabulary_size=150)
    assert first.vocabulary == again.vocabulary
    assert len(first.vocabulary) == 150
    assert first.vocabulary[:5] == WORDS[:5]


def test_a_saved_tokeniser_comes_back(tmp_path):
    tokenizer = CaptionTokenizer.train(CAPTIONS, 200, lowercase=False, max_length=9)
    tokenizer.save(tmp_path / "new" / "folder")
    loaded = CaptionTokenizer.load(tmp_path / "new" / "folder")
    assert loaded.vocabulary == tokenizer.vocabulary
    assert (loaded.lowercase, loaded.max_length) == (False, 9)
    assert not list(tmp_path.rglob("*.part"))
    np.testing.assert_array_equal(
        loaded(HOSTILE)["token_ids"], tokenizer(HOSTILE)["token_ids"]
    )


def test_a_vocabulary_line_ends_at_a_newline_only(tmp_path):
    """Some vocabularies hold characters that Python too takes for line ends."""
    lines = [*WORDS, "a\u2028b", "a\x1cb", "last"]
    text = "\r\n".join(lines) + "\r\n"
    (tmp_path / "vocab.txt").write_bytes(text.encode("utf-8"))
    assert CaptionTokenizer.load(tmp_path).vocabulary == lines


@pytest.mark.parametrize("lowercase", [True, False])
def test_a_hugging_face_folder_says_whether_to_lower_case(tmp_path, lowercase):
    Path(tmp_path, "vocab.txt").write_text("\n".join(WORDS))
    Path(tmp_path, "tokenizer.json").write_text('{"version": "1.0"}')
    Path(tmp_path, "tokenizer_config.json").write_text(
        json.dumps({"do_lower_case": lowercase})
    )
    tokenizer = CaptionTokenizer.load(tmp_path)
    assert tokenizer.lowercase is lowercase
    assert tokenizer.encode("A").tokens[1] == ("a" if lowercase else "[UNK]")


def test_a_folder_without_a_vocabulary_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"vocab\.txt is missing"):
        CaptionTokenizer.load(tmp_path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((WORDS[1:],), r"vocabulary of 9 tokens lacks \[PAD\]"),
        (([*WORDS, "dog"],), "holds 'dog' twice"),
        ((WORDS, True, 2), "max_length=2 must be a whole number from 3 to 65,536"),
    ],
)
def test_an_unusable_vocabulary_or_length_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        CaptionTokenizer(*arguments)


def test_a_single_string_is_refused_where_a_list_is_meant():
    tokenizer = CaptionTokenizer(WORDS)
    for method in (tokenizer, tokenizer.lengths):
        with pytest.raises(ValueError, match="captions is one string, 'a dog'"):
            method("a dog")


@pytest.mark.seconds
@pytest.mark.parametrize("lowercase", [True, False])
def test_ids_of_thousands_of_real_captions_equal_those_of_bert(
    shared, vocabulary, lowercase
):
    file = shared / "flickr8k" / "val" / "dataset_flickr8k_val.json"
    if not file.is_file():
        pytest.skip(f"needs real captions: no {file}")
    captions = read_captions(file, "val").captions
    assert len(captions) == 5000
    theirs = BertWordPieceTokenizer(
        {token: index for index, token in enumerate(vocabulary)}, lowercase=lowercase
    )
    ours = CaptionTokenizer(vocabulary, lowercase, max_length=512)(captions)
    real = [
        ids[mask].tolist()
        for ids, mask in zip(ours["token_ids"], ours["padding_mask"], strict=True)
    ]
    assert real == [encoded.ids for encoded in theirs.encode_batch(captions)]
