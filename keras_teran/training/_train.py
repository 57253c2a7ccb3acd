"""Training into a RUN folder, and going on from where a killed one stood."""

import time
from dataclasses import replace
from pathlib import Path

import keras

from keras_teran import _io
from keras_teran._io import keras_verbose
from keras_teran.data import DataSource, PairBatches, check_width
from keras_teran.data.formats import read_phrases
from keras_teran.evaluation import RetrievalEvaluation, check_order
from keras_teran.models import (
    PRESETS,
    build_model,
    load_model,
    read_backbone,
    vocabulary_of,
)
from keras_teran.run import (
    CARD_FILE,
    CONFIG_FILE,
    HISTORY_FILE,
    LAST_FILE,
    MODEL_FILE,
    epochs_of,
    is_finished,
    read_history,
    read_run_config,
    save_model,
    write_card,
    write_config,
    write_history,
)
from keras_teran.text import CaptionTokenizer, check_vocabulary, vocabulary_sha256
from keras_teran.training._recipe import (
    batch_settings,
    optimizer,
    pooled_loss,
    ranking_loss,
)


def train(config, folder, data=None, progress=True):
    """Trains as a configuration says and leaves a RUN; resumes an unfinished one.

    After each epoch the model is evaluated on val, all images against all captions;
    `model.keras` is that of the best rsum. A training that was killed goes on from its
    last whole epoch to the weights that it would have reached: order, dropout and
    optimiser state are a function of seed and epoch, or saved.

    Args:
        config: `TrainingConfig`.
        folder: path of the RUN; made if missing.
        data: `((captions, regions), (captions, regions))` of train and val, in place
            of opening `config.data`.
        progress: bool, show bars.

    Returns:
        Dict of lists: the loss and the figures of each epoch.

    Raises:
        ValueError: when the folder holds a finished RUN, or an unfinished one of
            another configuration.
    """
    folder = _io.check_folder(folder)
    config = _with_backbone(config)
    resumed = _unfinished(folder, config)
    keras.utils.set_random_seed(config.seed)
    source = DataSource.of(config.data)
    train_data, val_data = data or [
        source.open(split, progress)[:2] for split in ("train", "val")
    ]
    tokenizer = (
        CaptionTokenizer.load(folder, saved=True)
        if resumed
        else tokenizer_for(config, train_data[0])
    )
    phrases = config.grounding and read_phrases(config.grounding, "val", val_data[0])
    recipe = config.full_recipe
    batches = PairBatches(
        *train_data,
        tokenizer,
        **batch_settings(recipe),
        seed=config.seed,
        bucket_batches=config.bucket_batches,
        width_multiple=_width_multiple(),
        progress=progress,
    )
    model = (
        _model_so_far(folder, tokenizer)
        if resumed
        else _new_model(config, tokenizer, train_data[1].region_dim, len(batches))
    )
    _check_data(model, batches, (train_data[1], val_data[1]), folder)
    if not resumed:
        begin_run(folder, config, tokenizer)
    model.encode_chunk = config.encode_chunk
    model.pooled_loss = pooled_loss(recipe, config.distillation or 0.0)
    epoch = int(model.optimizer.iterations) // len(batches)
    batches.epoch = epoch
    keeper = RunKeeper(folder, epoch, config.patience)
    if epoch < recipe["epochs"] and not keeper.out_of_patience:
        evaluation = RetrievalEvaluation(*val_data, tokenizer, phrases=phrases)
        model.fit(
            batches,
            initial_epoch=epoch,
            epochs=recipe["epochs"],
            shuffle=False,
            verbose=keras_verbose(progress),
            callbacks=check_order([evaluation, keeper, *_tensorboard(folder)]),
        )
    finish_run(folder, config, keeper.history)
    return keeper.history


def _with_backbone(config):
    """The configuration, with what opening its pictures needs to know."""
    if config.image_backbone is None:
        return config
    described, _ = read_backbone(config.image_backbone, config.image_size)
    source = DataSource.of(config.data).for_model(described, config.image_backbone)
    return replace(config, data=source.plain())


class RunKeeper(keras.callbacks.Callback):
    """Keeps a RUN true after each epoch: history, best model, and where to resume.

    The history has the `seconds` of each epoch beside what Keras logs: wall time,
    evaluation included.

    `last.keras` is renamed into place last: what was written before it and is of a
    later epoch is written again, the same, by the resumed training.

    Args:
        folder: path of the RUN.
        epoch: int, epochs that are done already.
        patience: int, epochs without a better `val_rsum` before training stops; None
            for never. A resumed training counts those before it too.
    """

    def __init__(self, folder, epoch=0, patience=None):
        super().__init__()
        self.folder = Path(folder)
        self.patience = patience
        history = read_history(folder)
        if len(history.get("val_rsum", ())) < epoch:
            raise ValueError(
                f"{self.folder / HISTORY_FILE} lacks val_rsum of the {epoch} epochs that "
                f"{LAST_FILE} has behind it; restore it, or remove the folder."
            )
        self.history = {name: values[:epoch] for name, values in history.items()}
        self._begun = time.monotonic()

    @property
    def out_of_patience(self):
        """Bool: whether the last `patience` epochs brought nothing better."""
        return self.patience is not None and self._since_best() >= self.patience

    def on_epoch_end(self, epoch, logs=None):
        """Writes the files."""
        begun, self._begun = self._begun, time.monotonic()
        for name, value in {**logs, "seconds": self._begun - begun}.items():
            self.history.setdefault(name, []).append(float(value))
        write_history(self.folder, self.history)
        if self._since_best() == 0:
            save_model(self.model, self.folder / MODEL_FILE, include_optimizer=False)
        if self.out_of_patience:
            self.model.stop_training = True
        save_model(self.model, self.folder / LAST_FILE, include_optimizer=True)

    def _since_best(self):
        """Epochs after that of the best rsum."""
        rsums = self.history.get("val_rsum", [])
        return len(rsums) - 1 - rsums.index(max(rsums)) if rsums else 0


