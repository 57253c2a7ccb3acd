"""Hostile tokenizer files, vocabularies and sentences, of a RUN and from Python."""

import shutil

import numpy as np
import pytest
from support.data_folder import write_data_folder
from support.hostile_rows import Row, check_row, parametrize
from support.hostile_texts import DEEP, write
from support.tiny_models import tiny, tiny_tokenizer

from keras_teran.pipeline._matcher import Matcher
from keras_teran.run import save_model, write_config
from keras_teran.text._tokenizer import CaptionTokenizer
from keras_teran.text._vocabulary import vocabulary_sha256
from keras_teran.tf_serving._interface import Interface

TEXTS = ["a red ring", "there is one blue star and it is green", "black cross"]
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "dog", "##s", "run", "."]
MADE = {}


@pytest.fixture(scope="module", autouse=True)
def made(tmp_path_factory):
    """A RUN whose model knows its vocabulary, and data that it can be asked about."""
    run = tmp_path_factory.mktemp("text") / "run"
    run.mkdir()
    tokenizer = tiny_tokenizer(TEXTS, 80)
    tokenizer.save(run)
    model = tiny(vocabulary_sha256=vocabulary_sha256(tokenizer.vocabulary))
    save_model(model, run / "model.keras", include_optimizer=False)
    write_config(run, {"preset": "tiny", "data": None})
    MADE["run"], MADE["data"] = run, write_data_folder(run.parent / "data")
    MADE["matcher"] = Matcher(model, tokenizer, {"preset": "tiny"})


# A RUN: `align` of a caption.


def aligned(caption="a red ring", command=("align",), **damage):
    """`align` on a copy of the RUN with other files; a key `a_b` is the file `a.b`."""

    def build(folder):
        run = folder / "run"
        shutil.copytree(MADE["run"], run)
        for name, content in damage.items():
            path = run / name.replace("_", ".")
            content = content(path.read_text()) if callable(content) else content
            if content is None:
                path.unlink()
            else:
                write(path, content)
        name, *options = command
        options = [MADE["data"] if each == "DATA" else each for each in options]
        arguments = [name, run, "--out", folder / "out", *options]
        if name != "align":
            return arguments
        asked = ["--data", MADE["data"], "--split", "val", "--caption", caption]
        return arguments + asked

    return build


def settings(**changed):
    return {"keras_teran_tokenizer": {"lowercase": True, "max_length": 64, **changed}}


def lines(function):
    """A vocabulary with its list of lines changed."""
    return lambda text: "\n".join(function(text.split("\n")[:-1])) + "\n"


SHORTER = aligned(vocab_txt=lines(lambda tokens: tokens[:-7]))
REORDERED = aligned(vocab_txt=lines(lambda t: [*t[:10], t[11], t[10], *t[12:]]))

