#!/usr/bin/env python3
"""Makes the .onnx files beside this script: make_samples.py [FOLDER]. Needs the Python packages onnx and numpy.

They are committed, so that no test needs the package; a test reads every one of them, and broken copies of them.
"""
import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

OUT = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parent)
RANDOM = np.random.default_rng(7)


def weights(name, *shape, dtype=np.float32):
    return numpy_helper.from_array((RANDOM.standard_normal(shape) * 0.1).astype(dtype), name)


def integers(name, *values):
    return numpy_helper.from_array(np.array(values, dtype=np.int64), name)


def value(name, shape, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def save(name, nodes, inputs, outputs, initializers, opset=21, infer=False, **more):
    graph = helper.make_graph(nodes, name, inputs, outputs, initializers, **more)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], producer_name="make_samples")
    model.ir_version = 9
    onnx.checker.check_model(model)
    if infer:
        model = onnx.shape_inference.infer_shapes(model)
    onnx.save(model, OUT / f"{name}.onnx")
    return model


def node(op, inputs, outputs, name="", **attributes):
    return helper.make_node(op, inputs, outputs, name=name, **attributes)


# A classifier with its loss: what can be trained.
save("mlp", [node("Gemm", ["x", "w1", "b1"], ["h"], "fc1", transB=1), node("Relu", ["h"], ["r"], "relu"),
             node("Gemm", ["r", "w2", "b2"], ["scores"], "fc2", transB=1),
             node("SoftmaxCrossEntropyLoss", ["scores", "labels"], ["loss"], "loss", reduction="mean")],
     [value("x", ["batch", 12]), value("labels", ["batch"], TensorProto.INT64)], [value("loss", [])],
     [weights("w1", 16, 12), weights("b1", 16), weights("w2", 5, 16), weights("b2", 5)])

# Today's forms: constants where opset 1 had attributes, one of them from a Constant node.
save("forms", [node("Constant", [], ["axes"], value=integers("", 1)), node("Unsqueeze", ["x", "axes"], ["u"]),
               node("Reshape", ["u", "shape"], ["flat"]), node("Slice", ["flat", "starts", "ends", "one"], ["s"]),
               node("Pad", ["s", "pads", "zero"], ["p"]), node("Split", ["p", "split"], ["a", "b"], axis=1),
               node("Sum", ["a", "a", "a"], ["sum"]), node("Cast", ["sum"], ["c"], to=TensorProto.FLOAT),
               node("Identity", ["c"], ["q"]),
               node("ReduceMean", ["q", "one"], ["m"], keepdims=0), node("Dropout", ["b", "ratio"], ["d", "mask"]),
               node("Softmax", ["d"], ["y"])],
     [value("x", ["N", 6])], [value("m", ["N"]), value("y", ["N", 4])],
     [integers("shape", 0, -1), integers("starts", 1), integers("ends", 100), integers("one", 1),
      integers("pads", 0, 1, 0, 1), numpy_helper.from_array(np.float32(0.5), "zero"), integers("split", 3, 4),
      numpy_helper.from_array(np.float32(0.25), "ratio")])

# What PyTorch's older exporter writes: shapes computed from other shapes.
save("shapes", [node("Shape", ["x"], ["s"]), node("Gather", ["s", "zero"], ["n"], axis=0),
                node("Unsqueeze", ["n", "zero_axis"], ["n1"]), node("Concat", ["n1", "rest"], ["target"], axis=0),
                node("Reshape", ["x", "target"], ["heads"]), node("Transpose", ["heads"], ["t"], perm=[0, 2, 1, 3]),
                node("Shape", ["w"], ["ws"], start=0, end=1), node("Mul", ["ws", "one"], ["two"]),
                node("Concat", ["n1", "two", "minus"], ["back"], axis=0), node("Reshape", ["t", "back"], ["y"])],
     [value("x", ["batch", 4, 8])], [value("y", ["batch", 4, 8])],
     [numpy_helper.from_array(np.int64(0), "zero"), integers("zero_axis", 0), integers("rest", 4, 2, 4),
      integers("one", 1), integers("minus", -1), weights("w", 4, 4)])

# Convolution, normalisation with running statistics, pooling; old IR: initializers stand among the inputs.
conv = [weights("k", 4, 2, 3, 3), weights("scale", 4), weights("bias", 4),
        numpy_helper.from_array(np.zeros(4, np.float32), "mean"), numpy_helper.from_array(np.ones(4, np.float32), "var"),
        weights("fc", 4, 3, dtype=np.float16)]
