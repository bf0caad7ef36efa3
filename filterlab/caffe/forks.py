"""What the forks of Caffe added: their fields, and who has which layer type.

One table each. A field that a fork added is honoured (it stands in ``caffe.proto``, and
:func:`translate` puts it into Caffe 1.0's own words where there are such), refused because results
would be others without it, or harmless, which is passed over with a warning. A name in none of the
tables is passed over with the same warning, for it may be a misspelling.
"""

from __future__ import annotations

from typing import Any

from filterlab.caffe.errors import CaffeError
from filterlab.caffe.text import Text

__all__ = ["HARMLESS", "HONOURED", "KNOWN_TO", "REFUSED", "check_field", "translate"]

#: Fields of forks that count here.
HONOURED = frozenset(
    {
        "pooling_param.ceil_mode",  # false rounds the number of windows down: round_mode: FLOOR
        "convolution_param.hole",  # DeepLab's dilation
        "convolution_param.hole_h",
        "convolution_param.hole_w",
        "batch_norm_param.scale_bias",  # NVIDIA's: two more weights, a scale and a bias,
        "batch_norm_param.scale_filler",  # and what they start from
        "batch_norm_param.bias_filler",
        "dropout_param.sample_weights_test",  # Bayesian SegNet's: drops in the test phase too
        "dropout_param.scale_train",  # false scales in the test phase, not in training
    }
)

#: Fields of forks without which results would be others: the values that change nothing, and why.
REFUSED: dict[str, tuple[tuple[str, ...], str]] = {
    "pooling_param.pad_type": (("0", "CAFFE"), Text("it pads in another way than Caffe")),
    "pooling_param.pad_l": (("0",), Text("it pads each side by itself")),
    "pooling_param.pad_r": (("0",), Text("it pads each side by itself")),
    "pooling_param.pad_t": (("0",), Text("it pads each side by itself")),
    "pooling_param.pad_b": (("0",), Text("it pads each side by itself")),
    "convolution_param.pad_type": (("0", "CAFFE"), Text("it pads in another way than Caffe")),
    "convolution_param.pad_l": (("0",), Text("it pads each side by itself")),
    "convolution_param.pad_r": (("0",), Text("it pads each side by itself")),
    "convolution_param.pad_t": (("0",), Text("it pads each side by itself")),
    "convolution_param.pad_b": (("0",), Text("it pads each side by itself")),
    "convolution_param.relu": (("false",), Text("it puts a ReLU behind the convolution")),
    "convolution_param.kernel_d": ((), Text("it convolves along a third axis")),
    "convolution_param.weight_normalization": (("false",), Text("it scales the kernels")),
    "inner_product_param.normalize": (("false",), Text("it scales the weights to length 1")),
    "inner_product_param.weight_norm": (("false",), Text("it scales the weights to length 1")),
    "eltwise_param.coeff_blob": (("false",), Text("it takes the coefficients from a blob")),
    "eltwise_param.broadcast": (("false",), Text("it stretches the smaller blob")),
    "crop_param.offset_height": (("0",), Text("it places the crop; give offset in its place")),
    "crop_param.offset_width": (("0",), Text("it places the crop; give offset in its place")),
    "bn_param.icf": (("false",), Text("it is folded into another layer")),
    "detection_output_param.objectness_score": ((), Text("it leaves out boxes by a second score")),
    "prior_box_param.density": ((), Text("it lays several boxes into each cell")),
    "prior_box_param.fixed_size": ((), Text("it lays several boxes into each cell")),
    "interp_param.align_corners": (("true",), Text("it lays the grids otherwise")),
    "upsample_param.mode": (("NEAREST", "0"), Text("it interpolates")),
    "layer.quantization_param": ((), Text("it rounds weights and values to few bits")),
}

#: Fields of forks that say how to compute, train or print, and nothing about results.
HARMLESS = frozenset(
    {
        "layer.engine",
        "layer.debug",
        "layer.debug_info",
        "layer.forward_type",
        "layer.backward_type",
        "layer.forward_math",
        "layer.backward_math",
        "layer.cudnn_math_override",
        "layer.reshape_every_iter",
        "layer.annotated_data_param",
        "layer.multibox_loss_param",
        "layer.detection_evaluate_param",
        "layer.video_data_param",
        "engine",
        "profile_info",
        "mem_param",
        "bn_stats_batch_size",
        "compile_net_state",
        "default_forward_type",
        "default_backward_type",
        "default_forward_math",
        "default_backward_math",
        "global_grad_scale",
        "reduce_buckets",
        "convolution_param.conv_algos_override",
        "convolution_param.cudnn_convolution_algo_seeker",
        "convolution_param.cudnn_math_override",
        "convolution_param.workspace",
        "convolution_param.conv_algo",
        "detection_output_param.save_output_param",
        "detection_output_param.visualize",
        "detection_output_param.visualize_threshold",
        "detection_output_param.save_file",
        "batch_norm_param.engine",
        "batch_norm_param.statistics_batch_size",
        "transform_param.resize_param",
        "transform_param.emit_constraint",
        "transform_param.distort_param",
        "transform_param.expand_param",
        "transform_param.noise_param",
        "data_param.threads",
        "data_param.parser_threads",
        "data_param.cache",
        "data_param.shuffle",
        "layer.phase_name",
    }
)

