"""What the authors' PyTorch code computed on fixed inputs, where it is at hand."""

import numpy as np
import pytest

MODE_NAMES = {"Symm": "symm", "scan": "scan-sentences"}


def original_numbers(shared):
    """Its regions, its words masked as ours are, and all it expects; or a skip.

    Every row of its words is a unit vector, [CLS], padding and the last two tokens
    too; it takes positions 1 to length - 3 of each caption.
    """
    folder = shared / "reference" / "coco_MrSw"
    if not folder.is_dir():
        pytest.skip(f"needs the original's numbers in {folder}")
    expected = dict(np.load(folder / "expected.npz", allow_pickle=False))
    inputs = dict(np.load(folder / "inputs.npz", allow_pickle=False))
    words = expected["words"].copy()
    position = np.arange(words.shape[1])
    lengths = inputs["caption_lengths"][:, None]
    words[(position < 1) | (position > lengths - 3)] = 0
    return expected["regions"][:, 1:], words, expected
