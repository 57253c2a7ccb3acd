"""The tokeniser against the `tokenizers` package's own BERT tokeniser."""

import json
import os
import unicodedata
from pathlib import Path

import numpy as np
import pytest
from tokenizers import BertWordPieceTokenizer
from tokenizers.models import WordPiece

from keras_teran.data.captions import read_captions
from keras_teran.tokenizer import CaptionTokenizer
from keras_teran.vocabulary import read_vocabulary

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "##s", "run", "."]

CAPTIONS = [
    "A man in a red shirt is climbing a wall.",
    "Two dogs run through the snow; one's jumping!",
    "A café's déjà-vu: naïve Zürich façade",
    "Three children (aged 4-6) playing by the sea, smiling & waving...",
    "一只狗在草地上奔跑 near the 公园",
    "ein großer Hund läuft über die Straße",
]

HOSTILE = [
    *CAPTIONS,
    "",
    " ",
    "Café DÉJÀ vu",
    unicodedata.normalize("NFD", "Ångström naïveté"),
    "İstanbul ıgdır ǅ ß ﬁ",
    "狗狗跑了dog犬",
    "한국어 사진 ひらがな カタカナ",
    "a 👩‍👩‍👧‍👦 family 🐕🏽 and flags 🇨🇭",
    "tab\tnewline\ncarriage\rreturn\x0bvertical\x0cform",
    "nul\x00bell\x07escape\x1bdelete\x7freplacement\ufffd",
    "no-break\u00a0thin\u2009ideographic\u3000line\u2028paragraph\u2029next\x85end",
    "zero\u200bwidth\u200djoiner\ufeffbom soft\u00adhyphen",
    "right \u202eto left\u202c العربية עברית",
    "x" * 99 + " " + "x" * 100 + " " + "x" * 101 + " " + "dog" * 400,
    "don't 'quote' \u2018curly\u2019 \u201cdouble\u201d — dash … dots",
    "[CLS] a dog [SEP] [MASK] [PAD] [UNK] [sep]",
    "##s ##dog a##s #hash @at $5.00 50% <b>html</b> a_b a.b",
    "½ ² ﬀ Ⅷ ① ℃",
    "lone surrogate's friend: \U0001f600\U00010348",
    "dogs " * 200,
]


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


@pytest.mark.parametrize("lowercase", [True, False])
@pytest.mark.parametrize("strip_accents", [True, False, None])
@pytest.mark.parametrize("chinese", [True, False])
def test_settings_of_a_hugging_face_folder_give_the_ids_of_the_tokenizers_package(
    tmp_path, lowercase, strip_accents, chinese
):
    vocabulary = CaptionTokenizer.train(
        [*CAPTIONS, *map(str.lower, CAPTIONS)], 400, lowercase=False
    ).vocabulary
    settings = {
        "do_lower_case": lowercase,
        "strip_accents": strip_accents,
        "tokenize_chinese_chars": chinese,
        "model_max_length": 512,
    }
    write_folder(tmp_path, vocabulary, tokenizer_config=settings)
    ours = CaptionTokenizer.load(tmp_path)
    assert ours.max_length == 512
    theirs = BertWordPieceTokenizer(
        {token: index for index, token in enumerate(vocabulary)},
        lowercase=lowercase,
        strip_accents=strip_accents,
        handle_chinese_chars=chinese,
    )
    theirs.enable_truncation(512)
    ours.save(tmp_path / "again")
    again = CaptionTokenizer.load(tmp_path / "again", saved=True)
    for caption in HOSTILE:
        expected = theirs.encode(caption)
        encoded = ours.encode(caption)
        assert encoded.token_ids == expected.ids, caption
        assert encoded.spans == expected.offsets, caption
        assert again.encode(caption) == encoded
    # The package's own file says the same as the settings that it was made from.
    folder = tmp_path / "graph"
    write_folder(folder, vocabulary, tokenizer=json.loads(theirs.to_str()))
    assert CaptionTokenizer.load(folder)._normalizing() == ours._normalizing()


def test_accents_of_a_lower_cased_caption_stay_where_the_folder_says_so(tmp_path):
    words = ["ein", "madchen", "mädchen", "lauft", "läuft", "schon", "schön"]
    settings = {"do_lower_case": True, "strip_accents": False}
    write_folder(tmp_path, [*WORDS[:4], *words], tokenizer_config=settings)
    caption = "Ein Mädchen läuft schön"
    kept = CaptionTokenizer.load(tmp_path).encode(caption)
    assert kept.tokens == ["[CLS]", "ein", "mädchen", "läuft", "schön", "[SEP]"]
    assert kept.token_ids == [2, 4, 6, 8, 10, 3]
    stripped = CaptionTokenizer([*WORDS[:4], *words]).encode(caption)
    assert stripped.token_ids == [2, 4, 5, 7, 9, 3]


def write_folder(folder, vocabulary=WORDS, **files):
    """A Hugging Face folder: a vocabulary, and JSON files by their stems."""
    folder.mkdir(exist_ok=True)
    (folder / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps(content), encoding="utf-8")


