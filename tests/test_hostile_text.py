"""Hostile caption files, sizes and tokenizer folders, through the real commands.

The rows of the areas dataset, captions and text of pack, run, python and export, and
inputs of the same kinds beside them.
"""

import json
import os
import shutil
import time

import numpy as np
import pytest
from data_folder import record, write_data_folder
from hostile_rows import Row, check_row, parametrize
from tiny_models import tiny, tiny_tokenizer

from keras_teran.data.caption_files import read_rows
from keras_teran.data.captions import CaptionSet, read_captions
from keras_teran.data.sizes import read_sizes
from keras_teran.matcher import Matcher
from keras_teran.run import save_model, write_config
from keras_teran.serving.interface import Interface
from keras_teran.tokenizer import CaptionTokenizer
from keras_teran.vocabulary import vocabulary_sha256

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


def write(path, content):
    if isinstance(content, bytes):
        path.write_bytes(content)
    else:
        text = content if isinstance(content, str) else json.dumps(content)
        path.write_text(text, encoding="utf-8", newline="")
    return path


# Captions: by `train` where they are in the Karpathy layout, else by `pack`.


def trained(**changes):
    """`train` on a folder whose first image of train has these in place of its own."""

    def build(folder):
        write_data_folder(folder / "data")
        path = folder / "data" / "train" / "dataset_train.json"
        content = json.loads(path.read_text())
        own = {k: changes[k] for k in changes if k in ("sentid", "raw")}
        content["images"][0]["sentences"][0].update(own)
        content["images"][0].update({k: changes[k] for k in changes if k not in own})
        write(path, content)
        data = folder / "data"
        return ["train", folder / "out", "--data", data, "--epochs", "1"]

    return build


def trained_on(text):
    def build(folder):
        write_data_folder(folder / "data")
        write(folder / "data" / "train" / "dataset_train.json", text)
        return ["train", folder / "out", "--data", folder / "data", "--epochs", "1"]

    return build


def packed(name, content):
    """`pack` of no features: captions are read first."""

    def build(folder):
        path = write(folder / name, content)
        return ["pack", folder / "none", folder / "out", "--captions", path]

    return build


def sized(name, content):
    """`pack` of features whose boxes are in pixels, with this file of their sizes."""

    def build(folder):
        captions = {"images": [{**record("train", row)} for row in (0, 1)]}
        write(folder / "captions.json", captions)
        for layout, width in (("bu_att", 8), ("bu_box", 4)):
            (folder / "raw" / layout).mkdir(parents=True)
            for row in (0, 1):
                rows = np.ones((3, width), "float32") * [1, 2, 30, 40][: width % 8 or 1]
                path = folder / "raw" / layout / f"{row}"
                if width == 8:
                    np.savez(f"{path}.npz", feat=rows)
                else:
                    np.save(f"{path}.npy", rows)
        sizes = write(folder / name, content)
        arguments = ["pack", folder / "raw", folder / "out"]
        arguments += ["--captions", folder / "captions.json", "--sizes", sizes]
        return arguments

    return build


def both(**changes):
    """COCO's annotations of two images, the first with changes."""
    images = [{"id": number, "width": 64, "height": 48} for number in (0, 1)]
    return {"images": [images[0] | changes, images[1]]}


def karpathy(**changes):
    """The text of a caption file of one image."""
    return {"images": [{**record("train", 0), **changes}]}


LONG = "a" * 10**7
DEEP = "[" * 100_000 + "]" * 100_000
HEAD = "image,caption\na.jpg,a dog\n"
WHOLE = "must be a whole number of 64 bits; received"
COCO = {
    "images": [{"id": 7, "file_name": "a.jpg"}],
    "annotations": [{"id": 1, "image_id": 7, "caption": "a dog"}],
}


def karpathy_read(name, content):
    """`read_captions`, which `train` and others call for `--captions`."""

    def build(folder):
        path = write(folder / name, content)
        return lambda: read_captions(path, "train")

    return build