save("convnet", [node("Conv", ["x", "k"], ["c"], "conv", pads=[1, 1, 1, 1], kernel_shape=[3, 3]),
                 node("BatchNormalization", ["c", "scale", "bias", "mean", "var"], ["n"], "norm"),
                 node("Relu", ["n"], ["r"], "relu"), node("MaxPool", ["r"], ["p"], "pool", kernel_shape=[2, 2], strides=[2, 2]),
                 node("GlobalAveragePool", ["p"], ["g"], "average"), node("Flatten", ["g"], ["f"], "flat"),
                 node("Cast", ["fc"], ["fc32"], "cast", to=TensorProto.FLOAT), node("MatMul", ["f", "fc32"], ["y"], "head")],
     [value("x", [8, 2, 8, 8])] + [value(i.name, list(i.dims), i.data_type) for i in conv], [value("y", [8, 3])], conv)

# Operators that nobody here knows, and a subgraph.
body = helper.make_graph([node("Identity", ["x"], ["o"])], "body", [], [value("o", ["batch", 4])])
save("unknown", [node("Hardmax", ["x"], ["h"], "hard"), node("If", ["yes"], ["i"], "branch", then_branch=body, else_branch=body),
                 node("Add", ["h", "i"], ["y"])],
     [value("x", ["batch", 4]), value("yes", [], TensorProto.BOOL)], [value("y", ["batch", 4])], [])

# Weights in a file beside the model.
graph = helper.make_graph([node("MatMul", ["x", "w"], ["y"], "product")], "external", [value("x", ["batch", 64])],
                          [value("y", ["batch", 16])], [weights("w", 64, 16)])
model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 21)])
model.ir_version = 9
(OUT / "external.data").unlink(missing_ok=True)
onnx.save_model(model, OUT / "external.onnx", save_as_external_data=True, location="external.data", size_threshold=0)

# What PyTorch writes around normalisations of groups: shapes of results that the file does not say, each taken and put
# back by the same shape.
around = []


def again(tensor):
    around.append(node("Shape", [tensor], [f"{tensor}.shape"]))
    around.append(node("Reshape", [tensor, f"{tensor}.shape"], [f"{tensor}.again"], f"{tensor}.again", allowzero=1))
    return f"{tensor}.again"


def make(op, inputs, *outputs, **attributes):
    around.append(node(op, inputs, list(outputs), outputs[0], **attributes))
    return again(outputs[0])