def _unfinished(folder, config):
    """Whether the folder holds a `last.keras` to go on from.

    Raises:
        ValueError: when its RUN is finished, or of another configuration.
    """
    if not (folder / CONFIG_FILE).is_file():
        return False
    resumes = (folder / LAST_FILE).is_file()
    if not resumes and is_finished(folder):
        raise ValueError(
            f"{folder} holds a finished RUN; give another folder, or remove it."
        )
    if not resumes and not (folder / MODEL_FILE).is_file():
        return False
    # The first epoch alone writes a model before there is anything to resume from.
    if not resumes and epochs_of(folder) != 1:
        raise ValueError(
            f"{folder} holds a model without {LAST_FILE} to go on from and without the "
            f"{CARD_FILE} of a finished RUN; give another folder, or remove it."
        )
    before, now = read_run_config(folder), config.as_dict()
    changed = sorted(key for key in now if before.get(key) != now[key])
    if changed:
        raise ValueError(
            f"{folder} holds an unfinished training of another configuration: "
            f"{', '.join(changed)} differ. Give another folder, remove it, or go on "
            "with the configuration that it holds."
        )
    read_history(folder)
    return resumes


def _check_data(model, batches, stores, folder):
    """Refuses features of another width, and captions without a position to spare.

    `PairBatches` needs that position.
    """
    for regions in stores:
        check_width(regions, model.config["region_dim"], folder)
    longest, positions = batches.lengths.max(), model.config["caption_max_length"]
    if longest >= positions:
        raise ValueError(
            f"The captions have up to {longest} tokens and the caption encoder has "
            f"{positions} positions, of which one must be left: give a max_length below "
            f"{positions}."
        )


def begin_run(folder, config, tokenizer):
    """Makes a RUN folder with its configuration and tokeniser, not finished.

    Args:
        folder: path.
        config: `TrainingConfig`.
        tokenizer: `CaptionTokenizer`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / CARD_FILE).unlink(missing_ok=True)
    tokenizer.save(folder)
    write_config(folder, config.as_dict())


def finish_run(folder, config, history):
    """Writes the card of a RUN, which makes it finished, and removes `last.keras`.

    Args:
        folder: path.
        config: `TrainingConfig`.
        history: dict of lists, a number an epoch.
    """
    write_card(folder, config.as_dict(), history)
    (Path(folder) / LAST_FILE).unlink(missing_ok=True)


def tokenizer_for(config, captions):
    """The tokeniser of the caption backbone, or one trained on the captions.

    Args:
        config: `TrainingConfig`.
        captions: `CaptionSet` of train.
    """
    if config.caption_backbone is None:
        size = config.model.get(
            "vocabulary_size", PRESETS[config.preset]["vocabulary_size"]
        )
        return CaptionTokenizer.train(
            captions.captions, size, max_length=config.max_length
        )
    return vocabulary_of(config.caption_backbone).with_max_length(config.max_length)


def _model_so_far(folder, tokenizer):
    model = load_model(folder / LAST_FILE, compile=True)
    check_vocabulary(model, tokenizer, folder)
    return model


def _new_model(config, tokenizer, region_dim, steps_per_epoch):
    changes = {**config.model, "region_dim": region_dim, "dtype": config.dtype}
    changes["vocabulary_sha256"] = vocabulary_sha256(tokenizer.vocabulary)
    if config.caption_backbone is None:
        changes["vocabulary_size"] = len(tokenizer.vocabulary)
    model = build_model(
        config.preset,
        caption_backbone=config.caption_backbone,
        image_backbone=config.image_backbone,
        image_size=config.image_size,
        image_trainable=config.image_trainable,
        **changes,
    )
    check_vocabulary(model, tokenizer, config.caption_backbone or "The tokenizer")
    recipe = config.full_recipe
    model.compile(
        optimizer(recipe, steps_per_epoch),
        loss=ranking_loss(recipe),
    )
    return model


def _tensorboard(folder):
    """Keras writes TensorBoard logs on TensorFlow alone."""
    if keras.backend.backend() != "tensorflow":
        return []
    return [keras.callbacks.TensorBoard(folder / "logs")]


def _width_multiple():
    """JAX compiles each caption width anew; fewer widths there."""
    return 8 if keras.backend.backend() == "jax" else 1