def fifo(folder):
    os.mkfifo(folder / "c.json")
    captions = ["--captions", folder / "c.json"]
    return ["pack", folder / "none", folder / "out", *captions]


DATASET = [
    Row(
        "captions JSON 100,000 brackets deep",
        trained_on('{"images": ' + DEEP + "}"),
        r"dataset_train.json: lists or objects are nested too deep\.$",
    ),
    Row(
        "captions: sentid 2**70",
        trained(sentid=2**70),
        rf"dataset_train.json, image 0, sentid {WHOLE} 1180591620717411303424\.$",
    ),
    Row("captions: sentid 1.5", trained(sentid=1.5), rf"sentid {WHOLE} 1\.5\.$"),
    Row("captions: sentid true", trained(sentid=True), rf"sentid {WHOLE} True\.$"),
    Row("captions: sentid a list", trained(sentid=[1]), rf"sentid {WHOLE} \[1\]\.$"),
    Row("captions: sentid null", trained(sentid=None), rf"sentid {WHOLE} None\.$"),
    Row(
        "captions: imgid 2**70",
        trained(imgid=2**70),
        rf"dataset_train.json, images\[0\], imgid {WHOLE} 1180591620717411303424\.$",
    ),
    Row("captions: imgid 'x'", trained(imgid="x"), rf"imgid {WHOLE} 'x'\.$"),
    Row("captions: cocoid 0.5", trained(cocoid=0.5), rf"cocoid {WHOLE} 0\.5\.$"),
    Row("captions: cocoid -2**64", trained(cocoid=-(2**64)), rf"cocoid {WHOLE} -18446"),
    Row(
        "captions: sentid 1e400",
        trained_on(
            '{"images": [{"split": "train", "sentences": [{"sentid": 1e400}]}]}'
        ),
        r"dataset_train.json: the number 1e400 is too large\.$",
    ),
    Row(
        "captions: raw one word of 10**7 letters",
        trained(raw=LONG),
        "caption 0 of image 0 has 10,000,000 characters; give at most 20,000",
    ),
    Row(
        "captions: raw 20,001 words",
        trained(raw="a " * 20_001),
        "has 40,002 characters; give at most 20,000",
    ),
    Row(
        "captions: raw a number",
        trained(raw=5),
        r"caption 0 of image 0 must be a str; received 5 \(int\)",
    ),
    Row(
        "captions: raw half a surrogate pair",
        trained(raw="a \ud83d dog"),
        "holds half of a surrogate pair",
    ),
    Row(
        "captions: sentences a number",
        trained(sentences=5),
        "`sentences` of image 0 must be a list of objects; received 5",
    ),
    Row(
        "captions: sentences of texts",
        trained(sentences=["a dog"]),
        r"must be a list of objects; received \['a dog'\]",
    ),
    Row(
        "captions: split a list",
        trained(split=[1]),
        r"images\[0\], split must be a str",
    ),
    Row("captions: filename a number", trained(filename=3), "filename must be a str"),
    Row(
        "captions: a key twice",
        trained_on('{"images": [], "images": []}'),
        "the key 'images' occurs twice",
    ),
    Row("captions: images null", trained_on('{"images": null}'), "not in the Karpathy"),
    Row(
        "captions: one word of 10**7 letters, by pack",
        packed("c.json", karpathy(sentences=[{"raw": LONG, "sentid": 0}])),
        "has 10,000,000 characters; give at most 20,000",
        apart=True,
    ),
]

