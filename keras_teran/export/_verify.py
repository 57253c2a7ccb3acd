"""What exported files are worth: recall on a labelled set, and what each file costs."""

from pathlib import Path

import keras
import numpy as np

from keras_teran._io import number, progress_bar, write_json, write_text
from keras_teran.evaluation import (
    alignment_agreement,
    check_correspondence,
    recall_table,
)
from keras_teran.export._export import ENCODERS, FLOAT32
from keras_teran.export._latency import file_cost
from keras_teran.export._manifest import (
    MANIFEST,
    check_files,
    manifest_text,
    read_manifest,
    signed,
)
from keras_teran.export._runtime import open_exported
from keras_teran.export._verify_table import format_verification
from keras_teran.similarity import all_pairs
from keras_teran.text import CaptionTokenizer, check_vocabulary
from keras_teran.vision import encoder_inputs

MOST_LOST = 1.0
BATCH = 32
REPORT = "verify"
_SETS = {"image_encoder": "region_embeddings", "caption_encoder": "word_embeddings"}
_SCORED = 32  # images, and captions, that the scorers are compared on


def verify(
    folder,
    captions,
    regions,
    model=None,
    most_lost=MOST_LOST,
    cost=True,
    progress=False,
):
    """Runs every exported file over a labelled set.

    The two encoders of one format and variant are a pair: all images are ranked against
    all captions by what they give. A pair is good when its rsum is at most `most_lost`
    points below the reference's, and a file is good when its pair is. Scorers are
    compared with `similarity` on the reference's embeddings of the first sets.

    Every file is read first, and must have the size and SHA-256 that the manifest says.
    Writes `verify.json` and `verify.md` into the folder, and into each artifact of its
    manifest `good`: true or false.

    Args:
        folder: path that `export` wrote.
        captions: `CaptionSet`.
        regions: a `RegionStore` with the images of `captions`.
        model: `Teran` that was exported, the reference; None for the first float32
            files, which export held to Keras within its tolerance.
        most_lost: float, points of rsum, from 0 to 600.
        cost: bool, measure latency and memory too, each file in a process of its own.
        progress: bool, show bars.

    Returns:
        Dict of plain values, as in `verify.json`: `images`, `captions`, `reference`
        (its name and recall table), `most_lost`, `pairs` (each `format`, `variant`,
        `recall`, `rsum_change`, `agreement`, `good`) and `files` (each `path`, `bytes`,
        `good`, `mean_cosine` with the reference over all real regions or words, or for
        a scorer `max_abs_error`; `cost`, see `_latency`).

    Raises:
        FileNotFoundError: when the folder is no export.
        ValueError: when a file is not the one that the manifest names; the folder holds
            no float32 pair and `model` is None; the set has an image without captions;
            or `most_lost` is out of range.
    """
    folder = Path(folder)
    number("most_lost", most_lost, least=0, most=600)
    manifest = read_manifest(folder)
    check_files(folder, manifest)
    check_correspondence(captions.caption_to_image, len(captions.image_ids))
    tokenizer = CaptionTokenizer.load(folder, saved=True)
    check_vocabulary(manifest["config"], tokenizer, folder)
    sides = {
        "image_encoder": _Images(regions, captions.image_ids),
        "caption_encoder": _Captions(tokenizer, captions.captions),
    }
    rules = (manifest["pooling"], manifest["padding"])
    pairs = _pairs(manifest)
    reference = _reference(model, folder, pairs, sides)
    owners = captions.caption_to_image
    expected = recall_table(all_pairs(*reference.values(), *rules), owners)
    found = {
        "images": len(captions.image_ids),
        "captions": len(captions.captions),
        "reference": {"name": _reference_name(model, pairs), "recall": expected},
        "most_lost": most_lost,
        "pairs": [],
        "files": [],
    }
    for key, files in progress_bar(pairs.items(), "verify", disable=not progress):
        outputs = {
            name: sides[name].through(open_exported(folder / files[name]["path"]))
            for name in ENCODERS
        }
        recall = recall_table(all_pairs(*outputs.values(), *rules), owners)
        agreement = alignment_agreement(
            [*reference.values()], [*outputs.values()], owners
        )
        _add_pair(found, key, files, recall, agreement, outputs, reference)
    found["files"] += _scorers(manifest, folder, reference, rules)
    if cost:
        _add_costs(found["files"], folder, sides, reference, progress)
    _write(folder, manifest, found)
    return found


def _add_pair(found, key, files, recall, agreement, outputs, reference):
    """Adds what one pair of encoders gave to `found`: the pair, and both files."""
    change = recall["rsum"] - found["reference"]["recall"]["rsum"]
    good = change >= -found["most_lost"]
    format_name, variant = key
    found["pairs"].append(
        {
            "format": format_name,
            "variant": variant,
            "recall": recall,
            "rsum_change": change,
            "agreement": agreement,
            "good": good,
        }
    )
    found["files"] += [
        {
            **_named(files[name]),
            "good": good,
            "mean_cosine": _mean_cosine(outputs[name], reference[name]),
        }
        for name in ENCODERS
    ]


