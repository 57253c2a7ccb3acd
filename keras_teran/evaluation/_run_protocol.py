"""What `keras-teran evaluate` does: one run on a split, or runs under a protocol."""

from pathlib import Path

import numpy as np

from keras_teran.evaluation._eccv import eccv_figures, open_eccv
from keras_teran.evaluation._evaluate import encode_images, evaluate, score_captions
from keras_teran.evaluation._grounding import grounding_accuracy
from keras_teran.evaluation._protocols import captions_of, find_protocol
from keras_teran.evaluation._query_results import answer, compare, figures
from keras_teran.evaluation._recall import format_table
from keras_teran.evaluation._relevance import open_rouge_l, open_spice, write_rouge_l
from keras_teran.evaluation._trec import TrecFolder, check_new_folder
from keras_teran.pipeline import load

# What the authors' evaluation pads every caption to; part of the score of some
# poolings under their padding rules, and of no other's.
ORIGINAL_WIDTH = 88


def evaluate_split(matcher, captions, regions, drawn, split):
    """Recall of one run on all images and captions of a split, and grounding.

    Args:
        matcher: `Matcher`.
        captions: `CaptionSet`.
        regions: a `RegionStore` that holds its images.
        drawn: `EmbeddedSet` that they come from, for grounding; None for real data.
        split: str, its name.

    Returns:
        `(result, text)`: a dict of plain values, and lines to print.
    """
    table, _ = evaluate(
        matcher.model,
        captions,
        regions,
        matcher.tokenizer,
        progress=True,
        caption_width=ORIGINAL_WIDTH,
    )
    result = {"split": split, "recall": table}
    lines = [
        f"{split}: {len(captions.image_ids)} images, {len(captions)} captions",
        format_table(table),
    ]
    if drawn is not None:
        found = grounding_accuracy(matcher.model, matcher.tokenizer, drawn)
        result["grounding"] = found
        lines.append(
            f"grounding {100 * found['accuracy']:.1f} % of {found['nouns']} nouns, "
            f"by chance {100 * found['chance']:.1f} %"
        )
    return result, "\n".join(lines)


def evaluate_protocol(
    runs,
    open_data,
    protocol,
    rouge_l=None,
    spice=None,
    zero_ndcg="left-out",
    seed=0,
    trec=None,
    eccv=False,
    progress=False,
):
    """Evaluates runs under a published protocol.

    Each run is a row of its own; of several runs the ensemble (the mean of their
    similarities) is one more. Every row but the first is compared with the first.

    Args:
        runs: list of paths of RUN folders.
        open_data: function of such a path that gives its `(CaptionSet, RegionStore)`.
        protocol: str, one of `PROTOCOLS`.
        rouge_l: path of ROUGE-L relevances for NDCG; computed where there is no file.
        spice: path of SPICE relevances for NDCG; must be there.
        zero_ndcg: "left-out" or "counted", see `counted_queries`.
        seed: int, of intervals and tests.
        trec: path of a new folder for TREC runs and qrels.
        eccv: bool, add the figures of the package `eccv_caption`.
        progress: bool, show bars.

    Returns:
        dict of plain values: `protocol`, `folds`, `images`, `captions`, `zero_ndcg`,
        `seed`; `rows`, a list of dicts with `label`, `kind` ("single" or "ensemble"),
        `runs`, what `figures` gives and, where asked for, `eccv`; `comparisons`, a list
        of dicts with `first`, `second` and `statistics`, from `compare`.

    Raises:
        ValueError: the data do not fit the protocol, the relevances or each other.
        FileNotFoundError: a file or folder is missing.
        FileExistsError: there is something in the folder `trec`.
    """
    protocol = find_protocol(protocol)
    if trec is not None:
        check_new_folder(trec)
    if eccv and protocol.name != "coco-5k":
        raise ValueError(
            "--eccv needs all images at once: give it with --protocol coco-5k (its "
            "figures include COCO 1K)."
        )
    captions, stores = _open_all(runs, open_data, protocol)
    metrics = open_eccv(captions) if eccv else None
    relevances = _open_relevances(captions, rouge_l, spice, progress)
    folds = _cut(protocol, captions, relevances)
    rows = _new_rows(runs)
    if trec is None:
        _fill(rows, stores, folds, metrics, None, progress)
    else:
        with TrecFolder(trec) as folder:
            _fill(rows, stores, folds, metrics, folder, progress)
    return {
        "protocol": protocol.name,
        "description": protocol.describe(len(captions.image_ids)),
        "folds": protocol.folds,
        "images": len(captions.image_ids),
        "captions": len(captions),
        "zero_ndcg": zero_ndcg,
        "seed": seed,
        "rows": [_row_figures(row, zero_ndcg, seed) for row in rows],
        "comparisons": [
            {
                "first": rows[0]["label"],
                "second": row["label"],
                "statistics": compare(
                    rows[0]["answers"], row["answers"], zero_ndcg, seed
                ),
            }
            for row in rows[1:]
        ],
    }


