"""Ranking losses on a similarity matrix of images (rows) and captions (columns)."""

import keras
import numpy as np
from keras import ops

from keras_teran import _io

NEGATIVES = ("hardest", "sum")

# exp of it is 0, and it is finite: a batch of one image has no negative and costs 0.
_NO_LOGIT = -1e9


@keras.saving.register_keras_serializable("keras_teran")
class Hinge:
    """Triplet hinge loss over a batch of pairs, both directions.

    With S the similarity and pair i on the diagonal, the cost of a negative caption j
    of image i is max(0, margin + S[i, j] - S[i, i]), that of a negative image i of
    caption j is max(0, margin + S[i, j] - S[j, j]). Of each row and of each column
    either the hardest negative counts (VSE++, Faghri et al. 2018, and TERAN, Messina
    et al. 2021, equation 6) or all of them.

    Pairs of the same image are never negatives of each other; the original counts them
    unless they are the same pair.

    Args:
        margin: float, above 0.
        negatives: "hardest" or "sum".

    Raises:
        ValueError: for any other value.

    Example:
        >>> import numpy as np
        >>> similarity = np.array([[1.0, 0.9], [0.3, 1.0]], "float32")
        >>> float(Hinge(0.2)(similarity, np.array([7, 8])))  # (0.2+0.9-1.0) twice
        0.20000004768371582
    """

    def __init__(self, margin=0.2, negatives="hardest"):
        self.margin = _io.number("margin", margin, above=0)
        if negatives not in NEGATIVES:
            raise ValueError(
                f"negatives={_io.shown(negatives)} is unknown; choose one of "
                f"{', '.join(NEGATIVES)}."
            )
        self.negatives = negatives

    def __call__(self, similarity, image_ids):
        """The loss, summed over the pairs and both directions, as the original does.

        Args:
            similarity: float32 (pairs, pairs), rows images, columns captions.
            image_ids: int (pairs,), the image of each pair.

        Returns:
            float32 scalar, 0 or more.
        """
        positive = ops.diagonal(similarity)
        negative = negative_pairs(image_ids)
        of_images = self._costs(similarity, positive[:, None], negative)
        of_captions = self._costs(similarity, positive[None, :], negative)
        pick = ops.max if self.negatives == "hardest" else ops.sum
        return ops.sum(pick(of_images, axis=1)) + ops.sum(pick(of_captions, axis=0))

    def get_config(self):
        """The constructor's arguments."""
        return {"margin": self.margin, "negatives": self.negatives}

    @classmethod
    def from_config(cls, config):
        """The inverse of `get_config`."""
        return cls(**config)

    def _costs(self, similarity, positive, negative):
        costs = ops.relu(self.margin + similarity - positive)
        return ops.where(negative, costs, 0.0)


@keras.saving.register_keras_serializable("keras_teran")
class Contrastive:
    """Softmax cross-entropy over a batch of pairs, both directions.

    With L the similarity divided by the temperature and pair i on the diagonal, image i
    costs -log(exp L[i, i] / (exp L[i, i] + sum over j of exp L[i, j])), j running over
    the captions of other images; caption i the same over the images (InfoNCE, van den
    Oord et al. 2018, as CLIP has it, Radford et al. 2021). Captions of the same image are
    left out of the sum, where CLIP has one caption an image.

    The default is for poolings of a bounded score such as `MrAVGw`. `MrSw` is larger by
    the number of words: some ten times the temperature fits it, and it kept words on
    their regions where `MrAVGw` lost some (benchmarks/README.md). The temperature is a
    number given, not a weight: one learned from 0.07 hardly moved.

    Args:
        temperature: float, above 0.

    Raises:
        ValueError: for any other value.

    Example:
        >>> import numpy as np
        >>> similarity = np.array([[0.5, 0.5], [0.5, 0.5]], "float32")
        >>> loss = Contrastive()(similarity, np.array([7, 8]))  # 2 ln 2
        >>> round(float(loss), 4)
        1.3863
    """

    def __init__(self, temperature=0.07):
        self.temperature = _io.number("temperature", temperature, above=0)

    def __call__(self, similarity, image_ids):
        """The loss, a mean over the pairs, summed over both directions.

        Args:
            similarity: float32 (pairs, pairs), rows images, columns captions.
            image_ids: int (pairs,), the image of each pair.

        Returns:
            float32 scalar, 0 or more.
        """
        logits = ops.convert_to_tensor(similarity) / self.temperature
        positive = ops.diagonal(logits)
        negative = ops.where(negative_pairs(image_ids), logits, _NO_LOGIT)
        return sum(
            ops.mean(ops.softplus(ops.logsumexp(negative, axis=axis) - positive))
            for axis in (1, 0)
        )

    def get_config(self):
        """The constructor's arguments."""
        return {"temperature": self.temperature}

    @classmethod
    def from_config(cls, config):
        """The inverse of `get_config`."""
        return cls(**config)


