"""Hostile caption files, through the real commands: the areas dataset and captions."""

import json
import os

import pytest
from support.data_folder import write_data_folder
from support.hostile_rows import Row, check_row, parametrize
from support.hostile_texts import DEEP, LONG, WHOLE, karpathy, write

from keras_teran.data._caption_set import read_captions

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


HEAD = "image,caption\na.jpg,a dog\n"
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
        "c.json that holds CSV where Karpathy's JSON is wanted",
        karpathy_read("c.json", HEAD),
        "c.json is no JSON file in the Karpathy layout; `keras-teran data prepare PIC",
    ),
    Row(
        "COCO's JSON where Karpathy's is wanted",
        karpathy_read("c.json", COCO),
        "not in the Karpathy layout.*`keras-teran data prepare PICTURES --captions",
    ),
    Row(
        "c.csv: an unclosed quote in the header",
        packed("c.csv", '"image,caption\na.jpg,a dog\n'),
        r"c\.csv, line 1: a quote is opened and not closed",
    ),
    Row(
        "c.csv: text behind a closing quote in the header",
        packed("c.csv", 'image,"caption"s",caption\na.jpg,x,a dog\n'),
        r"c\.csv, line 1: text follows a closing quote",
    ),
    Row(
        "c.csv: a carriage return within a line",
        packed("c.csv", HEAD + "b.jpg,a\rcat\n"),
        r"c\.csv, line 3: a carriage return stands within the line; end lines in a line",
    ),
    Row(
        "c.jsonl: an image of no captions",
        packed("c.jsonl", '{"image": "a.jpg", "caption": []}\n'),
        r"c\.jsonl, line 1: its list of captions is empty",
    ),
    Row(
        "c.json: an image of no captions in an object",
        packed("c.json", {"a.jpg": ["a dog"], "b.jpg": []}),
        r"c\.json, 'b\.jpg': its list of captions is empty",
    ),
    Row("c.json a FIFO", fifo, r"c\.json is no regular file; give a file"),
]


@pytest.mark.seconds
@parametrize([*DATASET, *CAPTIONS])
def test_hostile_captions(row, tmp_path, capsys):
    check_row(row, tmp_path, capsys)