class _Images:
    """The images of a set, block by block."""

    def __init__(self, regions, image_ids):
        self.regions = regions
        self.image_ids = np.asarray(image_ids, np.int64)

    def inputs(self, rows):
        return encoder_inputs(self.regions.read(self.image_ids[rows]))

    def through(self, run):
        rows = np.arange(len(self.image_ids))
        return _together(run, self, rows, "region_embeddings")


class _Captions:
    """The captions of a set, blocks of like length."""

    def __init__(self, tokenizer, captions):
        self.tokenizer = tokenizer
        self.captions = captions

    def inputs(self, rows):
        return self.tokenizer([self.captions[row] for row in rows])

    def through(self, run):
        lengths = self.tokenizer.lengths(self.captions)
        return _together(
            run, self, np.argsort(-lengths, kind="stable"), "word_embeddings"
        )


def _together(run, side, order, output):
    """float32 (sets, members, dim), zeros behind what is shorter than the longest."""
    blocks = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
    found = [np.asarray(run(side.inputs(rows))[output]) for rows in blocks]
    longest, dim = max(block.shape[1] for block in found), found[0].shape[2]
    together = np.zeros((len(order), longest, dim), np.float32)
    for rows, block in zip(blocks, found, strict=True):
        together[rows, : block.shape[1]] = block
    return together


def _pairs(manifest):
    """{(format, variant): {encoder: artifact}} where both encoders are there."""
    pairs = {}
    for artifact in manifest["artifacts"]:
        if artifact["encoder"] in ENCODERS:
            key = (artifact["format"], artifact["variant"])
            pairs.setdefault(key, {})[artifact["encoder"]] = artifact
    return pairs


def _reference(model, folder, pairs, sides):
    """The embeddings that all others are compared with, by encoder."""
    if model is None:
        files = pairs[_plain(pairs)]
        runs = {name: open_exported(folder / files[name]["path"]) for name in ENCODERS}
    else:
        runs = {name: _keras(getattr(model, name)) for name in ENCODERS}
    return {name: sides[name].through(runs[name]) for name in ENCODERS}


def _keras(encoder):
    def run(inputs):
        outputs = encoder(inputs, training=False)
        return {name: keras.ops.convert_to_numpy(v) for name, v in outputs.items()}

    return run


def _plain(pairs):
    plain = [key for key in pairs if key[1] == FLOAT32]
    if not plain:
        raise ValueError(
            "The folder holds no float32 encoders to compare with; give the RUN that "
            "was exported (--run)."
        )
    return plain[0]


def _reference_name(model, pairs):
    return "Keras" if model is not None else "-".join(_plain(pairs))


def _named(artifact):
    names = ("path", "format", "variant", "encoder", "bytes")
    return {name: artifact[name] for name in names}


def _mean_cosine(found, expected):
    real = expected.any(-1)
    norms = np.linalg.norm(found[real], axis=-1) * np.linalg.norm(
        expected[real], axis=-1
    )
    dots = np.sum(found[real] * expected[real], axis=-1, dtype=np.float64)
    return float(np.mean(dots / np.maximum(norms, 1e-12)))


def _scorers(manifest, folder, reference, rules):
    inputs = dict(
        zip(_SETS.values(), (v[:_SCORED] for v in reference.values()), strict=True)
    )
    expected = all_pairs(*inputs.values(), *rules)
    rows = []
    for artifact in manifest["artifacts"]:
        if artifact["encoder"] in manifest["scorers"]:
            found = open_exported(folder / artifact["path"])(inputs)["similarity"]
            error = float(np.abs(found - expected).max())
            good = error <= manifest["tolerance"]
            rows.append({**_named(artifact), "good": good, "max_abs_error": error})
    return rows


def _add_costs(files, folder, sides, reference, progress):
    images, captions = reference.values()
    for row in progress_bar(files, "cost", disable=not progress):
        batches = {}
        for size in (1, BATCH):
            if row["encoder"] in ENCODERS:
                count = len(reference[row["encoder"]])
                # A set smaller than the batch is gone through again.
                rows = np.arange(size) % count
                batches[size] = sides[row["encoder"]].inputs(rows)
            else:
                batches[size] = {
                    "region_embeddings": images[np.arange(size) % len(images)],
                    "word_embeddings": captions[:1],
                }
        row["cost"] = file_cost(folder / row["path"], batches)


def _write(folder, manifest, found):
    good = {row["path"]: row["good"] for row in found["files"]}
    for artifact in manifest["artifacts"]:
        if artifact["path"] in good:
            artifact["good"] = good[artifact["path"]]
    write_json(folder / f"{REPORT}.json", found)
    write_text(folder / f"{REPORT}.md", format_verification(found) + "\n")
    write_text(folder / MANIFEST, manifest_text(signed(manifest)))
