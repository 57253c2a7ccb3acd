"""The examples that look at a run, on embedded data and on data from files."""

import functools
import json
import re
import runpy
import sys

import numpy as np
import pytest
from PIL import Image
from support.paths import ROOT

import keras_teran
from keras_teran.data import _source
from keras_teran.data.scenes import _embedded as embedded_module
from keras_teran.evaluation._evaluate import evaluate
from keras_teran.evaluation._recall import format_table
from keras_teran.models._teran import build_model
from keras_teran.pipeline._matcher import Matcher
from keras_teran.text._tokenizer import CaptionTokenizer

EXAMPLES = ROOT / "examples"
LOOKING = ["evaluate", "search", "align"]
IMAGES = 12


@pytest.fixture(scope="module")
def drawn():
    return embedded_module.embedded("test", images=IMAGES)


@pytest.fixture(scope="module")
def matcher(drawn):
    tokenizer = CaptionTokenizer.train(drawn.captions.captions, 150)
    model = build_model(
        "tiny",
        region_dim=drawn.regions.region_dim,
        vocabulary_size=len(tokenizer.vocabulary),
    )
    return Matcher(model, tokenizer, {"preset": "tiny", "data": "embedded"})


@pytest.fixture
def example(matcher, monkeypatch, capsys):
    """Runs an example as a script, with a small embedded set; gives what it printed."""
    small = functools.partial(embedded_module.embedded, images=IMAGES)
    monkeypatch.setattr(_source, "embedded", small)
    monkeypatch.setitem(vars(keras_teran), "load", lambda run: matcher)
    monkeypatch.syspath_prepend(str(EXAMPLES))
    monkeypatch.delitem(sys.modules, "data_options", raising=False)

    def run(name, *arguments):
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    yield run
    sys.modules.pop("data_options", None)


@pytest.fixture
def files(drawn, tmp_path):
    """The same data in files: Karpathy captions, packed regions, pictures."""
    inputs = drawn.regions.read(drawn.captions.image_ids)
    np.save(tmp_path / "regions.npy", inputs["regions"])
    np.save(tmp_path / "boxes.npy", inputs["boxes"])
    np.save(tmp_path / "ids.npy", drawn.captions.image_ids)
    np.save(tmp_path / "counts.npy", inputs["region_mask"].sum(axis=1))
    records = [
        {"cocoid": int(image_id), "split": "val", "filename": name, "sentences": []}
        for image_id, name in zip(
            drawn.captions.image_ids, drawn.captions.filenames, strict=True
        )
    ]
    for index, image in enumerate(drawn.captions.caption_to_image):
        sentence = {"raw": drawn.captions.captions[index], "sentid": index}
        records[image]["sentences"].append(sentence)
    (tmp_path / "captions.json").write_text(json.dumps({"images": records}))
    for name, pixels in zip(drawn.captions.filenames, drawn.pictures, strict=True):
        Image.fromarray(pixels).save(tmp_path / name)
    options = ["--captions", tmp_path / "captions.json", "--regions", tmp_path]
    return [*options, "--split", "val"]


@pytest.mark.seconds
def test_evaluate_prints_the_table_and_grounding(example, matcher, drawn):
    table, _ = evaluate(matcher.model, drawn.captions, drawn.regions, matcher.tokenizer)
    printed = example("evaluate", "RUN")
    assert f"test: {IMAGES} images, {5 * IMAGES} captions" in printed
    assert format_table(table) in printed
    assert re.search(r"grounding +\d+\.\d % of \d+ nouns, by chance \d+\.\d %", printed)


@pytest.mark.seconds
def test_evaluate_finds_the_same_in_files_where_nothing_is_grounded(
    example, files, matcher, drawn
):
    table, _ = evaluate(matcher.model, drawn.captions, drawn.regions, matcher.tokenizer)
    printed = example("evaluate", "RUN", *files)
    assert format_table(table) in printed
    assert "grounding" not in printed
    assert f"{2 * IMAGES} captions" in example("evaluate", "RUN", *files, "--first", 2)


@pytest.mark.seconds
def test_search_lists_the_images_by_score(example, matcher, drawn):
    printed = example("search", "RUN", "a red circle", "--top", 3).splitlines()
    hits = [line.split() for line in printed if re.match(r" +\d", line)]
    images = matcher.model.encode(drawn.regions.read(drawn.captions.image_ids))
    sentence = matcher.model.encode(matcher.tokenizer(["a red circle"]))
    scores = np.asarray(matcher.model.similarity(images, sentence))[:, 0]
    best = np.argsort(-scores)[:3]
    assert [hit[0] for hit in hits] == ["1", "2", "3"]
    assert [float(hit[1]) for hit in hits] == pytest.approx(scores[best], abs=1e-3)
    assert [int(hit[2]) for hit in hits] == drawn.captions.image_ids[best].tolist()


@pytest.mark.slow
@pytest.mark.parametrize("source", ["embedded", "files", "pictures"])
def test_align_draws_the_words_of_any_caption(example, files, tmp_path, drawn, source):
    out = tmp_path / "words.png"
    chosen = ["--image-id", drawn.captions.image_ids[3], "--out", out]
    where = {
        "embedded": [],
        "files": files,
        "pictures": [*files, "--pictures", tmp_path],
    }
    printed = example(
        "align", "RUN", *chosen, "--caption", "a red star", *where[source]
    )
    words = re.findall(r"^ +(\w+)  region +\d+  cosine", printed, re.MULTILINE)
    assert words == ["a", "red", "star"]
    shown = np.asarray(Image.open(out).convert("RGB"))
    ground = drawn.pictures[3].reshape(-1, 3)[:1]
    on_canvas = (np.abs(shown.astype(int) - ground).max(axis=2) < 3).any()
    assert on_canvas == (source != "files")


@pytest.mark.seconds
def test_align_takes_the_first_image_and_its_first_caption(example, tmp_path, drawn):
    printed = example("align", "RUN", "--out", tmp_path / "words.png")
    assert f"image {drawn.captions.image_ids[0]}," in printed
    words = re.findall(r"^ +(\w+)  region", printed, re.MULTILINE)
    assert " ".join(words) == drawn.captions.captions[0]


@pytest.mark.seconds
def test_align_names_an_image_that_is_not_there(example, capsys):
    with pytest.raises(SystemExit) as stop:
        example("align", "RUN", "--image-id", 5)
    assert stop.value.code == 2
    assert "align.py: image_id=5 is not in this split" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["evaluate", "search"])
def test_captions_without_regions_are_refused(example, name):
    sentence = ["red"] if name == "search" else []
    with pytest.raises(SystemExit, match="--captions alone is no data: give --cap"):
        example(name, "RUN", *sentence, "--captions", "captions.json")


@pytest.mark.parametrize("name", LOOKING)
def test_help_explains_every_option(example, capsys, name):
    with pytest.raises(SystemExit, match="0"):
        example(name, "--help")
    printed = capsys.readouterr().out
    options = re.findall(r"^  (--[\w-]+)(.*(?:\n {10,}.*)*)", printed, re.MULTILINE)
    assert len(options) >= 4
    for option, rest in options:
        assert re.search(r"[a-z]{3}", rest.replace("_", "")), f"{option} has no help"