#: Layer types that this engine does not have, and the fork that is known to.
KNOWN_TO = {
    "AnnotatedData": "SSD (weiliu89/caffe)",
    "DetectionEvaluate": "SSD (weiliu89/caffe)",
    "MultiBoxLoss": "SSD (weiliu89/caffe)",
    "SmoothL1Loss": "SSD and Fast R-CNN (weiliu89/caffe, rbgirshick/caffe-fast-rcnn)",
    "VideoData": "SSD (weiliu89/caffe)",
    "BoxAnnotatorOHEM": "R-FCN (daijifeng001/caffe-rfcn)",
    "DenseCRF": "DeepLab (xmyqsh/deeplab-v2)",
    "ImageSegData": "DeepLab (xmyqsh/deeplab-v2)",
    "MatRead": "DeepLab (xmyqsh/deeplab-v2)",
    "MatWrite": "DeepLab (xmyqsh/deeplab-v2)",
    "DomainTransform": "DeepLab (xmyqsh/deeplab-v2)",
    "SegAccuracy": "DeepLab (xmyqsh/deeplab-v2)",
    "Unpooling": "DeconvNet (HyeonwooNoh/caffe)",
    "DenseImageData": "SegNet (alexgkendall/caffe-segnet)",
    "MultiStageMeanfield": "CRF-RNN (torrvision/caffe)",
    "Region": "YOLO's forks",
    "RegionLoss": "YOLO's forks",
    "YoloDetectionOutput": "YOLO's forks",
    "Yolov3DetectionOutput": "YOLO's forks (chuanqi305/MobileNetv2-SSDLite)",
    "ImResize": "OpenPose (CMU-Perceptual-Computing-Lab/caffe_rtpose)",
    "Nms": "OpenPose (CMU-Perceptual-Computing-Lab/caffe_rtpose)",
    "CPMData": "OpenPose (CMU-Perceptual-Computing-Lab/caffe_rtpose)",
    "CenterLoss": "Center Face (ydwen/caffe-face)",
    "LSoftmax": "large-margin softmax (wy1iu/LargeMargin_Softmax_Loss)",
    "MarginInnerProduct": "SphereFace (wy1iu/sphereface)",
    "Correlation": "FlowNet (lmb-freiburg/flownet2)",
    "FlowWarp": "FlowNet (lmb-freiburg/flownet2)",
    "Resample": "FlowNet (lmb-freiburg/flownet2)",
    "DataAugmentation": "FlowNet (lmb-freiburg/flownet2)",
    "Mean": "FlowNet (lmb-freiburg/flownet2)",
    "SpatialTransformer": "spatial transformers (daerduoCarey/SpatialTransformerLayer)",
    "Convolution3D": "C3D (facebook/C3D)",
    "Pooling3D": "C3D (facebook/C3D)",
    "NdConvolution": "C3D's successors",
    "DeformableConvolution": "Deformable ConvNets' port (unsky/Deformable-ConvNets-caffe)",
    "Lstm": "junhyukoh/caffe-lstm",
    "CTCLoss": "xmfbit/warpctc-caffe",
    "WarpCTC": "xmfbit/warpctc-caffe",
    "Quantization": "Ristretto (pmgysel/caffe)",
    "ConvolutionRistretto": "Ristretto (pmgysel/caffe)",
    "FcRistretto": "Ristretto (pmgysel/caffe)",
    "CConvolution": "Dynamic Network Surgery (yiwenguo/Dynamic-Network-Surgery)",
    "CInnerProduct": "Dynamic Network Surgery (yiwenguo/Dynamic-Network-Surgery)",
    "DetectNetTransformation": "NVIDIA's (NVIDIA/caffe)",
    "L1Loss": "NVIDIA's (NVIDIA/caffe)",
}


def _key(where: str) -> str:
    """``layers.pooling_param.x`` and ``layer.pooling_param.x`` as ``pooling_param.x``."""
    parts = where.split(".")
    if parts[0] in ("layer", "layers"):
        return ".".join(parts[1:3]) if len(parts) > 2 else f"layer.{parts[1]}"
    return where


def check_field(where: str, value: str, place: str) -> bool:
    """Whether a field that Caffe 1.0 does not know is harmless.

    Parameters
    ----------
    where : str
        The field with the messages that it stands in, such as ``layer.pooling_param.pad_type``.
    value : str
        What it is given, if that is one word or number.
    place : str
        File and line, for the error.

    Raises
    ------
    CaffeError
        If results would be others without it.
    """
    key = _key(where)
    refused = REFUSED.get(key)
    if refused is not None and value not in refused[0]:
        raise CaffeError(
            "{place}: the field '{field}' of a Caffe fork is not in this engine, and "
            "without it results would be others: {reason}",
            place=place,
            field=key,
            reason=refused[1],
        )
    return key in HARMLESS or refused is not None


def translate(layer: Any) -> None:
    """Put what a fork says in its own words into Caffe 1.0's, in place."""
    if layer.HasField("pooling_param") and layer.pooling_param.HasField("ceil_mode"):
        p = layer.pooling_param
        p.round_mode = p.CEIL if p.ceil_mode else p.FLOOR
        p.ClearField("ceil_mode")
    if layer.HasField("convolution_param"):
        p = layer.convolution_param
        holes = list(p.hole)
        if p.HasField("hole_h") or p.HasField("hole_w"):
            holes = [p.hole_h or 1, p.hole_w or 1]
        if holes and not p.dilation:
            p.dilation.extend(holes)
        for field in ("hole", "hole_h", "hole_w"):
            p.ClearField(field)