CAPTIONS = [
    Row(
        "c.csv: image_id 2**70",
        packed("c.csv", f"image,caption,image_id\na.jpg,a dog,{2**70}\n"),
        rf"c\.csv, line 2: image_id {WHOLE} '1180591620717411303424'\.$",
    ),
    Row(
        "c.csv: image_id 1.5",
        packed("c.csv", "image,caption,image_id\na.jpg,a dog,1.5\n"),
        rf"line 2: image_id {WHOLE} '1\.5'\.$",
    ),
    Row(
        "c.csv: image_id 1_000",
        packed("c.csv", "image,caption,image_id\na.jpg,a dog,1_000\n"),
        rf"line 2: image_id {WHOLE} '1_000'\.$",
    ),
    Row(
        "c.jsonl: image_id true",
        packed("c.jsonl", '{"image": "a", "caption": "b", "image_id": true}'),
        rf"c\.jsonl, line 1: image_id {WHOLE} True\.$",
    ),
    Row(
        "c.jsonl: image_id 1e400",
        packed("c.jsonl", '{"image": "a", "caption": "b", "image_id": 1e400}'),
        r"c\.jsonl, line 1: the number 1e400 is too large\.$",
    ),
    Row(
        "c.jsonl: deep",
        packed("c.jsonl", '{"image": "a", "caption": ' + DEEP + "}"),
        r"c\.jsonl, line 1: lists or objects are nested too deep\.$",
    ),
    Row(
        "c.json: a list, deep",
        packed("c.json", DEEP),
        r"c\.json: lists or objects are nested too deep\.$",
    ),
    Row(
        "c.csv: an unclosed quote",
        packed("c.csv", HEAD + 'b.jpg,"a cat\nc.jpg,a cow\nd.jpg,"a bee"\n'),
        r"c\.csv, line 3: a quote is opened and not closed",
    ),
    Row(
        "c.csv: a quoted field over two lines",
        packed("c.csv", HEAD + 'b.jpg,"a cat\non a mat"\n'),
        r"c\.csv, line 3: a quote is opened and not closed; a record stands on one line",
    ),
    Row(
        "c.csv: text behind a closing quote",
        packed("c.csv", HEAD + 'b.jpg,"Stop" it says\n'),
        r"c\.csv, line 3: text follows a closing quote.*inner quote is written twice",
    ),
    Row(
        "c.csv: a caption of 200 kB",
        packed("c.csv", HEAD + "b.jpg," + "a" * 200_000 + "\n"),
        r"c\.csv, line 3: field larger than field limit \(131072\)\.$",
    ),
    Row(
        "c.tsv: a caption of 200 kB",
        packed("c.tsv", "image\tcaption\nb.jpg\t" + "a" * 200_000 + "\n"),
        r"c\.tsv, line 2: the caption has 200,000 characters; give at most 20,000",
    ),
    Row(
        "c.csv: a record of Kaggle's results.csv without its separator",
        packed("c.csv", "image_name| comment_number| comment\na.jpg| 4   A dog .\n"),
        r"c\.csv, line 2: not as many columns as the first line: 2, not 3; .*`\|`",
    ),
    Row(
        "c.csv: no separator that is known",
        packed("c.csv", "image^caption\na.jpg^a dog\n"),
        r"c\.csv, line 1 needs an image .* separated by comma, tab, `;` or `\|`",
    ),
    Row(
        "c.csv: a column twice",
        packed("c.csv", "image,caption,caption\na.jpg,a dog,b\n"),
        "line 1 names the column 'caption' twice",
    ),
    Row(
        "c.csv: UTF-16 without a mark",
        packed("c.csv", HEAD.encode("utf-16-le")),
        r"c\.csv, line 1 holds a NUL, so it is no text, or UTF-16 without a mark",
    ),
    Row(
        "c.csv: line ends of carriage returns",
        packed("c.csv", HEAD.replace("\n", "\r")),
        r"c\.csv, line 1 needs .* on a line that ends in a line feed",
    ),
    Row(
        "c.json: image ids of COCO that are words",
        packed("c.json", {**COCO, "images": [{"id": "x", "file_name": "a"}]}),
        rf"c\.json, images\[0\], id {WHOLE} 'x'\.$",
    ),
    Row(
        "c.json: COCO's instances",
        packed("c.json", {**COCO, "annotations": [{"id": 1, "image_id": 7}]}),
        r"annotations\[0\] lacks caption; in COCO's captions_\*\.json",
    ),
    Row(
        "c.json: annotations of numbers",
        packed("c.json", {**COCO, "annotations": [5]}),
        r"annotations\[0\] must be an object; received 5",
    ),
    Row("c.json: a number", packed("c.json", "5"), r"c\.json is no caption file; give"),
    Row(
        "c.json: an object of others",
        packed("c.json", {"data": ["a dog"]}),
        "expected an object of file names and their captions",
    ),
    Row(
        "c.json: a list without images",
        packed("c.json", [{"image_id": 5, "caption": "a dog"}]),
        r"c\.json, record 0: needs an image",
    ),
    Row(
        "c.csv where Karpathy's JSON is wanted",
        karpathy_read("c.csv", HEAD),
        "c.csv is no JSON file in the Karpathy layout; `keras-teran data prepare PICT",
    ),
    Row(
        "COCO's JSON where Karpathy's is wanted",
        karpathy_read("c.json", COCO),
        "not in the Karpathy layout.*`keras-teran data prepare PICTURES --captions",
    ),
    Row("c.json a FIFO", fifo, r"c\.json is no regular file; give a file"),
]

