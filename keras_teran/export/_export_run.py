"""Exports a RUN and verifies an export, by its data where there are any."""

import numpy as np

from keras_teran import _io
from keras_teran.export._export import FORMATS, ExportError, export, in_float32
from keras_teran.export._variants import VARIANTS
from keras_teran.export._verify import verify
from keras_teran.pipeline import load
from keras_teran.vision import encoder_inputs

_CALIBRATION_SETS = 64
_CALIBRATION_BATCH = 8


def export_run(run, out, formats=None, variants=(), open_split=None, keep=False):
    """Exports a RUN; where data are given, only if recall stays.

    Args:
        run: path of the RUN.
        out: path of the folder to write.
        formats: list of str, or None for all.
        variants: list of str; `["all"]` for all.
        open_split: function of "train" or of None (the split to judge by) that gives
            `(CaptionSet, RegionStore)`; None to judge by differences alone.
        keep: bool, write what loses more than a point too, marked in the manifest.

    Returns:
        `(manifest, verification)`, the second None without data.

    Raises:
        ValueError: see `export`; or rsum falls and `keep` is False.
    """
    _io.check_folder(out)
    matcher = load(run)
    names = list(VARIANTS) if variants == ["all"] else variants
    calibration, found = None, []
    # What is wrong with the data is said before the files are made: that takes minutes.
    judged = None if open_split is None else open_split(None)
    if open_split is not None and any(
        VARIANTS[name].calibrated for name in names if name in VARIANTS
    ):
        calibration = calibration_set(matcher.tokenizer, *open_split("train"))

    def judge(folder):
        found.append(verify(folder, *judged, in_float32(matcher.model), cost=False))
        if not keep:
            refuse_losses(found[0])

    try:
        manifest = export(
            matcher.model,
            matcher.tokenizer,
            out,
            formats or FORMATS,
            preset=matcher.preset,
            progress=True,
            variants=names,
            calibration=calibration,
            accept=None if judged is None else judge,
        )
    except ExportError as error:
        raise ValueError(str(error)) from error
    return manifest, found[0] if found else None


def calibration_set(tokenizer, captions, regions, seed=0):
    """Real inputs of both encoders to calibrate eight bits on.

    Args:
        tokenizer: `CaptionTokenizer`.
        captions: `CaptionSet`.
        regions: a `RegionStore` with its images.
        seed: int, of the draw.

    Returns:
        Dict of `image_encoder` and `caption_encoder`: lists of dicts of NumPy arrays,
        64 images and 64 captions in all, or as many as there are.
    """
    draw = np.random.default_rng(seed)

    def blocks(count):
        rows = draw.permutation(count)[:_CALIBRATION_SETS]
        return np.split(rows, range(_CALIBRATION_BATCH, len(rows), _CALIBRATION_BATCH))

    return {
        "image_encoder": [
            encoder_inputs(regions.read(captions.image_ids[rows]))
            for rows in blocks(len(captions.image_ids))
        ],
        "caption_encoder": [
            tokenizer([captions.captions[row] for row in rows])
            for rows in blocks(len(captions.captions))
        ],
    }


def verify_export(exported, captions, regions, run=None, most_lost=1.0, cost=True):
    """Verifies an exported folder, against Keras where a RUN is given.

    Args:
        exported: path of the folder.
        captions: `CaptionSet`.
        regions: a `RegionStore` with its images.
        run: path of the RUN that was exported, or None.
        most_lost: float, points of rsum.
        cost: bool, measure latency and memory.

    Returns:
        Dict, see `verify`.
    """

    model = None if run is None else in_float32(load(run).model)
    return verify(exported, captions, regions, model, most_lost, cost, progress=True)


def refuse_losses(found):
    """Raises where a file is not good.

    Args:
        found: dict, from `verify`.

    Raises:
        ValueError: naming each pair of encoders, or scorer, and what it loses.
    """
    bad = [
        f"{pair['format']} {pair['variant']} changes rsum by {pair['rsum_change']:.2f}"
        for pair in found["pairs"]
        if not pair["good"]
    ]
    bad += [
        f"{row['path']} is off by {row['max_abs_error']:.2g}"
        for row in found["files"]
        if "max_abs_error" in row and not row["good"]
    ]
    if bad:
        raise ValueError(
            f"Not good: {'; '.join(bad)}. A file may lose {found['most_lost']:g}; leave "
            "the variant out, or keep it on purpose (export --keep, verify "
            "--most-lost)."
        )