@keras.saving.register_keras_serializable("keras_teran")
class Distillation:
    """The alignment's scores teach the cosines of the pooled vectors.

    For each image the teacher's scores of the batch's captions become a distribution,
    and so do the student's cosines; their cross-entropy is the listwise loss ListNet
    (Cao et al. 2007), as ALADIN distils (Messina et al. 2022, arXiv 2207.14757, section
    on the matching head). The same for each caption over the images. The teacher gets no
    gradient.

    Departs from the paper in three points. A row's scores are first divided by their
    deviation, so that one temperature fits every pooling, whether it sums or averages
    (the authors' code takes MrSw's sums as they are, and six times the cosines).
    The teacher's own entropy is taken off, which changes no gradient: equal
    distributions cost 0. The matching loss (hinge on the pooled cosines) is added, not
    an alternative.

    Args:
        teacher_temperature: float, above 0; lower looks at the best few alone.
        temperature: float, above 0, of the cosines.
        matching: float, weight of `Hinge()` on the cosines; 0 for none.

    Raises:
        ValueError: for any other value.

    Example:
        >>> import numpy as np
        >>> scores = np.array([[3.0, 1.0], [0.0, 2.0]], "float32")
        >>> round(float(Distillation()(0.0 * scores, scores, np.array([7, 8]))), 3)
        2.412
    """

    def __init__(self, teacher_temperature=0.5, temperature=0.05, matching=0.0):
        self.teacher_temperature = _io.number(
            "teacher_temperature", teacher_temperature, above=0
        )
        self.temperature = _io.number("temperature", temperature, above=0)
        self.matching = _io.number("matching", matching, least=0)

    def __call__(self, cosines, similarity, image_ids):
        """The loss, summed over images, captions, as `Hinge` sums.

        Args:
            cosines: float32 (images, captions), of the pooled vectors.
            similarity: float32 (images, captions), of the alignment.
            image_ids: int (pairs,), for the matching loss.

        Returns:
            float32 scalar, 0 or more.
        """
        teacher = ops.stop_gradient(ops.convert_to_tensor(similarity))
        loss = self._divergence(cosines, teacher) + self._divergence(
            ops.transpose(cosines), ops.transpose(teacher)
        )
        if self.matching:
            loss = loss + self.matching * Hinge()(cosines, image_ids)
        return loss

    def get_config(self):
        """The constructor's arguments."""
        return {
            "teacher_temperature": self.teacher_temperature,
            "temperature": self.temperature,
            "matching": self.matching,
        }

    @classmethod
    def from_config(cls, config):
        """The inverse of `get_config`."""
        return cls(**config)

    def _divergence(self, cosines, teacher):
        deviation = ops.std(teacher, axis=1, keepdims=True)
        logits = teacher / (ops.maximum(deviation, 1e-6) * self.teacher_temperature)
        wanted = ops.log_softmax(logits, axis=1)
        found = ops.log_softmax(cosines / self.temperature, axis=1)
        return ops.sum(ops.exp(wanted) * (wanted - found))


class PooledLoss:
    """What the pooled vectors learn beside the alignment, as `Teran.pooled_loss`.

    contrastive * Contrastive(temperature)(cosines, image_ids)
    + distillation * Distillation()(cosines, similarity, image_ids).

    A context's vectors (`Teran(context_dim=...)`) learn from this alone
    (benchmarks/README.md has what it gives).

    Args:
        contrastive: float, 0 or more, weight of the vectors' own softmax loss.
        temperature: float, above 0, of that loss.
        distillation: float, 0 or more, weight of what the scores teach them.

    Raises:
        ValueError: for any other value.

    Example:
        >>> import numpy as np
        >>> scores = np.array([[0.5, 0.5], [0.5, 0.5]], "float32")
        >>> loss = PooledLoss(3.0)(scores, scores, np.array([7, 8]))  # 3 (2 ln 2)
        >>> round(float(loss), 4)
        4.1589
    """

    def __init__(self, contrastive=0.0, temperature=0.05, distillation=0.0):
        self.contrastive = _io.number("contrastive", contrastive, least=0)
        self.distillation = _io.number("distillation", distillation, least=0)
        self._own = Contrastive(temperature)
        self._taught = Distillation()

    def __call__(self, cosines, similarity, image_ids):
        """The loss.

        Args:
            cosines: float32 (pairs, pairs), of the pooled vectors, rows images.
            similarity: float32 (pairs, pairs), of the alignment.
            image_ids: int (pairs,), the image of each pair.

        Returns:
            float32 scalar, 0 or more.
        """
        loss = 0.0
        if self.contrastive:
            loss += self.contrastive * self._own(cosines, image_ids)
        if self.distillation:
            loss += self.distillation * self._taught(cosines, similarity, image_ids)
        return loss


def checked_loss(loss):
    """The loss, if it can rank a batch.

    Raises:
        ValueError: when it compares outputs with targets, or is no function.
    """
    if isinstance(loss, keras.losses.Loss) or not callable(loss):
        raise ValueError(
            f"loss={loss!r} compares outputs with targets, pair by pair; give a function "
            "of (similarity, image_ids), such as keras_teran.Hinge()."
        )
    return loss


def rows_of_captions(similarity):
    """The row of each caption's image, where a batch has an image's captions together.

    Args:
        similarity: float32 (images, captions); captions k * i to k * i + k - 1 are of
            image i, k the number of captions an image.

    Returns:
        float32 (captions, captions): pair by pair, as the losses take it.

    Example:
        >>> rows_of_captions(ops.convert_to_tensor([[1.0, 2.0]])).shape[0]
        2
    """
    images, captions = ops.shape(similarity)
    return ops.repeat(similarity, captions // images, axis=0)


def negative_pairs(image_ids):
    """Bool (pairs, pairs): True where image i and caption j are of different images.

    Args:
        image_ids: int (pairs,).
    """
    image_ids = ops.convert_to_tensor(image_ids)
    return ops.not_equal(image_ids[:, None], image_ids[None, :])


def first_is_positive(similarity, negative, axis):
    """Whether the best of each row or column of a batch's scores is a positive.

    Args:
        similarity: float32, (pairs, pairs).
        negative: bool, (pairs, pairs), from `negative_pairs`.
        axis: int, over which the best is looked for.

    Returns:
        float32, (pairs,): 1 where it is.
    """
    best_positive = ops.max(ops.where(negative, -np.inf, similarity), axis=axis)
    best_negative = ops.max(ops.where(negative, similarity, -np.inf), axis=axis)
    return ops.cast(best_positive > best_negative, "float32")