GRAPH = json.loads(
    BertWordPieceTokenizer({token: i for i, token in enumerate(WORDS)}).to_str()
)
MODEL = GRAPH["model"]
REFUSED = [
    ("tokenizer_config", {"do_basic_tokenize": False}, "do_basic_tokenize should be T"),
    (
        "tokenizer_config",
        {"never_split": ["dog"]},
        r"never_split: \['dog'\] is not hon",
    ),
    (
        "tokenizer_config",
        {"wordpieces_prefix": "@@"},
        "wordpieces_prefix should be '##'",
    ),
    ("tokenizer_config", {"clean_text": False}, "clean_text should be True"),
    (
        "tokenizer_config",
        {"unk_token": "<unk>"},
        r"unk_token: must be \[UNK\]; received",
    ),
    (
        "tokenizer_config",
        {"cls_token": {"content": "<s>"}},
        r"cls_token: must be \[CLS",
    ),
    (
        "tokenizer_config",
        {"keep_accents": True},
        "keep_accents is a key that is not kn",
    ),
    (
        "tokenizer_config",
        {"do_lower_case": "no"},
        "do_lower_case should be a valid bool",
    ),
    (
        "tokenizer_config",
        {"truncation_side": "left"},
        "truncation_side should be 'right'",
    ),
    ("tokenizer_config", {"split_special_tokens": True}, "split_special_tokens should"),
    (
        "tokenizer_config",
        {"tokenizer_class": "RobertaTokenizer"},
        "tokenizer_class shou",
    ),
    (
        "tokenizer_config",
        {"additional_special_tokens": ["<x>"]},
        r"\['<x>'\] is not ho",
    ),
    ("tokenizer_config", {"model_max_length": 2}, "model_max_length should be greater"),
    (
        "tokenizer_config",
        {"added_tokens_decoder": {"6": {"content": "dog"}}},
        "tokenizer_config.json adds the token 'dog' with id 6",
    ),
    ("tokenizer_config", [], "tokenizer_config.json should be a valid dictionary"),
    ("special_tokens_map", {"sep_token": "</s>"}, r"sep_token: must be \[SEP\]"),
    (
        "added_tokens",
        {"yeti": 10},
        "added_tokens.json adds the token 'yeti' with id 10",
    ),
    (
        "tokenizer",
        {**GRAPH, "normalizer": {"type": "NFKC"}},
        "normalizer.type should be",
    ),
    (
        "tokenizer",
        {**GRAPH, "pre_tokenizer": {"type": "Metaspace"}},
        "pre_tokenizer.typ",
    ),
    (
        "tokenizer",
        {**GRAPH, "post_processor": {"type": "ByteLevel"}},
        "post_processor t",
    ),
    ("tokenizer", {**GRAPH, "model": {**MODEL, "type": "BPE"}}, "model.type should be"),
    (
        "tokenizer",
        {**GRAPH, "model": {**MODEL, "vocab": {"a": 0}}},
        "another vocabulary",
    ),
    ("tokenizer", {}, "tokenizer.json is empty"),
]


@pytest.mark.parametrize(
    "name, content, says", REFUSED, ids=[f"{n} {str(c)[:40]}" for n, c, _ in REFUSED]
)
def test_a_setting_that_is_not_honored_is_refused_by_name(
    tmp_path, name, content, says
):
    write_folder(tmp_path, **{name: content})
    with pytest.raises(ValueError, match=says) as raised:
        CaptionTokenizer.load(tmp_path)
    assert "\n" not in str(raised.value)


def test_files_of_a_folder_that_contradict_each_other_are_refused(tmp_path):
    write_folder(tmp_path, tokenizer=GRAPH, tokenizer_config={"do_lower_case": False})
    with pytest.raises(
        ValueError, match="sets lowercase to False, tokenizer.json to Tr"
    ):
        CaptionTokenizer.load(tmp_path)


def test_settings_that_cannot_change_ids_are_passed_over(tmp_path):
    described = {"content": "[UNK]", "lstrip": False, "normalized": False}
    settings = {
        "tokenizer_class": "BertTokenizer",
        "name_or_path": "bert-base-uncased",
        "padding_side": "left",
        "model_max_length": 1000000000000000019884624838656,
        "never_split": ["[SEP]"],
        "unk_token": described,
        "added_tokens_decoder": {"1": described},
        "clean_up_tokenization_spaces": True,
        "bos_token": None,
    }
    write_folder(
        tmp_path, tokenizer_config=settings, special_tokens_map={"unk_token": described}
    )
    loaded = CaptionTokenizer.load(tmp_path)
    assert (loaded.lowercase, loaded.max_length) == (True, 64)


LINES = {
    "blank lines": "\n\n",
    "U+2028": "a\u2028b\n\u2028\n",
    "carriage returns": "x\r\ny\rz\n",
    "white space": "x \ny\t\u3000\nz\x1c\n",
    "no line feed at the end": "last",
    "a blank line at the end": "last\n\n",
}


@pytest.mark.parametrize("name", LINES)
def test_a_vocabulary_is_read_as_the_tokenizers_package_reads_it(tmp_path, name):
    path = tmp_path / "vocab.txt"
    text = "\n".join(WORDS) + "\n" + LINES[name]
    path.write_text(text, encoding="utf-8", newline="")
    ours = read_vocabulary(path)
    theirs = WordPiece.read_file(str(path))
    # A token that stands on several lines has the last one's number there.
    assert {token: index for index, token in enumerate(ours)} == theirs
    assert CaptionTokenizer.load(tmp_path).vocabulary == ours


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
