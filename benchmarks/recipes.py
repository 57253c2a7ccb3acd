"""What each part of today's recipe gives: recall on real photos, a row a change.

    python benchmarks/recipes.py --runs FOLDER --data FOLDER --caption-backbone FOLDER \
        [--rows today,"hinge, hardest"] [--seeds 0,1,2] [--epochs 0] \
        [--dtype mixed_bfloat16]

Each row trains into FOLDER/ROW-EPOCHS-SEED as `keras-teran train` does; one that is there
is read, and refused if another configuration made it; one that was stopped goes on.
`paper` is the preset `small`, all other rows `small_today` with one change. All in two
epochs, or with --epochs 0 in as many as their preset has. Judged on val, at the best
epoch; minutes are wall time.
With --figure PATH.png, recall against minutes of all epochs is drawn too.
"""

import re
import statistics
from pathlib import Path

from harness import arguments, report

from keras_teran.run import is_finished, read_history, read_run_config
from keras_teran.training import TrainingConfig, train

# Changes of a row: to the recipe, but for `preset` and for `model`.
ROWS = {
    "paper": {"preset": "small"},
    "today": {},
    "no context": {
        "model": {"context_dim": 0, "embedding_dim": 256},
        "pooled_loss": 0.0,
    },
    "context of 64 numbers": {"model": {"context_dim": 64, "embedding_dim": 320}},
    "context as 8 words": {"model": {"context_words": 8.0}},
    "context as 30 words": {"model": {"context_words": 30.0}},
    "context without dropout": {"model": {"context_dropout": 0.0}},
    "pooled temperature 0.1": {"pooled_temperature": 0.1},
    "hinge, hardest": {"loss": "hinge"},
    "hinge, sum": {"loss": "hinge", "negatives": "sum"},
    "MrAVGw": {"model": {"pooling": "MrAVGw"}, "temperature": 0.05},
    "temperature 0.25": {"temperature": 0.25},
    "temperature 1": {"temperature": 1.0},
    "40 pairs": {"batch_size": 40},
    "240 pairs": {"batch_size": 240},
    "60 images, 2 captions each": {"captions_per_image": 2},
    "dropout 0.2": {"model": {"dropout": 0.2}},
    "one rate for all": {"backbone_rate": 1.0},
    "BERT at three tenths": {"backbone_rate": 0.3},
    "twice the rate": {"learning_rate": 2e-3},
    "half the rate": {"learning_rate": 5e-4},
    "rate by steps": {"schedule": "steps", "drop_epochs": [1]},
}


def main():
    """Trains what is missing and prints the table."""
    options = arguments(
        __doc__,
        runs="runs/recipes",
        data="",
        caption_backbone="",
        rows="paper,today",
        seeds="0",
        epochs=2,
        dtype="float32",
        figure="",
    )
    rows, histories = [], {}
    for name in re.split(r",(?! )", options.rows):
        found = [
            history_of(name, int(seed), options) for seed in options.seeds.split(",")
        ]
        histories[name] = found
        rows.append({"recipe": name, **summary(found)})
        print(rows[-1], flush=True)
    report(
        "recipes",
        rows,
        options.out,
        epochs=options.epochs,
        dtype=options.dtype,
        seeds=options.seeds,
        split="val",
    )
    if options.figure:
        draw(histories, options.figure)


def history_of(name, seed, options):
    """The history of a row's training, which is done first where it is missing."""
    changes = dict(ROWS[name])
    config = TrainingConfig(
        preset=changes.pop("preset", "small_today"),
        model=changes.pop("model", {}),
        data=options.data,
        caption_backbone=options.caption_backbone or None,
        recipe={**changes, **({"epochs": options.epochs} if options.epochs else {})},
        dtype=options.dtype,
        seed=seed,
    )
    label = re.sub(r"\W+", "_", name)
    epochs = config.full_recipe["epochs"]
    folder = Path(options.runs) / f"{label}-{epochs}-{seed}"
    if not is_finished(folder):
        train(config, folder)
    elif read_run_config(folder) != config.as_dict():
        raise ValueError(
            f"{folder} was trained by another configuration, which its config.yaml has; "
            "give another --runs, or remove it."
        )
    return read_history(folder)


def summary(histories):
    """Dict: mean and deviation of the best rsum, mean R@1s there, mean minutes."""
    best = [values["val_rsum"].index(max(values["val_rsum"])) for values in histories]

    def mean(name):
        return statistics.mean(
            values[name][epoch] for values, epoch in zip(histories, best, strict=True)
        )

    rsums = [max(values["val_rsum"]) for values in histories]
    return {
        "runs": len(histories),
        "rsum": statistics.mean(rsums),
        "deviation": statistics.stdev(rsums) if len(rsums) > 1 else "",
        "i2t R@1": 100 * mean("val_image_to_text_r1"),
        "t2i R@1": 100 * mean("val_text_to_image_r1"),
        "minutes": statistics.mean(sum(h["seconds"]) / 60 for h in histories),
    }


def draw(histories, path):
    """Recall against minutes, a line a run, as a PNG."""
    from itertools import accumulate

    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(figsize=(6, 4), layout="constrained")
    for number, (name, runs) in enumerate(histories.items()):
        for index, history in enumerate(runs):
            minutes = [seconds / 60 for seconds in accumulate(history["seconds"])]
            label = name if index == 0 else None
            style = {"color": f"C{number}", "marker": "o", "markersize": 3}
            axes.plot(minutes, history["val_rsum"], label=label, **style)
    axes.set_xlabel("minutes, evaluation included")
    axes.set_ylabel("rsum on val")
    axes.set_xlim(left=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="lower right")
    figure.savefig(path, dpi=150)


if __name__ == "__main__":
    main()