c = make("Conv", ["x", "conv.w"], "conv", strides=[2, 2], pads=[1, 1, 1, 1], dilations=[1, 1])
p = make("MaxPool", [c], "pool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1)
u = make("ConvTranspose", [p, "up.w"], "up", strides=[2, 2], output_padding=[1, 1], pads=[1, 1, 1, 1])
j = make("Concat", [u, c], "joined", axis=1)
h = make("Split", [j, "halves"], "half", "other", axis=-3)
l = make("Slice", [h, "starts", "ends", "axes"], "sliced")
e = make("Add", [l, "row"], "broadcast")
f = make("Flatten", [e], "flat")
g = make("Gemm", [f, "fc.w"], "fc", transB=1)
r = make("Unsqueeze", [g, "last"], "column")
m = make("MatMul", [r, "mm.w"], "product")
t = make("Transpose", [m], "transposed", perm=[2, 0, 1])
y, last = make("LSTM", [t, "lstm.w", "lstm.r"], "sequence", "hidden", hidden_size=4), again("hidden")
q = make("Squeeze", [y, "one"], "squeezed")
z = make("ReduceMean", [q, "one"], "mean", keepdims=1)
make("Gather", [z, "picks"], "picked", axis=0)
save("learned", around, [value("x", ["batch", 3, 16, 16])],
     [value("picked.again", [2, 1, 4]), value("hidden.again", [1, "batch", 4])],
     [weights("conv.w", 4, 3, 3, 3), weights("up.w", 4, 2, 3, 3), integers("halves", 4, 2), integers("starts", 1, -6),
      integers("ends", 9, -1), integers("axes", 2, 3), weights("row", 5), weights("fc.w", 6, 140),
      integers("last", -1), weights("mm.w", 1, 7), weights("lstm.w", 1, 16, 6), weights("lstm.r", 1, 16, 4),
      integers("one", 1), integers("picks", 0, 2)])

# What PyTorch writes for an LSTM whose batch is open: initial states of zeros, as many as there are sequences; and for
# interpolation: scales beside a region that is absent, and attributes at their defaults.
save("states", [node("Resize", ["images", "", "scales"], ["large"], mode="linear", antialias=0, cubic_coeff_a=-0.75,
                     exclude_outside=0, keep_aspect_ratio_policy="stretch", coordinate_transformation_mode="half_pixel"),
                node("Shape", ["large"], ["size"]), node("Reshape", ["large", "size"], ["same"]),
                node("Resize", ["same", "", "", "target"], ["small"], mode="nearest"),
                node("Shape", ["x"], ["s"]), node("Gather", ["s", "one"], ["n"], axis=0),
                node("Mod", ["ten", "six"], ["four"]), node("Reshape", ["four", "one"], ["hidden"]),
                node("Concat", ["direction", "n", "hidden"], ["state"], axis=0),
                node("ConstantOfShape", ["state"], ["zeros"], value=numpy_helper.from_array(np.zeros(1, np.float32))),
                node("Slice", ["zeros", "begin", "end"], ["first"]),
                node("LSTM", ["x", "w", "r", "", "", "first", "zeros"], ["y"], hidden_size=4)],
     [value("x", [7, "batch", 6]), value("images", [2, 3, 8, 9])], [value("y", [7, 1, "batch", 4]), value("small", [2, 3, 5, 7])],
     [numpy_helper.from_array(np.array([1, 1, 1.5, 2], np.float32), "scales"), integers("target", 2, 3, 5, 7),
      integers("one", 1), integers("direction", 1), integers("six", 6),
      numpy_helper.from_array(np.int64(10), "ten"), integers("begin", 0), integers("end", 1),
      weights("w", 1, 16, 6), weights("r", 1, 16, 4)])

# What PyTorch's older exporter makes of F.pad, F.interpolate, group_norm, expand and mse_loss, folded or not.
save("resized",
     [node("Conv", ["x", "k"], ["c"], "conv"),
      # pads (0, 1, 2, 0) of the last two axes first: with zeros for the others, turned around, in ONNX's order
      node("ConstantOfShape", ["four"], ["zeros"], value=numpy_helper.from_array(np.array([0], np.int64), "")),
      node("Concat", ["torch_pads", "zeros"], ["all"], axis=0), node("Reshape", ["all", "pairs"], ["rows"]),
      node("Slice", ["rows", "minus", "least", "zero", "minus"], ["turned"]),
      node("Transpose", ["turned"], ["columns"], perm=[1, 0]), node("Reshape", ["columns", "minus"], ["flat"]),
      node("Cast", ["flat"], ["pads"], to=TensorProto.INT64), node("Pad", ["c", "pads"], ["p"], "pad"),
      node("Concat", ["whole", "twice"], ["scales"], axis=0),
      node("Resize", ["p", "", "scales"], ["up"], "up", mode="nearest", nearest_mode="floor", cubic_coeff_a=-0.75,
           coordinate_transformation_mode="asymmetric"),
      node("Shape", ["up"], ["s"]), node("Slice", ["s", "zero", "two", "zero"], ["channels"]),
      node("Concat", ["channels", "extents"], ["sizes"], axis=0),
      node("Resize", ["up", "empty", "empty", "sizes"], ["small"], "small", mode="linear"),
      # expand(-1, 2, 4, -1): ones where the extent is to stay
      node("Shape", ["wanted"], ["rank"]), node("ConstantOfShape", ["rank"], ["ones"],
                                                value=numpy_helper.from_array(np.array([1], np.int64), "")),
      node("Mul", ["ones", "minus"], ["stays"]), node("Equal", ["wanted", "stays"], ["same"]),
      node("Where", ["same", "ones", "wanted"], ["shape"]), node("Expand", ["small", "shape"], ["wide"], "wide"),
      node("Sub", ["wide", "t"], ["d"]), node("Shape", ["d"], ["ds"]), node("Expand", ["wide", "ds"], ["a"]),
      node("Sub", ["a", "t"], ["e"]), node("Mul", ["e", "e"], ["q"]), node("ReduceMean", ["q"], ["y"], keepdims=0)],
     [value("x", [3, 1, 4, 5])], [value("y", [])],
     [weights("k", 1, 1, 2, 2), weights("t", 3, 2, 4, 3), integers("four", 4), integers("torch_pads", 0, 1, 2, 0),
      integers("pairs", -1, 2), integers("minus", -1), integers("least", -2**63 + 1), integers("zero", 0),
      integers("two", 2), integers("extents", 1, 3), integers("wanted", -1, 2, 4, -1),
      numpy_helper.from_array(np.array([1, 1], np.float32), "whole"),
      numpy_helper.from_array(np.array([2, 1.5], np.float32), "twice"),
      numpy_helper.from_array(np.array([], np.float32), "empty")], opset=17)

# Resize as it was called before opset 10; its semantics stayed until 11.
save("upsample", [node("Upsample", ["x", "scales"], ["y"], mode="nearest")], [value("x", ["batch", 2, 3, 3])],
     [value("y", ["batch", 2, 6, 9])], [numpy_helper.from_array(np.array([1, 1, 2, 3], np.float32), "scales")], opset=9)