SIZES = [
    Row(
        "sizes: a field of 200 kB",
        sized("s.csv", "image_id,width,height\n0," + "6" * 200_000 + ",480\n"),
        r"s\.csv, line 2: field larger than field limit",
    ),
    Row(
        "sizes: JSON id 1e400",
        sized("s.json", '{"images": [{"id": 1e400, "width": 1, "height": 1}]}'),
        r"s\.json: the number 1e400 is too large",
    ),
    Row(
        "sizes: JSON id 2**70",
        sized("s.json", {"images": [{"id": 2**70, "width": 1, "height": 1}]}),
        rf"s\.json, images\[0\], id {WHOLE} 1180591620717411303424\.$",
    ),
    Row(
        "sizes: JSON width 480.5",
        sized("s.json", both(width=480.5)),
        rf"s\.json: the size of image 0, a side, {WHOLE} 480\.5",
    ),
    Row(
        "sizes: JSON width true",
        sized("s.json", both(width=True)),
        rf"the size of image 0, a side, {WHOLE} True",
    ),
    Row(
        "sizes: JSON deep",
        sized("s.json", '{"images": ' + DEEP + "}"),
        r"s\.json: lists or objects are nested too deep",
    ),
    Row(
        "sizes: two sizes of an image",
        sized("s.csv", "image_id,width,height\n0,64,48\n0,48,64\n"),
        r"s\.csv, line 3: image 0 has the size \(48, 64\) here and \(64, 48\) before",
    ),
    Row(
        "sizes: an unclosed quote",
        sized("s.csv", 'image_id,width,height\n0,"64,48\n1,64,48\n'),
        r"s\.csv, line 2: a quote is opened and not closed",
    ),
    Row(
        "sizes: a caption file",
        sized("s.json", karpathy()),
        r"s\.json is not a COCO annotation file.*Karpathy caption file has no sizes",
    ),
]

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
    Row("--caption empty", aligned(""), "The model knows no word of ''"),
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
            ("bytes", b"a red ring", r"sentence must be a str; received b'a red ring'"),
            ("a lone surrogate", "a \udce9", "sentence is no text in UTF-8"),
            ("no text", None, "sentence must be a str; received None"),
        )
    ),
    Row(
        "CaptionSet of 1.5",
        called(lambda: CaptionSet([1.5], ["a"], ["b"], [0], [0])),
        rf"image_ids\[0\] {WHOLE} 1\.5",
    ),
    Row(
        "CaptionSet of 2**70",
        called(lambda: CaptionSet([2**70], ["a"], ["b"], [0], [0])),
        rf"image_ids\[0\] {WHOLE} 1180591620717411303424",
    ),
    Row(
        "CaptionSet of a position of 2**33",
        called(lambda: CaptionSet([1], ["a"], ["b"], [0], [2**33])),
        "caption_to_image must lie within 32 bits",
    ),
    Row(
        "read_sizes({1.5: ...})",
        called(lambda: read_sizes({1.5: (64, 48)}, [1])),
        rf"sizes: a key {WHOLE} 1\.5",
    ),
]


