"""`keras-teran evaluate --protocol`, as a person types it, on small protocols."""

import json

import numpy as np
import pytest
from support.data_folder import COLOURS, SHAPES, small_config, write_data_folder
from support.region_files import write_packed

import keras_teran
from keras_teran.cli.main import main
from keras_teran.data._source import DataSource, open_split
from keras_teran.evaluation._evaluate import evaluate
from keras_teran.evaluation._protocols import PROTOCOLS, Protocol
from keras_teran.evaluation._recall import flatten, recall_table
from keras_teran.training._train import train

pytestmark = pytest.mark.seconds

IMAGES = 12


def write_test_split(folder, images=IMAGES, captions=6, seed=0):
    """Packed regions and more captions an image than the protocols score."""
    write_packed(folder / "test", images, regions=4, dim=8, seed=seed)
    rng = np.random.default_rng(seed)
    words = np.array([*COLOURS, *SHAPES, "over", "a"])
    records = [
        {
            "imgid": row,
            "split": "test",
            "filename": f"{row}.jpg",
            "sentences": [
                {
                    "raw": " ".join(rng.choice(words, 4 + k % 3)),
                    "sentid": captions * row + k,
                }
                for k in range(captions)
            ],
        }
        for row in range(images)
    ]
    (folder / "test" / "dataset_test.json").write_text(json.dumps({"images": records}))
    return folder


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_test_split(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    root = tmp_path_factory.mktemp("runs")
    folder = write_data_folder(root / "data")
    for seed, name in enumerate("ab"):
        config = small_config(
            folder, seed=seed, recipe={"epochs": 1, "drop_epochs": []}
        )
        train(config, root / name)
    return str(root / "a"), str(root / "b")


@pytest.fixture(autouse=True)
def small_protocols(monkeypatch):
    monkeypatch.setitem(PROTOCOLS, "coco-1k", Protocol("coco-1k", IMAGES, folds=3))
    monkeypatch.setitem(PROTOCOLS, "coco-5k", Protocol("coco-5k", IMAGES))
    monkeypatch.setitem(PROTOCOLS, "f8k", Protocol("f8k", IMAGES, or_more=True))


def result_of(tmp_path, *arguments):
    out = tmp_path / "figures.json"
    assert main(["evaluate", *map(str, arguments), "--json", str(out)]) == 0
    return json.loads(out.read_text())


def similarity_of(run, data):
    """Of all images and their first five captions, without the protocol's code."""
    captions, regions, _ = open_split(data, "test")
    captions = captions.first_captions(5)
    matcher = keras_teran.load(run)
    return evaluate(matcher.model, captions, regions, matcher.tokenizer)[1]


@pytest.mark.slow
def test_folds_are_the_mean_over_blocks_of_the_whole_matrix(
    runs, data, tmp_path, capsys
):
    result = result_of(tmp_path, runs[0], "--data", data, "--protocol", "coco-1k")
    whole = similarity_of(runs[0], data)
    blocks = [whole[i : i + 4, 5 * i : 5 * i + 20] for i in (0, 4, 8)]
    tables = [flatten(recall_table(b, np.repeat(range(4), 5))) for b in blocks]
    (row,) = result["rows"]
    assert (row["kind"], row["label"]) == ("single", runs[0])
    for name, value in flatten(row["recall"]).items():
        assert value == pytest.approx(np.mean([table[name] for table in tables])), name
    printed = capsys.readouterr().out
    assert "split test, coco-1k: mean over 3 folds of 4 images" in printed
    assert f"{row['recall']['rsum']:.1f} [" in printed
    assert result["comparisons"] == []


@pytest.mark.slow
def test_an_ensemble_ranks_by_the_mean_similarity(runs, data, tmp_path, capsys):
    result = result_of(tmp_path, *runs, "--data", data, "--protocol", "f8k")
    kinds = [row["kind"] for row in result["rows"]]
    assert kinds == ["single", "single", "ensemble"]
    assert [row["runs"] for row in result["rows"]] == [[runs[0]], [runs[1]], list(runs)]
    both = [similarity_of(run, data) for run in runs]
    owners = np.repeat(np.arange(IMAGES), 5)
    for row, scores in zip(
        result["rows"], [*both, (both[0] + both[1]) / 2], strict=True
    ):
        assert flatten(row["recall"]) == pytest.approx(
            flatten(recall_table(scores, owners))
        )
    compared = [(c["first"], c["second"]) for c in result["comparisons"]]
    labels = [row["label"] for row in result["rows"]]
    assert compared == [(labels[0], labels[1]), (labels[0], labels[2])]
    printed = capsys.readouterr().out
    assert f"{runs[1]} minus {runs[0]}: difference" in printed
    assert "ensemble" in printed
    assert " p=" in printed


def test_one_run_against_itself_does_not_differ(runs, data, tmp_path):
    result = result_of(tmp_path, runs[0], runs[0], "--data", data, "--protocol", "f8k")
    for statistic in result["comparisons"][0]["statistics"].values():
        assert statistic == {"difference": 0, "interval": [0, 0], "p": 1}


@pytest.mark.slow
@pytest.mark.parametrize("rule", ["left-out", "counted"])
def test_ndcg_names_its_rule_and_writes_the_relevances_once(
    runs, data, tmp_path, capsys, rule
):
    rouge = tmp_path / "rouge"
    spice = tmp_path / "spice"
    grades = np.zeros((5 * IMAGES, IMAGES), np.float32)
    grades[:, : IMAGES // 2] = 0.5
    grades.tofile(spice)
    arguments = [runs[0], "--data", data, "--protocol", "coco-1k", "--zero-ndcg", rule]
    arguments += ["--rouge-l", rouge, "--spice", spice]
    result = result_of(tmp_path, *arguments)
    written = rouge.stat()
    assert written.st_size == 4 * 60 * 12
    assert result_of(tmp_path, *arguments) == result
    assert rouge.stat().st_mtime_ns == written.st_mtime_ns
    printed = capsys.readouterr().out
    named = {"left-out": "whose NDCG is not 0 (the original", "counted": "plain mean"}
    assert named[rule] in printed
    found = result["rows"][0]["ndcg"]["spice"]["image_to_text"]
    # Folds of four images: the first all relevant, the second half, the third not.
    assert found["counted"] == pytest.approx((1 + 2 / 4 + 0) / 3)
    assert found["left-out"] == pytest.approx((1 + 1 + 0) / 3)
    assert f"{100 * found[rule]:.1f} [" in printed


def test_trec_files_hold_every_run_and_the_ensemble(runs, data, tmp_path):
    out = tmp_path / "trec"
    result_of(tmp_path, *runs, "--data", data, "--protocol", "coco-1k", "--trec", out)
    ways = ("image_to_text", "text_to_image")
    assert {path.name for path in out.iterdir()} == {
        *(f"{name}.{way}.run" for name in ("1-a", "2-b", "ensemble") for way in ways),
        *(f"{way}.qrels" for way in ways),
    }
    # 60 captions, each with the 4 images of its fold.
    assert len((out / "ensemble.text_to_image.run").read_text().splitlines()) == 60 * 4


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--protocol", "f8k", "--spice", "none"], "needs Java"),
        (["--protocol", "f8k", "--spice", "short"], "short has 8 bytes"),
        (["--protocol", "f8k", "--rouge-l", "short"], "short has 8 bytes"),
        (["--protocol", "f8k", "--rouge-l", "no/x"], "no to write x into"),
        (["--protocol", "f8k", "--trec", "full"], "full is there already"),
        (["--protocol", "f8k", "--json", "no/x.json"], "no folder for no/x.json"),
        (["--protocol", "f8k", "--eccv"], "--protocol coco-5k"),
        (["--protocol", "coco-5k", "--eccv"], "eccv_caption knows COCO's Karpathy"),
        (["--protocol", "f30k"], "on 1000 images, the split has 12"),
        (["--protocol", "f8k", "--split", "val"], "val is missing"),
        (["--trec", "new"], "--trec needs --protocol: coco-1k, coco-5k"),
        (["--rouge-l", "x"], "--rouge-l needs --protocol"),
        (["--spice", "x"], "--spice needs --protocol"),
        (["--eccv"], "--eccv needs --protocol"),
    ],
)
def test_a_users_error_is_one_line_and_leaves_nothing(
    runs, data, tmp_path, monkeypatch, capsys, options, message
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "short").write_bytes(b"\0" * 8)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").touch()
    before = sorted(tmp_path.rglob("*"))
    assert main(["evaluate", runs[0], "--data", str(data), *options]) == 2
    errors = capsys.readouterr().err.splitlines()
    assert len(errors) == 1
    assert errors[0].startswith("keras-teran: ")
    assert message in errors[0]
    assert sorted(tmp_path.rglob("*")) == before


