"""What detectors of objects add: prior boxes, proposals, poolings of regions, and the final boxes.

Semantics from the published code of the forks that each class names. Boxes are
(x0, y0, x1, y1). Those whose number depends on values are computed in Python, between two parts of
the net.
"""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import numpy.typing as npt

from filterlab.caffe.blob import Blob
from filterlab.caffe.graph import Graph
from filterlab.caffe.layers.base import (
    Layer,
    Reverse,
    Shape,
    indices,
    product,
    register,
    shape_text,
)
from filterlab.caffe.proto import caffe_pb2
from filterlab.caffe.text import Text

__all__ = ["DetectionOutput", "PSROIPooling", "PriorBox", "Proposal", "ROIPooling"]

Floats = npt.NDArray[np.float32]


@register("PriorBox")
class PriorBox(Layer):
    """The boxes of SSD that predictions start from, for each place of a feature map.

    Top (1, 2, places x boxes x 4): boxes as parts of the picture, and their variances. From
    weiliu89/caffe (Liu et al., SSD, 2016): for each place first the square of ``min_size``, then
    that of sqrt(min_size max_size), then the other aspect ratios; sizes count as whole numbers.
    """

    bottoms_allowed = (2, 2)
    spatial = "everywhere"
    placeless = Text("it finds boxes, not a class for each place")

    def setup(self) -> None:
        p = self.p = self.param.prior_box_param
        if not len(p.min_size) or min(p.min_size) <= 0:
            self.fail("min_size is missing or not positive; give at least one")
        if len(p.max_size) and len(p.max_size) != len(p.min_size):
            self.fail(
                "{max_size} max_size for {min_size} min_size; give as many",
                max_size=len(p.max_size),
                min_size=len(p.min_size),
            )
        if len(p.variance) not in (0, 1, 4) or any(v <= 0 for v in p.variance):
            self.fail(
                "{variance} variances; give none, 1 or 4 positive ones", variance=len(p.variance)
            )
        self.ratios = [1.0]
        for ratio in p.aspect_ratio:
            if ratio <= 0:
                self.fail("aspect_ratio {ratio:g} must be positive", ratio=ratio)
            if all(abs(ratio - known) >= 1e-6 for known in self.ratios):
                self.ratios += [ratio, 1 / ratio] if p.flip else [ratio]

    def _sizes(self) -> list[tuple[float, float]]:
        """Width and height of the boxes of one place, in pixels."""
        sizes: list[tuple[float, float]] = []
        for i, smallest in enumerate(self.p.min_size):
            side = float(int(smallest))
            sizes.append((side, side))
            if len(self.p.max_size):
                sizes.append((math.sqrt(side * int(self.p.max_size[i])),) * 2)
            for ratio in self.ratios:
                if abs(ratio - 1) >= 1e-6:
                    sizes.append((side * math.sqrt(ratio), side / math.sqrt(ratio)))
        return sizes

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        for name, shape in zip(self.bottoms, bottom_shapes):
            if len(shape) != 4:
                self.fail(
                    "bottom '{blob}' is {shape}; 4 axes are needed",
                    blob=name,
                    shape=shape_text(shape),
                )
        count = product(bottom_shapes[0][2:]) * len(self._sizes()) * 4
        return [self.checked((1, 2, count))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p, (rows, columns) = self.p, shapes[0][2:]
        height, width = shapes[1][2:]
        if p.img_size:
            height = width = p.img_size
        elif p.img_h and p.img_w:
            height, width = p.img_h, p.img_w
        step_x, step_y = (p.step_w, p.step_h) if p.step_w and p.step_h else (p.step, p.step)
        if not (step_x and step_y):
            step_x, step_y = width / columns, height / rows
        sizes = np.array(self._sizes())
        centre = np.empty((rows, columns, len(sizes), 2))
        centre[..., 0] = ((np.arange(columns) + p.offset) * step_x)[None, :, None]
        centre[..., 1] = ((np.arange(rows) + p.offset) * step_y)[:, None, None]
        boxes = np.concatenate([centre - sizes / 2, centre + sizes / 2], axis=-1)
        boxes /= [width, height, width, height]
        if p.clip:
            boxes = boxes.clip(0, 1)
        variances = np.broadcast_to(list(p.variance) or [0.1], boxes.shape)
        return [g.constant(np.stack([boxes.reshape(-1), variances.reshape(-1)])[None])]

    def emit_gradient(self, g: Graph, r: Reverse) -> list[str | None]:
        return [None, None]


def overlaps(box: Floats, others: Floats, unit: float) -> Floats:
    """Intersection over union of one box with others; ``unit`` is added to sides in pixels."""
    low, high = np.maximum(box[:2], others[:, :2]), np.minimum(box[2:], others[:, 2:])
    inside = np.prod(np.maximum(high - low + unit, 0), axis=1)

    def area(boxes: Floats) -> Floats:
        return np.asarray(np.prod(np.maximum(boxes[..., 2:] - boxes[..., :2] + unit, 0), axis=-1))

    union = area(box) + area(others) - inside
    return np.divide(inside, union, out=np.zeros_like(inside), where=union > 0)


def suppressed(
    boxes: Floats, order: npt.NDArray[np.int64], threshold: float, unit: float, eta: float = 1.0
) -> list[int]:
    """Non-maximum suppression: those of ``order`` that overlap no better one by more."""
    kept: list[int] = []
    for index in order:
        if kept and (overlaps(boxes[index], boxes[kept], unit) > threshold).any():
            continue
        kept.append(int(index))
        if eta < 1 and threshold > 0.5:
            threshold *= eta
    return kept


@register("DetectionOutput")
class DetectionOutput(Layer):
    """SSD's boxes after non-maximum suppression: rows (picture, class, score, x0, y0, x1, y1).

    Bottoms are locations, confidences and prior boxes. Top (1, 1, boxes, 7); without any box one
    row of -1 for each picture. From weiliu89/caffe.
    """

    bottoms_allowed = (3, 4)
    host = True
    spatial = "everywhere"
    placeless = Text("it finds boxes, not a class for each place")

    def setup(self) -> None:
        self.p = self.param.detection_output_param
        if self.p.num_classes < 1:
            self.fail("num_classes is missing or 0; write how many classes there are")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        p, (location, confidence, prior) = self.p, bottom_shapes[:3]
        boxes = prior[2] // 4 if len(prior) == 3 else 0
        classes = 1 if p.share_location else p.num_classes
        for name, shape, count in (
            (self.bottoms[0], location, boxes * classes * 4),
            (self.bottoms[1], confidence, boxes * p.num_classes),
        ):
            if not shape or product(shape[1:]) != count:
                self.fail(
                    "bottom '{name}' is {shape}; for the {boxes} boxes of '{bottoms}' "
                    "each picture needs {count} values",
                    name=name,
                    shape=shape_text(shape),
                    boxes=boxes,
                    bottoms=self.bottoms[2],
                    count=count,
                )
        return [(1, 1, 1, 7)]

    def compute(self, bottoms: list[Blob], tops: list[Blob]) -> None:
        p = self.p
        self.reshape([blob.shape for blob in bottoms])
        prior = bottoms[2].data.reshape(2, -1, 4)
        pictures, count = bottoms[0].shape[0], prior.shape[1]
        location = bottoms[0].data.reshape(pictures, count, -1, 4)
        scores = bottoms[1].data.reshape(pictures, count, p.num_classes)
        rows: list[list[float]] = []
        for picture in range(pictures):
            found: list[tuple[float, int, Any]] = []
            for label in range(p.num_classes):
                if label == p.background_label_id:
                    continue
                place = 0 if p.share_location else label
                boxes = self._decoded(prior[0], prior[1], location[picture, :, place])
                found += [
                    (float(scores[picture, i, label]), label, boxes[i])
                    for i in self._best(boxes, scores[picture, :, label])
                ]
            if -1 < p.keep_top_k < len(found):
                found = sorted(found, key=lambda one: -one[0])[: p.keep_top_k]
                found.sort(key=lambda one: one[1])
            rows += [[picture, label, score, *box] for score, label, box in found]
        if not rows:
            rows = [[picture, *[-1.0] * 6] for picture in range(pictures)]
        tops[0].reshape(1, 1, len(rows), 7)
        tops[0].data[...] = rows

    def _best(self, boxes: Floats, scores: Floats) -> list[int]:
        nms = self.p.nms_param
        order = np.argsort(-scores, kind="stable")
        if self.p.HasField("confidence_threshold"):
            order = order[scores[order] > self.p.confidence_threshold]
        if nms.HasField("top_k") and nms.top_k > -1:
            order = order[: nms.top_k]
        return suppressed(boxes, order, nms.nms_threshold, 0.0, nms.eta)

    def _decoded(self, prior: Floats, variance: Floats, location: Floats) -> Floats:
        """Predictions as boxes."""
        kinds = caffe_pb2.PriorBoxParameter
        if not self.p.variance_encoded_in_target:
            location = location * variance
        if self.p.code_type == kinds.CORNER:
            return prior + location
        size = prior[:, 2:] - prior[:, :2]
        if self.p.code_type == kinds.CORNER_SIZE:
            return prior + location * np.tile(size, 2)
        centre = location[:, :2] * size + (prior[:, :2] + prior[:, 2:]) / 2
        with np.errstate(over="ignore"):
            half = np.exp(location[:, 2:]) * size / 2
        return np.concatenate([centre - half, centre + half], axis=1)


def anchors(base: int, ratios: list[float], scales: list[float]) -> Floats:
    """The boxes about (base - 1) / 2 of Faster R-CNN, in pixels."""
    centre = (base - 1) / 2
    found = []
    for ratio in ratios:
        width = np.round(math.sqrt(base * base / ratio))
        height = np.round(width * ratio)
        for scale in scales:
            half = np.array([width * scale - 1, height * scale - 1]) / 2
            found.append([*(centre - half), *(centre + half)])
    return np.array(found, np.float32)


#: Modules and classes of Python layers that this engine has built in.
PROPOSALS = {("rpn.proposal_layer", "ProposalLayer")}


# A name and one number or a list of them, as Faster R-CNN's prototxts write them in YAML.
_PARAMETER = re.compile(
    r"""['"]?(\w+)['"]?\s*:\s*(?:!!python/tuple\s*)?(\[[^\]]*\]|\([^)]*\)|[\d.]+)"""
)


@register("Proposal")
class Proposal(Layer):
    """Faster R-CNN's regions: the best boxes of a region proposal network (R, 5), and their scores.

    Bottoms are the scores of background and objects, the boxes' corrections, and the picture's
    height, width and scale. A row of the top is (0, x0, y0, x1, y1) in pixels. From
    rbgirshick/py-faster-rcnn (Ren et al., 2015), whose Python layer ``rpn.proposal_layer`` it
    stands for with that code's settings for tests, and from the forks with ``proposal_param``.
    """

    bottoms_allowed = (3, 3)
    tops_allowed = (1, 2)
    host = True
    spatial = "everywhere"
    placeless = Text("it finds boxes, not a class for each place")

    def setup(self) -> None:
        p = self.p = caffe_pb2.ProposalParameter()
        p.CopyFrom(self.param.proposal_param)
        if self.param.type == "Python":
            self._read(self.param.python_param.param_str)
        if p.feat_stride < 1 or p.base_size < 1 or any(v <= 0 for v in (*p.ratio, *p.scale)):
            self.fail("feat_stride, base_size, ratio and scale must be positive")
        self.anchors = anchors(
            p.base_size, list(p.ratio) or [0.5, 1, 2], list(p.scale) or [8, 16, 32]
        )

    def _read(self, text: str) -> None:
        """Parameters of the Python layer, which reads them as YAML: ``'feat_stride': 16``."""
        values = {
            name: [float(number) for number in re.findall(r"[\d.]+", given)]
            for name, given in _PARAMETER.findall(text)
        }
        if "feat_stride" not in values:
            self.fail("its param_str {text!r} names no feat_stride", text=text[:60])
        self.p.feat_stride = int(values["feat_stride"][0])
        self.p.scale[:] = values.get("scales", ())
        self.p.ratio[:] = values.get("ratios", ())

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        scores, boxes, info = bottom_shapes
        count = len(self.anchors)
        if len(scores) != 4 or scores[:2] != (1, 2 * count) or boxes != (1, 4 * count, *scores[2:]):
            self.fail(
                "bottoms '{bottoms}' and '{bottoms2}' are {scores} and {boxes}; for one "
                "picture and {count} anchors they must have {count2} and {count3} "
                "channels",
                bottoms=self.bottoms[0],
                bottoms2=self.bottoms[1],
                scores=shape_text(scores),
                boxes=shape_text(boxes),
                count=count,
                count2=2 * count,
                count3=4 * count,
            )
        if product(info) < 3:
            self.fail(
                "bottom '{bottoms}' is {info}; it must hold the picture's height, width and scale",
                bottoms=self.bottoms[2],
                info=shape_text(info),
            )
        tops: list[Shape] = [(1, 5), (1, 1)]
        return tops[: len(self.tops)]

    def compute(self, bottoms: list[Blob], tops: list[Blob]) -> None:
        p, count = self.p, len(self.anchors)
        self.reshape([blob.shape for blob in bottoms])
        rows, columns = bottoms[0].shape[2:]
        scores = bottoms[0].data[0, count:].transpose(1, 2, 0).reshape(-1)
        moves = bottoms[1].data[0].transpose(1, 2, 0).reshape(-1, 4)
        height, width, scale = bottoms[2].data.reshape(-1)[:3]
        y, x = np.mgrid[:rows, :columns].astype(np.float32) * p.feat_stride
        shifts = np.stack([x, y, x, y], axis=-1).reshape(-1, 1, 4)
        start = (shifts + self.anchors).reshape(-1, 4)
        size = start[:, 2:] - start[:, :2] + 1
        centre = moves[:, :2] * size + start[:, :2] + size / 2
        with np.errstate(over="ignore"):
            half = np.exp(moves[:, 2:]) * size / 2
        boxes = np.concatenate([centre - half, centre + half], axis=1)
        limit = np.array([width, height, width, height], np.float32) - 1
        boxes = np.minimum(np.maximum(boxes, 0), limit).astype(np.float32)
        large = np.flatnonzero((boxes[:, 2:] - boxes[:, :2] + 1 >= p.min_size * scale).all(axis=1))
        order = large[np.argsort(-scores[large], kind="stable")]
        if p.pre_nms_topn > 0:
            order = order[: p.pre_nms_topn]
        kept = suppressed(boxes, order, p.nms_thresh, 1.0)
        if p.post_nms_topn > 0:
            kept = kept[: p.post_nms_topn]
        tops[0].reshape(len(kept), 5)
        tops[0].data[:, 0] = 0
        tops[0].data[:, 1:] = boxes[kept]
        if len(tops) > 1:
            tops[1].reshape(len(kept), 1)
            tops[1].data[:, 0] = scores[kept]

    def backward(self, tops: list[Blob], wanted: list[bool], bottoms: list[Blob]) -> None:
        """Nothing: regions pass no gradient on, as in Faster R-CNN."""


class _Regions(Layer):
    """Features and the regions of them that are pooled: rows (picture, x0, y0, x1, y1)."""

    bottoms_allowed = (2, 2)
    spatial = "everywhere"
    placeless = Text("it finds boxes, not a class for each place")

    def check_regions(self, shapes: list[Shape]) -> int:
        """How many regions there are."""
        features, regions = shapes
        if len(features) != 4 or not regions or product(regions[1:]) != 5:
            self.fail(
                "bottoms '{bottoms}' and '{bottoms2}' are {features} and {regions}; "
                "features need 4 axes, and each region 5 values",
                bottoms=self.bottoms[0],
                bottoms2=self.bottoms[1],
                features=shape_text(features),
                regions=shape_text(regions),
            )
        return regions[0]


@register("ROIPooling")
class ROIPooling(_Regions):
    """The maxima of a region, laid into ``pooled_h`` x ``pooled_w`` cells.

    From rbgirshick/caffe-fast-rcnn (Girshick, Fast R-CNN, 2015).
    """

    def setup(self) -> None:
        self.p = self.param.roi_pooling_param
        if self.p.pooled_h < 1 or self.p.pooled_w < 1:
            self.fail("pooled_h and pooled_w must both be at least 1")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        count = self.check_regions(bottom_shapes)
        return [self.checked((count, bottom_shapes[0][1], self.p.pooled_h, self.p.pooled_w))]

    def emit(
        self, g: Graph, bottoms: list[str], shapes: list[Shape], weights: list[str]
    ) -> list[str]:
        p = self.p
        regions = g.reshape(bottoms[1], (shapes[1][0], 5))
        picture, boxes = g.ops("Split", [regions, g.ints([1, 4])], 2, axis=1)
        picture = g.op("Cast", [indices(g, picture, shapes[0][0])], to=1)
        regions = g.op("Concat", [picture, boxes], axis=1)
        return [
            g.op(
                "MaxRoiPool",
                [bottoms[0], regions],
                pooled_shape=[p.pooled_h, p.pooled_w],
                spatial_scale=p.spatial_scale,
            )
        ]


@register("PSROIPooling")
class PSROIPooling(_Regions):
    """Averages of a region, each cell of it from channels of its own.

    From daijifeng001/caffe-rfcn (Dai et al., R-FCN, 2016).
    """

    host = True

    def setup(self) -> None:
        self.p = self.param.psroi_pooling_param
        if self.p.output_dim < 1 or self.p.group_size < 1 or self.p.spatial_scale <= 0:
            self.fail("output_dim, group_size and spatial_scale must all be given and positive")

    def reshape(self, bottom_shapes: list[Shape]) -> list[Shape]:
        p, count = self.p, self.check_regions(bottom_shapes)
        wanted = p.output_dim * p.group_size**2
        if bottom_shapes[0][1] != wanted:
            self.fail(
                "bottom '{bottoms}' has {bottom_shapes} channels; {output_dim} outputs "
                "of {group_size}x{group_size} cells need {wanted}",
                bottoms=self.bottoms[0],
                bottom_shapes=bottom_shapes[0][1],
                output_dim=p.output_dim,
                group_size=p.group_size,
                wanted=wanted,
            )
        return [self.checked((count, p.output_dim, p.group_size, p.group_size))]

    def compute(self, bottoms: list[Blob], tops: list[Blob]) -> None:
        p, features = self.p, bottoms[0].data
        (shape,) = self.reshape([blob.shape for blob in bottoms])
        tops[0].reshape(*shape)
        pictures, _, rows, columns = features.shape
        k = p.group_size
        features = features.reshape(pictures, p.output_dim, k, k, rows, columns)
        for out, region in zip(tops[0].data, bottoms[1].data.reshape(-1, 5)):
            picture = int(region[0])
            if not 0 <= picture < pictures:
                self.fail(
                    "a region is of picture {picture}, but there are {pictures}",
                    picture=picture,
                    pictures=pictures,
                )
            edges = np.floor(np.abs(region[1:]) + 0.5) * np.sign(region[1:])
            start = edges[:2] * p.spatial_scale
            size = np.maximum((edges[2:] + 1) * p.spatial_scale - start, 0.1) / k
            for i in range(k):
                y0, y1 = _cells(i, start[1], size[1], rows)
                for j in range(k):
                    x0, x1 = _cells(j, start[0], size[0], columns)
                    part = features[picture, :, i, j, y0:y1, x0:x1]
                    out[:, i, j] = part.mean(axis=(1, 2)) if part.size else 0


def _cells(i: int, start: float, size: float, limit: int) -> tuple[int, int]:
    """First and last place, the end left out, of a cell along one axis."""
    first, last = math.floor(i * size + start), math.ceil((i + 1) * size + start)
    return min(max(first, 0), limit), min(max(last, 0), limit)