@parametrize([*DATASET, *CAPTIONS, *SIZES, *RUN, *PYTHON])
def test_hostile_text(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)


# What is read, with the right value.

CAT = [("a.jpg", "a dog"), ("b.jpg", 'a 12" pipe')]
READ = {
    "inner quote.csv": 'image,caption\na.jpg,a dog\nb.jpg,a 12" pipe\n',
    "doubled quote.csv": 'image,caption\n"a.jpg","a dog"\nb.jpg,"a 12"" pipe"\n',
    "space before a quote.csv": 'image, caption\na.jpg, "a dog"\nb.jpg, a 12" pipe\n',
    "kaggle.csv": "image_name| comment_number| comment\n"
    'a.jpg| 0| a dog\nb.jpg| 1| a 12" pipe\n',
    "semicolon.csv": 'image;caption\na.jpg;a dog\nb.jpg;"a 12"" pipe"\n',
    "tabs.txt": 'image\tcaption\na.jpg\ta dog\nb.jpg\ta 12" pipe\n',
    "utf16.csv": 'image,caption\na.jpg,a dog\nb.jpg,a 12" pipe\n'.encode("utf-16"),
    "utf16.jsonl": '{"image": "a.jpg", "caption": "a dog"}\n'
    '{"image": "b.jpg", "caption": "a 12\\" pipe"}\n'.encode("utf-16"),
    "list.json": [
        {"image": "a.jpg", "caption": "a dog"},
        {"filename": "b.jpg", "text": ['a 12" pipe']},
    ],
    "map.json": {"a.jpg": ["a dog"], "b.jpg": 'a 12" pipe'},
    "text ids.json": {
        "images": [{"id": "7", "file_name": "a.jpg"}, {"id": 8, "file_name": "b.jpg"}],
        "annotations": [
            {"id": 1, "image_id": 7, "caption": "a dog"},
            {"id": "2", "image_id": 8.0, "caption": 'a 12" pipe'},
        ],
    },
}


@pytest.mark.parametrize("name", READ)
def test_captions_that_are_read(name, tmp_path):
    rows = read_rows(write(tmp_path / name, READ[name]))
    assert [(row.image, row.text) for row in rows] == CAT


def test_whole_floats_and_digits_are_ids(tmp_path):
    sentences = [{"raw": "a dog", "sentid": 3.0}, {"raw": "a pup", "sentid": "4"}]
    path = write(tmp_path / "c.json", karpathy(cocoid=391895.0, sentences=sentences))
    found = read_captions(path)
    assert found.image_ids.tolist() == [391895]
    assert found.caption_ids.tolist() == [3, 4]
    path = write(tmp_path / "c.csv", "image,caption,image_id\na.jpg,a dog,7.0\n")
    assert read_rows(path)[0].image_id == 7


def test_a_caption_of_the_longest_length_is_answered_in_time(tmp_path):
    started = time.monotonic()
    caption = "ab" * 10_000
    trained = CaptionTokenizer.train([caption, "a dog"], 80)
    assert trained([caption])["token_ids"].shape == (1, 3)
    assert time.monotonic() - started < 10


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
    from keras_teran.serving import Client

    limits = Interface(
        1, len(WORDS), 64, 4, 2, "exclude", (8,), (4,), vocabulary_sha256(WORDS)
    )
    limits.write(tmp_path)
    CaptionTokenizer(WORDS).save(tmp_path)
    assert Client("http://127.0.0.1:1", tmp_path).tokenizer.vocabulary == WORDS
    CaptionTokenizer(change(WORDS)).save(tmp_path)
    with pytest.raises(ValueError, match=says):
        Client("http://127.0.0.1:1", tmp_path)


def test_a_matcher_refuses_another_vocabulary_than_its_models():
    matcher = MADE["matcher"]
    other = CaptionTokenizer(matcher.tokenizer.vocabulary[::-1])
    with pytest.raises(ValueError, match="in another order; give the vocab.txt of SHA"):
        Matcher(matcher.model, other, {})
    assert Matcher(tiny(), other, {}).tokenizer is other  # a model that knows of none
