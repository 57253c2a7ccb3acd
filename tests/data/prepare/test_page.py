"""The report of a data set: what it says, and that it trusts no text."""

import json
from collections import Counter
from html.parser import HTMLParser

from support.own_pictures import (
    IMAGES,
    prepare,
    write_captions,
)

from keras_teran.data.prepare import _page as page


def test_words_that_a_vocabulary_lacks_are_counted(photos, captions, tmp_path):
    vocabulary = tmp_path / "vocab.txt"
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "a", "photo", ",", "number"]
    vocabulary.write_text("\n".join([*words, *map(str, range(10))]) + "\n")
    captions.write_text(captions.read_text().replace("picture 3", "Picture 3"))
    out = tmp_path / "out"
    assert prepare(photos, captions, out, "--vocab", vocabulary) == 0
    # "Picture" or "picture" 20 times; the numbers from 10 to 19 in two captions each.
    page = (out / "report.html").read_text()
    assert f"Not in {vocabulary}: 11 words, in 30 captions" in page
    assert "picture (20), 10 (2), 11 (2)" in page
    assert prepare(photos, captions, tmp_path / "no", "--vocab", tmp_path / "no") == 2


class Page(HTMLParser):
    """The elements of a page, and whether each is closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.sources = [], Counter(), []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag, attributes):
        self.tags[tag] += 1
        given = dict(attributes)
        self.sources += [given[name] for name in ("src", "href") if name in given]
        if tag not in {"meta", "img", "rect"}:
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag != "rect":
            assert self.open.pop() == tag


def test_the_report_is_one_page_that_loads_nothing_and_trusts_no_text(photos, tmp_path):
    evil = "<script>alert(1)</script>"
    (photos / "<b>.jpg").write_bytes((photos / "00.jpg").read_bytes())
    rows = [(f"{n:02}.jpg", f"{evil} {'word ' * n}") for n in range(IMAGES)]
    file = write_captions(tmp_path / "$x <i>.csv", [*rows, ("<b>.jpg", "a b")])
    vocabulary = tmp_path / "vocab.txt"
    vocabulary.write_text("[PAD]\n[UNK]\n[CLS]\n[SEP]\n")
    out = tmp_path / "out"
    assert prepare(photos, file, out, "--vocab", vocabulary, "--val", "2") == 0
    text = (out / "report.html").read_text()
    read = Page(text)
    assert read.tags["script"] == read.tags["i"] == read.tags["link"] == 0
    # The tiles are `b`, nothing else.
    assert read.tags["b"] == 4
    # The contact sheet, and the two that are alike.
    assert read.tags["img"] == 21 + 2
    assert all(each.startswith("data:image/jpeg;base64,") for each in read.sources)
    # Words a caption: from 1 (the first) to 20.
    assert read.tags["rect"] == 20
    assert "1 – 10 – 20" in text or "1 – 11 – 20" in text


def test_a_long_list_is_cut_on_the_page_alone(photos, tmp_path, monkeypatch):
    monkeypatch.setattr(page, "_MOST_LINES", 3)
    rows = [(f"{n:02}.jpg", "a photo") for n in range(IMAGES)]
    missing = [(f"gone{n}.jpg", "a photo") for n in range(5)]
    file = write_captions(tmp_path / "captions.csv", rows + missing)
    assert prepare(photos, file, tmp_path / "out", "--skip-bad") == 0
    text = (tmp_path / "out" / "report.html").read_text()
    assert "gone2.jpg" in text
    assert "gone3.jpg" not in text
    assert "And 2 more, in prepared.json." in text
    record = json.loads((tmp_path / "out" / "prepared.json").read_text())
    assert len(record["left_out"]) == 5


def test_file_names_that_are_no_text_are_listed(photos, captions, tmp_path):
    (photos / "caf\udce9.jpg").write_bytes((photos / "00.jpg").read_bytes())
    assert prepare(photos, captions, tmp_path / "out") == 0
    assert "caf\\udce9.jpg" in (tmp_path / "out" / "report.html").read_text()