RUN = [
    Row(
        "tokenizer.json unknown setting",
        aligned(tokenizer_json=settings(foo=1)),
        r"tokenizer\.json: keras_teran_tokenizer\.foo is a key that is not known here",
    ),
    Row(
        "tokenizer.json max_length text",
        aligned(tokenizer_json=settings(max_length="64")),
        "max_length should be a valid integer; received '64'",
    ),
    Row(
        "tokenizer.json max_length 10**30",
        aligned(tokenizer_json=settings(max_length=10**30)),
        "max_length should be less than or equal to 65536; received 10000000",
    ),
    Row(
        "tokenizer.json max_length true",
        aligned(tokenizer_json=settings(max_length=True)),
        "max_length should be a valid integer; received True",
    ),
    Row(
        "tokenizer.json lowercase 'no'",
        aligned(tokenizer_json=settings(lowercase="no")),
        "lowercase should be a valid boolean; received 'no'",
    ),
    Row(
        "tokenizer.json deep",
        aligned(tokenizer_json=DEEP),
        r"tokenizer\.json: lists or objects are nested too deep",
    ),
    Row(
        "tokenizer.json max_length 5000 and a long caption",
        aligned("a red ring " * 100, tokenizer_json=settings(max_length=5000)),
        "run has max_length=5000, the model 96 positions; set max_length to at most",
    ),
    Row(
        "tokenizer.json max_length 97",
        aligned(tokenizer_json=settings(max_length=97)),
        "run has max_length=97, the model 96 positions",
    ),
    Row(
        "tokenizer.json missing",
        aligned(tokenizer_json=None),
        r"tokenizer\.json does not hold .*keras_teran_tokenizer",
    ),
    Row("tokenizer.json {}", aligned(tokenizer_json="{}"), r"tokenizer\.json is empty"),
    Row("tokenizer.json a list", aligned(tokenizer_json="[]"), "valid dictionary"),
    Row(
        "vocab.txt shorter",
        SHORTER,
        "run has 193 tokens, the model's table 200 rows; give the vocab.txt that",
    ),
    Row(
        "vocab.txt reordered",
        REORDERED,
        "run has other tokens than the model was trained with, or the same in another",
    ),
    Row(
        "vocab.txt with a token twice",
        aligned(vocab_txt=lines(lambda tokens: [*tokens[:-1], "red"])),
        r"vocab\.txt, line 200: 'red' stands in line \d+ already",
    ),
    Row(
        "vocab.txt with a blank line more",
        aligned(vocab_txt=lines(lambda tokens: [*tokens, ""])),
        "run has 201 tokens, the model's table 200 rows",
    ),
    Row(
        "vocab.txt no text",
        aligned(vocab_txt=b"\xff\x00\x01"),
        r"vocab\.txt is not UTF-8: byte 0",
    ),
    Row(
        "--caption unknown symbols",
        aligned("日本 ☃"),
        "The model knows no word of '日本",
    ),
    Row("--caption of white space", aligned(" \t"), "The model knows no word of"),
    Row("--caption empty", aligned(""), "caption is an empty text; give one"),
    Row("--caption [SEP]", aligned("[SEP] [UNK]"), "The model knows no word of"),
    Row(
        "--caption not UTF-8",
        aligned("caf\udce9"),
        r"sentence is no text in UTF-8: '\\udce9' at character 3",
    ),
    Row(
        "--caption of 10**6 letters",
        aligned("a" * 10**6),
        "sentence has 1,000,000 characters; give at most 20,000",
    ),
    Row(
        "vocabulary smaller than the table",
        aligned(
            command=("export", "--formats", "savedmodel"),
            vocab_txt=lines(lambda tokens: tokens[:-7]),
        ),
        "run has 193 tokens, the model's table 200 rows",
    ),
    Row(
        "export: a vocabulary in another order",
        aligned(
            command=("export", "--formats", "savedmodel"),
            vocab_txt=lines(lambda tokens: tokens[::-1]),
        ),
        "run has other tokens than the model was trained with",
    ),
    Row(
        "index: a vocabulary in another order",
        aligned(
            command=("index", "--split", "val", "--regions", "DATA"),
            vocab_txt=lines(lambda tokens: tokens[::-1]),
        ),
        "run has other tokens than the model was trained with",
    ),
]


def called(function):
    """A row of a public function that needs no file."""
    return lambda folder: function


def tokenizer(*arguments, **named):
    return called(lambda: CaptionTokenizer(WORDS, *arguments, **named))


def given(*captions):
    return called(lambda: CaptionTokenizer(WORDS)(*captions))


def image():
    boxes = np.float32([[0, 0, 0.5, 0.5], [0.2, 0.2, 1, 1]])
    return {"regions": np.ones((2, 8), "float32"), "boxes": boxes}


def asked(name, sentence):
    def ask():
        matcher = MADE["matcher"]
        images = {n: v[None] for n, v in image().items()}
        images["region_mask"] = np.ones((1, 2), bool)
        return getattr(matcher, name)(images if name == "rank" else image(), sentence)

    return called(ask)