def _open_all(runs, open_data, protocol):
    """The captions that all runs share, and each run's regions."""
    shared, stores = None, []
    for run in runs:
        captions, regions = open_data(run)
        captions = protocol.select(captions)
        shared = captions if shared is None else shared
        if not (
            np.array_equal(captions.image_ids, shared.image_ids)
            and captions.captions == shared.captions
        ):
            raise ValueError(
                f"{run} and {runs[0]} were opened on different images or captions: "
                "give the same caption file with --data or --captions and --regions."
            )
        regions.rows(captions.image_ids)
        stores.append(regions)
    return shared, stores


def _open_relevances(captions, rouge_l, spice, progress):
    found = {}
    if rouge_l is not None:
        if not Path(rouge_l).is_file():
            write_rouge_l(captions, rouge_l, progress)
        found["rouge-l"] = open_rouge_l(rouge_l, captions)
    if spice is not None:
        found["spice"] = open_spice(spice, captions)
    return found


def _cut(protocol, captions, relevances):
    """Each fold's `CaptionSet` and relevances."""
    return [
        (
            captions.select_images(np.arange(images.start, images.stop)),
            {
                name: grades[captions_of(images), images]
                for name, grades in relevances.items()
            },
        )
        for images in protocol.slices(len(captions.image_ids))
    ]


def _new_rows(runs):
    rows = [
        {"label": str(run), "kind": "single", "runs": [str(run)], "answers": []}
        for run in runs
    ]
    for number, row in enumerate(rows, start=1):
        row["name"] = f"{number}-{Path(row['label']).resolve().name}"
    if len(runs) > 1:
        row = {"kind": "ensemble", "name": "ensemble", "answers": []}
        row["runs"] = [str(run) for run in runs]
        row["label"] = "mean of " + " + ".join(row["runs"])
        rows.append(row)
    return rows


def _fill(rows, stores, folds, metrics, folder, progress):
    """Asks every model every query; one model at a time is in memory."""
    total = [0] * len(folds)
    for row, regions in zip(rows, stores, strict=False):  # the ensemble has no store
        for fold, similarity in enumerate(
            _similarities(row["label"], regions, folds, progress)
        ):
            _ask(row, fold, folds[fold], similarity, metrics, folder)
            if len(stores) > 1:
                total[fold] += similarity
    if len(stores) > 1:
        for fold, similarity in enumerate(total):
            similarity /= len(stores)
            _ask(rows[-1], fold, folds[fold], similarity, metrics, folder)
    if folder is not None:
        for fold, (captions, relevances) in enumerate(folds):
            folder.add_qrels(fold, captions, relevances)


def _similarities(run, regions, folds, progress):
    """float32 (images, captions) of each fold."""
    matcher = load(run)
    model, tokenizer = matcher.model, matcher.tokenizer
    for captions, _ in folds:
        images = encode_images(model, regions, captions.image_ids, progress)
        yield score_captions(
            model, images, captions.captions, tokenizer, progress, ORIGINAL_WIDTH
        )


def _ask(row, fold, data, similarity, metrics, folder):
    captions, relevances = data
    row["answers"].append(answer(similarity, captions.caption_to_image, relevances))
    if metrics is not None:
        row["eccv"] = eccv_figures(metrics, similarity, captions)
    if folder is not None:
        folder.add_run(row["name"], fold, captions, similarity)


def _row_figures(row, zero_ndcg, seed):
    told = {name: row[name] for name in ("label", "kind", "runs")}
    told |= figures(row["answers"], zero_ndcg, seed)
    return told | ({"eccv": row["eccv"]} if "eccv" in row else {})
