"""Regions of KerasHub's object detectors: D-FINE's queries, RetinaNet's boxes."""

import math

import numpy as np

from keras_teran.vision import hash_weights, input_size, iou, pool, preparation

TOP = 36
_WHOLE = np.array([[0, 0, 1, 1]], np.float32)


class DetectorRegions:
    """An `Extractor`: the boxes that a detector scores best are the regions.

    Boxes of padding are left out before any choice. Of the others the best come first;
    one that overlaps a better one by more than the detector's own threshold (its
    `NonMaxSuppression`) is left out. There is no least score, as none is in
    bottom-up-attention features of a fixed number of boxes (Anderson et al. 2018): a
    picture of unknown things has regions too.

    Pictures go through one by one: of 640 or 800 pixels a side, a batch takes its
    multiple of memory and is no faster on a processor.

    Args:
        network: a `QueryNetwork` or `PyramidNetwork`.
        source: str, where the detector was loaded from.
        top: int, the most regions of a picture.
        size, mean, std: see `input_size` and `preparation`.

    Raises:
        ValueError: if the detector has fewer boxes than `top`, or takes another size.
    """

    def __init__(self, network, source, top=TOP, size=None, mean=None, std=None):
        self._network, self.max_regions = network, top
        self._prepare, preset_size, prepared = preparation(source, mean, std)
        asked = input_size(source, network.detector.backbone, size, preset_size)
        self.input_size = network.open(asked)
        if top > network.boxes_of_a_picture:
            raise ValueError(
                f"top={top}: {type(network.detector).__name__} has only "
                f"{network.boxes_of_a_picture} boxes a picture."
            )
        self.region_dim = network.region_dim
        self._overlap = network.detector.prediction_decoder.iou_threshold
        self.identity = {
            "extractor": "detector",
            "class": type(network.detector).__name__,
            "sha256": hash_weights(network.detector),
            "top": top,
            "overlap": self._overlap,
            "input_size": list(self.input_size),
            **prepared,
        }

    def extract(self, pictures, image_ids=None):
        """Regions of some pictures, see `Extractor.extract`."""
        return [self._regions(picture) for picture in pictures]

    def _regions(self, picture):
        found = self._network.run(self._prepare(picture.pixels[None]))
        if not (np.isfinite(found.boxes).all() and np.isfinite(found.scores).all()):
            raise ValueError(
                f"{self.identity['class']} gives boxes or scores that are not finite: "
                "its weights are damaged, or mean and std are not its own."
            )
        inside = picture.to_picture(found.boxes)
        area = (inside[:, 2:] > inside[:, :2]).all(1)
        scores = np.where(area, found.scores, -np.inf)
        if not area.any():  # what it found lies in padding: the picture as a whole
            best = np.array([found.scores.argmax()])
            return found.features(best, picture.to_input(_WHOLE)), _WHOLE
        kept = distinct(found.boxes, scores, self._overlap, self.max_regions)
        return found.features(kept, picture.to_input(inside[kept])), inside[kept]


def network_of(backbone):
    """The class that runs a backbone's detector; None where it is no detector's."""
    from keras_hub import models

    kinds = {
        models.DFineBackbone: QueryNetwork,
        models.RetinaNetBackbone: PyramidNetwork,
    }
    return kinds.get(type(backbone))


class Found:
    """What a detector sees in one picture.

    Attributes:
        boxes: float32, (boxes, 4): x0, y0, x1, y1 divided by the input's sides.
        scores: float32, (boxes,), of each box's likeliest class; logits.
        features: function of positions (n,) and of their boxes (n, 4), cut to the
            picture, to float32 (n, dim).
    """

    def __init__(self, boxes, scores, features):
        self.boxes, self.scores, self.features = boxes, scores, features


class QueryNetwork:
    """D-FINE (Peng et al. 2024): a region's features are its query's last state.

    Args:
        detector: a `keras_hub.models.DFineObjectDetector`.
    """

    def __init__(self, detector):
        import keras

        self.detector = detector
        backbone = detector.backbone
        self.region_dim = backbone.hidden_dim
        self.boxes_of_a_picture = backbone.num_queries
        names = ("last_hidden_state", "intermediate_logits")
        names = (*names, "intermediate_reference_points")
        outputs = [backbone.output[name] for name in names]
        self._model = keras.Model(backbone.inputs, outputs)

    def open(self, size):
        """The size of its input, which is that of its anchors: `(height, width)`."""
        own = tuple(self.detector.backbone.anchor_image_size)
        if size != own:
            raise ValueError(
                f"This D-FINE takes pictures of {own[0]} × {own[1]} pixels, for which "
                f"its anchors are made; received {size[0]} × {size[1]}. Leave size out."
            )
        return own

    def run(self, pixels):
        """float32 (1, height, width, 3), prepared, to `Found`."""
        states, logits, boxes = self._model.predict_on_batch(pixels)
        center, side = np.split(boxes[0, -1], 2, axis=-1)
        boxes = np.concatenate([center - side / 2, center + side / 2], axis=-1)
        return Found(boxes, logits[0, -1].max(-1), lambda kept, _: states[0, kept])


