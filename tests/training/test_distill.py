"""Distilling: the loss by hand, a head that learns, a RUN that keeps its scores."""

import json
import os

import keras
import numpy as np
import pytest
from support import pairs
from support.data_folder import small_config, write_data_folder

import keras_teran
from keras_teran.cli.main import main
from keras_teran.losses._losses import Distillation, Hinge, PooledLoss
from keras_teran.models._teran import build_model
from keras_teran.training._distill import distill
from keras_teran.training._distill_head import rebuilt
from keras_teran.training._encoded_pairs import EncodedPairs
from keras_teran.training._train import train

pytestmark = pytest.mark.slow

ALL = ("model.keras", "config.yaml", "vocab.txt", "card.md", "first_stage.json")


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return write_data_folder(tmp_path_factory.mktemp("data"))


@pytest.fixture(scope="module")
def trained(data, tmp_path_factory):
    folder = tmp_path_factory.mktemp("run") / "run"
    train(small_config(data), folder, progress=False)
    return folder


@pytest.fixture(scope="module")
def distilled(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp("out") / "run2"
    history = distill(
        trained, out, epochs=12, batch_size=12, learning_rate=1e-2, progress=False
    )
    return out, history


def divergence(scores, cosines, teacher_temperature, temperature):
    """Row by row, the formula as written."""
    total = 0.0
    for wanted, found in zip(scores, cosines, strict=True):
        p = np.exp(wanted / wanted.std() / teacher_temperature)
        q = np.exp(found / temperature)
        p, q = p / p.sum(), q / q.sum()
        total += (p * np.log(p / q)).sum()
    return total


def test_the_loss_is_the_divergence_of_rows_and_of_columns():
    generator = np.random.default_rng(0)
    scores = generator.normal(size=(4, 4)) * 3
    cosines = generator.uniform(-1, 1, (4, 4))
    expected = divergence(scores, cosines, 0.7, 0.2)
    expected += divergence(scores.T, cosines.T, 0.7, 0.2)
    ids = np.arange(4)
    loss = Distillation(0.7, 0.2)
    arguments = cosines.astype("float32"), scores.astype("float32"), ids
    assert float(loss(*arguments)) == pytest.approx(expected, rel=1e-5)
    hinge = float(Hinge()(arguments[0], ids))
    both = Distillation(0.7, 0.2, matching=2.0)
    assert float(both(*arguments)) == pytest.approx(expected + 2 * hinge, rel=1e-5)


def test_cosines_that_order_as_the_teacher_does_cost_nothing():
    # Rows and columns of one deviation: [0, 1] and [1, 0] deviate by 0.5.
    scores = np.array([[1.0, 0.0], [0.0, 1.0]], "float32")
    loss = Distillation(teacher_temperature=1.0, temperature=0.5)
    assert float(loss(scores, scores, np.arange(2))) == pytest.approx(0, abs=1e-6)


def test_the_scale_of_the_teachers_scores_does_not_matter():
    generator = np.random.default_rng(1)
    scores = generator.normal(size=(3, 3)).astype("float32")
    cosines = generator.uniform(-1, 1, (3, 3)).astype("float32")
    one, ten = (
        float(Distillation()(cosines, k * scores, np.arange(3))) for k in (1, 10)
    )
    assert ten == pytest.approx(one, rel=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"teacher_temperature": 0}, "teacher_temperature=0 must be above 0"),
        ({"temperature": -1}, "temperature=-1 must be above 0"),
        ({"matching": -0.5}, "matching=-0.5 must be 0 or more"),
    ],
)
def test_a_loss_of_other_values_is_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        Distillation(**arguments)


def test_the_loss_is_saved_with_its_arguments():
    loss = Distillation(0.3, 0.1, 2.0)
    assert Distillation.from_config(loss.get_config()).get_config() == loss.get_config()


def test_the_encoded_set_gives_back_what_the_encoders_gave(data, trained, tmp_path):
    from keras_teran.data._source import open_split

    matcher = keras_teran.load(trained)
    captions, regions, _ = open_split(data, "val")
    stored = EncodedPairs(matcher.model, captions, regions, matcher.tokenizer, tmp_path)
    rows = np.array([5, 0, 3])
    expected = matcher.encode([captions.captions[row] for row in rows])
    words, slots = stored.captions(rows)
    np.testing.assert_allclose(slots, expected["caption_embedding"], atol=1e-3)
    width = expected["word_embeddings"].shape[1]
    np.testing.assert_allclose(words[:, :width], expected["word_embeddings"], atol=1e-3)
    assert not words[:, width:].any()
    found = matcher.encode(regions.read(captions.image_ids[rows]))
    members, slots = stored.images(rows)
    np.testing.assert_allclose(members, found["region_embeddings"], atol=1e-3)
    np.testing.assert_allclose(slots, found["image_embedding"], atol=1e-3)


def test_the_head_learns_and_the_scores_stay_to_the_bit(trained, distilled, data):
    from keras_teran.data._source import open_split
    from keras_teran.evaluation._evaluate import evaluate

    out, history = distilled
    assert len(history["loss"]) == 12
    assert history["loss"][-1] < 0.9 * history["loss"][0]
    before, after = keras_teran.load(trained), keras_teran.load(out)
    assert after.model.config == {**before.model.config, "pooling_head": True}
    weights = {w.path: np.asarray(w) for w in after.model.weights}
    for weight in before.model.weights:
        np.testing.assert_array_equal(weights[weight.path], np.asarray(weight))
    captions, regions, _ = open_split(data, "val")
    scores = [
        evaluate(m.model, captions, regions, m.tokenizer)[1] for m in (before, after)
    ]
    np.testing.assert_array_equal(*scores)


