"""The three doors: a checkpoint in, a checkpoint in memory, a checkpoint out."""

from keras_teran.conversion._checkpoint import read_checkpoint, write_checkpoint
from keras_teran.conversion._settings import teran_arguments
from keras_teran.conversion._weight_names import aliases
from keras_teran.conversion._weights import check_state, checkpoint_of, fill
from keras_teran.models import Teran


def from_original(path, caption_heads=None):
    """A `Teran` of a checkpoint of the authors' PyTorch code.

    The file's own configuration decides the architecture. The model scores as the
    authors' code does (`padding="zero"`, `drop_last_word=True`). What the checkpoint
    holds beside the weights travels in `model.carried`.

    Args:
        path: of the `.pth` or `.pth.tar` file.
        caption_heads: int, BERT's attention heads, which the file does not hold; None
            for 12 at width 768 and 4 at any other.

    Returns:
        `Teran`, float32.

    Raises:
        FileNotFoundError: when there is no such file.
        ModuleNotFoundError: when PyTorch is not installed.
        ValueError: when the file is damaged or holds objects other than tensors and
            plain values, asks for what is not implemented, or its tensors do not fit
            its configuration one by one; all by name.
    """
    return from_checkpoint(read_checkpoint(path), caption_heads)


def from_checkpoint(checkpoint, caption_heads=None, vocabulary_sha256=None):
    """`from_original` of a `Checkpoint` in memory; the last argument is `Teran`'s."""
    arguments = teran_arguments(checkpoint.config, checkpoint.state, caption_heads)
    check_state(arguments, checkpoint.state)
    model = Teran(**arguments, vocabulary_sha256=vocabulary_sha256, dtype="float32")
    fill(model, checkpoint)
    return model


def export_original(model, path):
    """Writes a model as a checkpoint that the authors' code loads.

    The inverse of `from_original`: tensors, their names and order, and the
    configuration come out as they went in, also after the model was saved and loaded.
    Optimiser state is not kept.

    Args:
        model: `Teran`. One that was not converted gets a configuration that builds its
            architecture, and zeros for what the authors' code holds but does not use;
            that code then scores by its own rules for padding and the last word.
        path: of the file, in the format of PyTorch 1.3, which newer ones read too.

    Raises:
        ModuleNotFoundError: when PyTorch is not installed.
        ValueError: when the authors' code cannot be told to build the architecture.
    """
    write_checkpoint(path, checkpoint_of(model), aliases(model.config))