class PyramidNetwork:
    """RetinaNet (Lin et al. 2017): a region's features are means over its box.

    They are taken from the level of the feature pyramid that fits the box' size, level
    4 for 224 pixels and one more for each doubling (Lin et al. 2017, Feature Pyramid
    Networks, equation 1), as far as there are levels.

    Args:
        detector: a `keras_hub.models.RetinaNetObjectDetector`.
    """

    def __init__(self, detector):
        import keras

        self.detector = detector
        maps = dict(sorted(detector.backbone.output.items()))
        self.region_dim = next(iter(maps.values())).shape[-1]
        self._first = int(next(iter(maps))[1:])
        self._model = keras.Model(
            detector.backbone.inputs,
            [
                list(maps.values()),
                _joined(detector.box_head, maps, 4),
                _joined(detector.classification_head, maps, detector.num_classes),
            ],
        )

    def open(self, size):
        """Makes the anchors of a size: `(height, width)`."""
        blank = np.zeros((1, *size, 3), np.float32)
        anchors = self.detector.anchor_generator(blank)
        self._anchors = np.concatenate([np.asarray(a) for a in anchors.values()])
        self.boxes_of_a_picture = len(self._anchors)
        return size

    def run(self, pixels):
        """float32 (1, height, width, 3), prepared, to `Found`."""
        import keras

        maps, deltas, logits = self._model.predict_on_batch(pixels)
        boxes = keras.utils.bounding_boxes.decode_deltas_to_boxes(
            anchors=self._anchors,
            boxes_delta=deltas,
            encoded_format="center_xywh",
            anchor_format=self.detector.anchor_generator.bounding_box_format,
            box_format="rel_xyxy",
            image_shape=pixels.shape[1:],
        )
        maps = [level[0] for level in maps]
        return Found(
            np.asarray(boxes)[0],
            logits[0].max(-1),
            lambda _, places: self._pooled(maps, places, pixels.shape[1:3]),
        )

    def _pooled(self, maps, boxes, size):
        levels = pyramid_levels(boxes, size, self._first, len(maps))
        features = np.empty((len(boxes), self.region_dim), np.float32)
        for level in np.unique(levels):
            own = levels == level
            features[own] = pool(maps[level - self._first], boxes[own])
        return features


def _joined(head, maps, numbers):
    """A head's output on all levels, one row a box."""
    import keras

    rows = [keras.layers.Reshape((-1, numbers))(head(each)) for each in maps.values()]
    return keras.layers.Concatenate(axis=1)(rows)


def pyramid_levels(boxes, size, first, count):
    """The pyramid level that each box is pooled from.

    Args:
        boxes: float32, (boxes, 4), relative to the input.
        size: (height, width) of the input, pixels.
        first: int, the finest level there is.
        count: int, how many there are.

    Returns:
        int64, (boxes,).

    Example:
        >>> whole_half_tenth = np.array([[0, 0, 1, 1], [0, 0, 0.5, 0.5], [0, 0, 0.1, 1]])
        >>> pyramid_levels(whole_half_tenth, (448, 448), 3, 5).tolist()
        [5, 4, 3]
    """
    high, wide = size
    sides = (boxes[:, 2:] - boxes[:, :2]) * [wide, high]
    side = np.sqrt(np.maximum(sides.prod(1), 1))
    levels = np.floor(4 + np.log2(side / 224))
    return np.clip(levels, first, first + count - 1).astype(np.int64)


def distinct(boxes, scores, overlap, most):
    """The best boxes that no better one covers: greedy non-maximum suppression.

    Args:
        boxes: float32, (boxes, 4): x0, y0, x1, y1.
        scores: float32, (boxes,); -inf for what is not to be taken.
        overlap: float, intersection over union above which the worse box goes.
        most: int, boxes to keep.

    Returns:
        int64, up to (most,): positions, the best first; ties in the order of the boxes.

    Example:
        >>> three = np.array([[0, 0, 4, 4], [0, 0, 4, 3], [8, 8, 9, 9]])
        >>> distinct(three, np.array([0.5, 0.9, 0.1]), 0.5, 3).tolist()
        [1, 2]
    """
    left = np.argsort(-scores, kind="stable")
    left = left[scores[left] > -math.inf]
    kept = []
    while len(left) and len(kept) < most:
        best, left = left[0], left[1:]
        kept.append(best)
        left = left[iou(boxes[left], boxes[best]) <= overlap]
    return np.array(kept, np.int64)
