"""Tokenizer folders of Hugging Face: each setting is honored, or refused by its name."""

import json

import pytest
from support.odd_captions import CAPTIONS, HOSTILE, WORDS
from tokenizers import BertWordPieceTokenizer
from tokenizers.models import WordPiece

from keras_teran.text._tokenizer import CaptionTokenizer
from keras_teran.text._vocabulary import read_vocabulary


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


@pytest.mark.parametrize(
    "name", ["normalizer", "pre_tokenizer", "post_processor", "model"]
)
def test_a_part_that_is_null_is_a_setting(tmp_path, name):
    """Without its normalizer, `tokenizers` would not lower-case a text."""
    write_folder(tmp_path, tokenizer={"version": "1.0", name: None})
    with pytest.raises(ValueError, match=rf"tokenizer\.json: {name} should be"):
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
