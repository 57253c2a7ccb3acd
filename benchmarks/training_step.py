"""A training step at the paper's sizes, beside one of plain PyTorch.

    python benchmarks/training_step.py [--repeats 3] [--only "torch fp32,ours float32"]

Batch 40 of 36 regions of 2048 and captions of 13 tokens on average, padded to 20;
BERT-6; 1024 dimensions; dropout; the hinge on the hardest negatives; Adam with
clipping. `plain_torch_step.py` is the other side. One model is in memory at a time, and
one step of each is not counted.
"""

import gc
import os
import statistics
import time

os.environ.setdefault("KERAS_BACKEND", "tensorflow")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import torch
from harness import arguments, report
from plain_torch_step import PlainTeran, step

from keras_teran import build_model
from keras_teran.backend import FusedAdam

REGIONS, TOKENS, MEAN_TOKENS = 36, 20, 13


def main():
    """Measures and reports."""
    options = arguments(__doc__, batch=40, only="")
    batch = random_batch(options.batch)
    rows = []
    for name, prepare in contenders().items():
        if any(part in name for part in options.only.split(",")):
            rows.append({"step": name, **timed(prepare, batch, options.repeats)})
            print(rows[-1], flush=True)
    plain = rows[0]["seconds"]
    for row in rows:
        row["times plain fp32"] = plain / row["seconds"] if row["seconds"] else ""
        row["note"] = row.pop("note")
    report(
        "training_step",
        rows,
        options.out,
        batch=options.batch,
        regions=REGIONS,
        tokens=TOKENS,
        preset="coco_mrsw",
    )


def contenders():
    """Dict of name to a function of the batch that gives a function without any."""
    torch_rows = {
        f"torch {name}{', compiled' * compiled}": (
            lambda batch, b=bfloat16, c=compiled: of_torch(batch, b, c)
        )
        for compiled in (False, True)
        for name, bfloat16 in (("fp32", False), ("bf16 autocast", True))
    }
    our_rows = {
        f"ours {dtype}{', compiled' * compiled}": (
            lambda batch, d=dtype, c=compiled: of_ours(batch, d, c)
        )
        for compiled in (False, True)
        for dtype in ("float32", "mixed_bfloat16")
    }
    return {**torch_rows, **our_rows}


def timed(prepare, batch, repeats):
    """Dict of the median `seconds`, the last `loss` and a `note`.

    A step that cannot run has None, and the note says why.
    """
    gc.collect()
    seconds = []
    try:
        run = prepare(batch)
        for _ in range(repeats + 1):
            started = time.perf_counter()
            loss = run()
            seconds.append(time.perf_counter() - started)
    except Exception as error:  # noqa: BLE001 - whatever a compiler raises
        lines = str(error).strip().splitlines() or [""]
        return {
            "seconds": None,
            "loss": None,
            "note": f"{type(error).__name__}: {lines[0][:150]}",
        }
    return {
        "seconds": statistics.median(seconds[1:]),
        "loss": loss,
        "note": f"first {seconds[0]:.1f} s",
    }


def of_torch(batch, bfloat16, compiled):
    """A function that takes one step of plain PyTorch."""
    torch.manual_seed(0)
    model = PlainTeran().train()
    optimizer = torch.optim.Adam(model.parameters(), 1e-5)
    tensors = (
        torch.from_numpy(batch["regions"]),
        torch.from_numpy(batch["boxes"]),
        torch.from_numpy(batch["token_ids"]).long(),
        torch.from_numpy(batch["padding_mask"]),
    )
    called = torch.compile(model) if compiled else model
    return lambda: step(called, optimizer, tensors, bfloat16)


def of_ours(batch, dtype, compiled):
    """A function that takes one step of ours."""
    keras.utils.clear_session()
    keras.utils.set_random_seed(0)
    model = build_model("coco_mrsw", dtype=dtype)
    if compiled:
        # The package leaves XLA off, for it would compile every width of a caption
        # anew; here is one width.
        for part in (model, model.image_encoder, model.caption_encoder):
            part.supports_jit = True
    model.compile(FusedAdam(1e-5, global_clipnorm=2.0), jit_compile=compiled)
    image_ids = np.arange(len(batch["regions"]))
    return lambda: float(
        model.train_on_batch(batch, image_ids, return_dict=True)["loss"]
    )


def random_batch(pairs):
    """Dict of NumPy arrays: inputs of a `Teran`, every caption of another image."""
    generator = np.random.default_rng(0)
    corners = np.sort(generator.random((pairs, REGIONS, 2, 2), "float32"), axis=2)
    reach = TOKENS - MEAN_TOKENS
    lengths = generator.integers(MEAN_TOKENS - reach, TOKENS + 1, pairs)
    lengths[0] = TOKENS
    real = np.arange(TOKENS) < lengths[:, None]
    token_ids = generator.integers(1, 30522, real.shape) * real
    return {
        "regions": generator.random((pairs, REGIONS, 2048), "float32"),
        "boxes": corners.reshape(pairs, REGIONS, 4),
        "region_mask": np.ones((pairs, REGIONS), bool),
        "token_ids": token_ids.astype("int32"),
        "padding_mask": real,
    }


if __name__ == "__main__":
    main()