@pytest.mark.slow
def test_a_distilled_run_is_a_run_and_leaves_no_cache(trained, distilled):
    out, history = distilled
    names = {path.name for path in out.iterdir()}
    assert names == {*ALL, "tokenizer.json", "history.json"}
    assert (out / "history.json").read_bytes() == (
        trained / "history.json"
    ).read_bytes()
    assert json.loads((out / "first_stage.json").read_text())["history"] == history
    card = (out / "card.md").read_text("utf-8")
    assert card.startswith((trained / "card.md").read_text("utf-8").rstrip())
    survived = history["val_text_to_image_survival"][-1]
    assert f"| val_text_to_image_survival | {survived:.4f} |" in card


def test_a_killed_call_leaves_nothing_that_looks_like_a_model(
    trained, tmp_path, monkeypatch
):
    from keras_teran.training import _distill as to_run

    def killed(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(to_run, "train_epoch", killed)
        with pytest.raises(KeyboardInterrupt):
            distill(trained, tmp_path / "out", progress=False)
    assert not list((tmp_path / "out").iterdir())
    distill(trained, tmp_path / "out", epochs=1, batch_size=8, progress=False)
    keras_teran.load(tmp_path / "out")


def test_an_out_that_is_in_use_or_no_folder_is_refused_before_the_run_is_read(
    tmp_path,
):
    (tmp_path / "x").write_text("mine")
    os.mkfifo(tmp_path / "fifo")
    for out in ("x", "x/y", "fifo"):
        with pytest.raises(ValueError, match="is no folder; give another folder"):
            distill("no run", tmp_path / out)
    with pytest.raises(FileExistsError, match="holds something already"):
        distill("no run", tmp_path)
    assert (tmp_path / "x").read_text() == "mine"


def test_what_a_user_does_wrong_is_one_line(trained, distilled, tmp_path, capsys):
    out, _ = distilled
    cases = (
        ([trained, "--out", out], f"{out} holds something already; name a new folder"),
        ([tmp_path, "--out", tmp_path / "o"], f"{tmp_path} is not a RUN"),
        ([trained, "--out", tmp_path / "o", "--epochs", "0"], "epochs=0 must be 1 or"),
        (
            [trained, "--out", tmp_path / "o", "--batch-size", "1"],
            "batch_size=1 must be 2 or more",
        ),
        (
            [trained, "--out", tmp_path / "o", "--learning-rate", "0"],
            "learning_rate=0.0 must be above 0",
        ),
    )
    for arguments, message in cases:
        assert main(["distill", *map(str, arguments)]) == 2
        assert message in capsys.readouterr().err


def test_trained_along_the_pooled_vectors_get_their_loss_and_the_teacher_none():
    inputs, image_ids = pairs.batch()
    losses = {}
    for weight in (0.0, 3.0):
        keras.utils.set_random_seed(0)
        model = build_model("tiny", **pairs.SIZES, pooling_head=True, dropout=0.0)
        model.pooled_loss = PooledLoss(distillation=weight)
        model.compile(keras.optimizers.SGD(0.0))
        logs = model.train_on_batch(inputs, image_ids, return_dict=True)
        losses[weight] = float(logs["loss"])
    images = model.encode(pairs.image_inputs())
    captions = model.encode(pairs.caption_inputs())
    cosines = images["image_embedding"] @ captions["caption_embedding"].T
    scores = np.asarray(model.similarity(images, captions))
    expected = 3 * float(Distillation()(cosines, scores, image_ids))
    assert expected > 1
    assert losses[3.0] - losses[0.0] == pytest.approx(expected, rel=1e-3)


@pytest.mark.parametrize(
    "changes",
    [
        {"distillation": 0.5, "recipe": {"epochs": 1}},
        {"recipe": {"epochs": 1, "pooled_loss": 1.0}},
    ],
    ids=["taught by the scores", "a loss of their own"],
)
def test_a_training_may_train_the_pooled_vectors_along(data, tmp_path, changes):
    config = small_config(data, **changes)
    train(config, tmp_path / "run", progress=False)
    plain = small_config(data, recipe={"epochs": 1})
    train(plain, tmp_path / "plain", progress=False)
    with_it, without = (
        json.loads((tmp_path / name / "history.json").read_text())["loss"][0]
        for name in ("run", "plain")
    )
    assert with_it > without + 0.1


def test_distilling_along_refuses_what_it_cannot_do(data):
    with pytest.raises(ValueError, match="distillation should be greater than 0; rec"):
        small_config(data, distillation=0)


def test_a_head_taken_off_leaves_the_model_that_was():
    model = build_model("tiny", **pairs.SIZES)
    again = rebuilt(rebuilt(model, True), False)
    assert again.config == model.config
    for ours, theirs in zip(again.weights, model.weights, strict=True):
        np.testing.assert_array_equal(np.asarray(ours), np.asarray(theirs))