def test_runs_on_the_same_data_share_what_is_opened_once(
    runs, data, tmp_path, monkeypatch
):
    opened, real = [], DataSource.open

    def counting(source, *arguments, **options):
        opened.append(source.folder)
        return real(source, *arguments, **options)

    monkeypatch.setattr(DataSource, "open", counting)
    result_of(tmp_path, *runs, "--data", data, "--protocol", "f8k")
    assert opened == [str(data)]


@pytest.mark.slow
def test_several_runs_need_a_protocol(runs, data, capsys):
    assert main(["evaluate", *runs, "--data", str(data)]) == 2
    assert "more than one RUN needs --protocol" in capsys.readouterr().err


def test_runs_on_different_captions_are_refused(runs, tmp_path, capsys):
    for seed, name in enumerate("ab"):
        write_test_split(tmp_path / name, seed=seed)
    from keras_teran.evaluation._run_protocol import evaluate_protocol

    def open_data(run):
        return open_split(tmp_path / run[-1], "test")[:2]

    with pytest.raises(
        ValueError, match="b and .*a were opened on different images or"
    ):
        evaluate_protocol(runs, open_data, "f8k")


def test_a_failing_model_leaves_no_trec_folder(
    runs, data, tmp_path, monkeypatch, capsys
):
    def failing(*_):
        raise ValueError("no such weights")

    monkeypatch.setattr("keras_teran.evaluation._run_protocol.load", failing)
    options = ["--protocol", "f8k", "--trec", str(tmp_path / "trec")]
    assert main(["evaluate", runs[0], "--data", str(data), *options]) == 2
    assert "no such weights" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