PYTHON = [
    Row(
        "CaptionTokenizer max_length text",
        tokenizer(max_length="64"),
        "max_length='64' must be a whole number from 3 to 65,536",
    ),
    Row("CaptionTokenizer max_length 5.5", tokenizer(max_length=5.5), "max_length=5.5"),
    Row("CaptionTokenizer max_length True", tokenizer(max_length=True), "length=True"),
    Row("CaptionTokenizer max_length 10**30", tokenizer(True, 10**30), "whole number"),
    Row(
        "CaptionTokenizer lowercase 'no'", tokenizer("no"), "lowercase must be True or"
    ),
    Row(
        "CaptionTokenizer strip_accents 1",
        tokenizer(strip_accents=1),
        "strip_accents must be True or False; received 1",
    ),
    Row(
        "CaptionTokenizer of one text",
        called(lambda: CaptionTokenizer("[PAD]")),
        "must be a list of tokens; received '\\[PAD\\]'",
    ),
    Row(
        "CaptionTokenizer of numbers",
        called(lambda: CaptionTokenizer([*WORDS, 5])),
        "Token 10 of the vocabulary is 5; give texts",
    ),
    Row(
        "CaptionTokenizer of a token with a line feed",
        called(lambda: CaptionTokenizer([*WORDS, "a\nb"])),
        r"Token 10 of the vocabulary is 'a\\nb'; give texts that can stand on a line",
    ),
    Row(
        "CaptionTokenizer.train size -1",
        called(lambda: CaptionTokenizer.train(["a dog"], -1)),
        "vocabulary_size=-1 must be a whole number from 5 to 1,048,576",
    ),
    Row(
        "CaptionTokenizer.train size text",
        called(lambda: CaptionTokenizer.train(["a dog"], "80")),
        "vocabulary_size='80' must be a whole number",
    ),
    Row(
        "CaptionTokenizer.train size 10**12",
        called(lambda: CaptionTokenizer.train(["a dog"], 10**12)),
        "vocabulary_size=1000000000000 must be a whole number",
    ),
    Row(
        "CaptionTokenizer.train of one text",
        called(lambda: CaptionTokenizer.train("a dog")),
        "captions is one string, 'a dog'; give a list",
    ),
    Row(
        'tokenizer([b"a"])',
        given([b"a"]),
        r"caption 0 must be a str; received b'a' \(bytes\)",
    ),
    Row(
        "tokenizer([None])",
        given(["a", None]),
        "caption 1 must be a str; received None",
    ),
    Row(
        "tokenizer(None)", given(None), "captions must be a list of texts; received No"
    ),
    Row("tokenizer({})", given({"a": 1}), "captions must be a list of texts"),
    Row("tokenizer(a set)", given({"a", "b"}), "captions must be a list of texts"),
    Row(
        "tokenizer(an array of no axes)",
        given(np.array("a")),
        "captions must be a list of texts",
    ),
    Row(
        "tokenizer(b'a')",
        given(b"a"),
        "captions must be a list of texts; received b'a'",
    ),
    Row(
        "tokenizer(lone surrogate)",
        given(["a \ud83d"]),
        r"caption 0 is no text in UTF-8: '\\ud83d' at character 2",
    ),
    Row("tokenizer(width text)", given(["a"], "8"), "width='8' must be a whole number"),
    *(
        Row(f"{name}: {what}", asked(name, sentence), says)
        for name in ("score", "rank", "explain")
        for what, sentence, says in (
            ("unknown symbols", "☃ 日本", "The model knows no word of '☃ 日本'"),
            (
                "bytes",
                b"a red ring",
                "must be one str; received a bytes: b'a red ring'",
            ),
            ("a lone surrogate", "a \udce9", "sentence is no text in UTF-8"),
            ("no text", None, "must be one str; received a NoneType: None"),
        )
    ),
]


@pytest.mark.slow
@parametrize([*RUN, *PYTHON])
def test_hostile_text(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


@pytest.mark.seconds
def test_a_caption_of_the_longest_length_is_answered():
    caption = "ab" * 10_000
    trained = CaptionTokenizer.train([caption, "a dog"], 80)
    assert trained([caption])["token_ids"].shape == (1, 3)


def test_captions_of_a_file_may_hold_no_known_word():
    """Only a sentence that a person asks about is refused."""
    batch = CaptionTokenizer(WORDS)(["☃", "a dog"])
    assert batch["token_ids"].tolist() == [[2, 1, 3, 0], [2, 5, 6, 3]]
    assert len(MADE["matcher"].encode(["☃", "a red ring"])["caption_embedding"]) == 2


@pytest.mark.parametrize(
    "change, says",
    [
        (
            lambda tokens: tokens[::-1],
            "has other tokens than the model was trained with",
        ),
        (lambda tokens: tokens[:-1], "has 9 tokens, the model's table 10 rows"),
    ],
)
def test_a_client_refuses_another_vocabulary_than_that_of_its_models(
    tmp_path, change, says
):
    from keras_teran.tf_serving import Client

    limits = Interface(
        1, len(WORDS), 64, 4, 2, "exclude", (8,), (4,), vocabulary_sha256(WORDS)
    )
    CaptionTokenizer(WORDS).save(tmp_path)
    limits.write(tmp_path)
    assert Client("http://127.0.0.1:1", tmp_path).tokenizer.vocabulary == WORDS
    CaptionTokenizer(change(WORDS)).save(tmp_path)
    with pytest.raises(ValueError, match="not the file that interface.json names"):
        Client("http://127.0.0.1:1", tmp_path)
    limits.write(tmp_path)
    with pytest.raises(ValueError, match=says):
        Client("http://127.0.0.1:1", tmp_path)


@pytest.mark.seconds
def test_a_matcher_refuses_another_vocabulary_than_its_models():
    matcher = MADE["matcher"]
    other = CaptionTokenizer(matcher.tokenizer.vocabulary[::-1])
    with pytest.raises(ValueError, match="in another order; give the vocab.txt of SHA"):
        Matcher(matcher.model, other, {})
    assert Matcher(tiny(), other, {}).tokenizer is other  # a model that knows of none
