#!/usr/bin/env python3
"""Writes operators.json: what PyTorch gives for operators and their gradients.

    python3 tests/reference/make_operator_cases.py        # needs torch and numpy

Inputs are not in the file: they are the numbers of RandomStream(seed, "in<i>"), drawn alike by the test that reads it
(tests/runtime/cpu/torch_cases_test.cpp). The loss is the sum of weights * outputs, with weights from "weights<i>".
"""
import json
import math
from pathlib import Path

import torch
import torch.nn.functional as F
from random_stream import RandomStream, elements, float32

SEED = 5
CASES = []


def draw(fill, stream, i, low, high):
    if fill == "normal":
        return float32(stream.normal(i))
    if fill == "positive":
        return float32(0.3 + 2.0 * stream.uniform(i))
    if fill == "probability":
        return float32(0.05 + 0.9 * stream.uniform(i))
    if fill == "indices":
        return low + stream.below(i, high - low)
    return stream.below(i, 2)


def tensor_of(name, spec):
    fill = spec["fill"]
    stream = RandomStream(SEED, name)
    values = [draw(fill, stream, i, spec.get("low", 0), spec.get("high", 1)) for i in range(elements(spec["shape"]))]
    dtype = {"indices": torch.int64, "bool": torch.bool}.get(fill, torch.float64)
    tensor = torch.tensor(values, dtype=dtype).reshape(spec["shape"])
    return tensor.requires_grad_(spec["trainable"]) if dtype == torch.float64 else tensor


def numbers(tensor):
    return [float(f"{x:.7g}") for x in tensor.detach().reshape(-1).tolist()]


def normal(*shape):
    return {"shape": list(shape), "fill": "normal", "trainable": True}


def fixed(*shape, fill="normal", **more):
    return {"shape": list(shape), "fill": fill, "trainable": False, **more}


def positive(*shape):
    return {"shape": list(shape), "fill": "positive", "trainable": True}


def absent():
    return {"shape": [], "fill": "absent", "trainable": False}


def case(op, inputs, compute, attributes=None, outputs=1):
    """compute(*tensors) -> one tensor or a tuple, in float64: PyTorch's definition without its rounding."""
    tensors = [None if spec["fill"] == "absent" else tensor_of(f"in{i}", spec) for i, spec in enumerate(inputs)]
    results = compute(*tensors)
    results = results if isinstance(results, tuple) else (results,)
    assert len(results) == outputs, op
    loss = sum(
        (tensor_of(f"weights{i}", {"shape": list(y.shape), "fill": "normal", "trainable": False}) * y).sum()
        for i, y in enumerate(results)
    )
    expected = {f"out{i}": numbers(y) for i, y in enumerate(results)}
    trained = [(f"in{i}", t) for i, t in enumerate(tensors) if t is not None and t.requires_grad]
    for (name, _), gradient in zip(trained, torch.autograd.grad(loss, [t for _, t in trained])):
        expected[name] = numbers(gradient)
    CASES.append({"op": op, "inputs": inputs, "attributes": attributes or {}, "outputs": outputs, "expected": expected})


def products_and_windows():
    case("Gemm", [normal(3, 5), normal(4, 5), normal(4)], lambda x, w, b: F.linear(x, w, b), {"transB": 1})
    case("MatMul", [normal(2, 1, 3, 4), normal(3, 4, 2)], torch.matmul)
    case("Conv", [normal(2, 4, 6, 5), normal(6, 2, 3, 2), normal(6)],
         lambda x, w, b: F.conv2d(x, w, b, stride=(2, 1), padding=(1, 2), dilation=(1, 2), groups=2),
         {"strides": [2, 1], "pads": [1, 2, 1, 2], "dilations": [1, 2], "group": 2})
    case("Conv", [normal(2, 3, 9), normal(4, 3, 3), normal(4)], lambda x, w, b: F.conv1d(x, w, b, stride=2, padding=1),
         {"strides": [2], "pads": [1, 1]})
    case("Conv", [normal(1, 2, 7, 6), normal(3, 2, 4, 3)], lambda x, w: F.conv2d(x, w, padding="same"),
         {"auto_pad": "SAME_UPPER"})
    case("ConvTranspose", [normal(2, 4, 3, 4), normal(4, 3, 3, 2), normal(6)],
         lambda x, w, b: F.conv_transpose2d(x, w, b, stride=(2, 3), padding=1, output_padding=(1, 2), groups=2),
         {"strides": [2, 3], "pads": [1, 1, 1, 1], "output_padding": [1, 2], "group": 2})
    case("ConvTranspose", [normal(2, 2, 5), normal(2, 3, 4)], lambda x, w: F.conv_transpose1d(x, w, dilation=2, padding=2),
         {"dilations": [2], "pads": [2, 2]})
    case("MaxPool", [normal(2, 2, 6, 8)], lambda x: F.max_pool2d(x, 3, (2, 3), 1, ceil_mode=True),
         {"kernel_shape": [3, 3], "strides": [2, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1})
    case("MaxPool", [normal(1, 2, 9)], lambda x: F.max_pool1d(x, 3, 1, 0, dilation=2),
         {"kernel_shape": [3], "dilations": [2]})
    for counted in (0, 1):
        case("AveragePool", [normal(1, 2, 6, 8)],
             lambda x, c=counted: F.avg_pool2d(x, (3, 2), (2, 3), 1, ceil_mode=True, count_include_pad=bool(c)),
             {"kernel_shape": [3, 2], "strides": [2, 3], "pads": [1, 1, 1, 1], "ceil_mode": 1,
              "count_include_pad": counted})
    case("GlobalAveragePool", [normal(2, 3, 4, 5)], lambda x: F.adaptive_avg_pool2d(x, 1))


def normalisations():
    case("BatchNormalization", [normal(4, 3, 2, 3), normal(3), normal(3), fixed(3), fixed(3, fill="positive")],
         lambda x, s, b, m, v: F.batch_norm(x, m.clone(), v.clone(), s, b, training=True), {"training_mode": 1})
    case("LayerNormalization", [normal(3, 4, 5), normal(4, 5), normal(4, 5)],
         lambda x, s, b: F.layer_norm(x, (4, 5), s, b), {"axis": 1})
    case("RMSNormalization", [normal(3, 4, 8), normal(8)], lambda x, s: F.rms_norm(x, (8,), s, 1e-5))
    case("GroupNormalization", [normal(2, 6, 3, 2), normal(6), normal(6)],
         lambda x, s, b: F.group_norm(x, 3, s, b), {"num_groups": 3})
    case("InstanceNormalization", [normal(2, 3, 4, 3), normal(3), normal(3)],
         lambda x, s, b: F.instance_norm(x, weight=s, bias=b))
    case("Softmax", [normal(2, 3, 4)], lambda x: F.softmax(x, 1), {"axis": 1})
    case("LogSoftmax", [normal(3, 7)], lambda x: F.log_softmax(x, -1))


def heads(x, count):
    return x.reshape(x.shape[0], x.shape[1], count, -1).transpose(1, 2)


def attend(q, k, v, mask=None, q_heads=2, kv_heads=2, causal=False):
    mixed = F.scaled_dot_product_attention(heads(q, q_heads), heads(k, kv_heads), heads(v, kv_heads), attn_mask=mask,
                                           is_causal=causal, enable_gqa=True)
    return mixed.transpose(1, 2).reshape(q.shape[0], q.shape[1], -1)


def turned(x, count, interleaved):
    """Pairs of elements as complex numbers, times e^(i * angle)."""
    h = heads(x, count)
    half = h.shape[-1] // 2
    pairs = h.reshape(*h.shape[:-1], half, 2) if interleaved else torch.stack((h[..., :half], h[..., half:]), -1)
    angles = torch.outer(torch.arange(h.shape[2], dtype=torch.float64),
                         10000.0 ** (-torch.arange(half, dtype=torch.float64) / half))
    product = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angles), angles))
    out = product.flatten(-2) if interleaved else torch.cat((product[..., 0], product[..., 1]), -1)
    return out.transpose(1, 2).reshape(x.shape)


def sequences():
    counts = {"q_num_heads": 2, "kv_num_heads": 2}
    case("Attention", [normal(2, 5, 6)] * 3, lambda q, k, v: attend(q, k, v, causal=True), {**counts, "is_causal": 1})
    case("Attention", [normal(1, 4, 8), normal(1, 7, 4), normal(1, 7, 6)],
         lambda q, k, v: attend(q, k, v, q_heads=4), {"q_num_heads": 4, "kv_num_heads": 2})
    case("Attention", [normal(2, 4, 6), normal(2, 9, 6), normal(2, 9, 6), fixed(2, 1, 4, 9, fill="bool")],
         lambda q, k, v, m: attend(q, k, v, m), counts)
    case("Attention", [normal(2, 4, 6), normal(2, 5, 6), normal(2, 5, 6), fixed(4, 5)],
         lambda q, k, v, m: attend(q, k, v, m), counts)
    for interleaved in (0, 1):
        case("RotaryEmbedding", [normal(2, 5, 12)], lambda x, i=interleaved: turned(x, 3, i),
             {"num_heads": 3, "interleaved": interleaved})
    case("Gather", [normal(6, 3), fixed(2, 4, fill="indices", low=0, high=6)], lambda t, i: F.embedding(i, t))


def gates(rows, order):
    """ONNX's gates of W, R or B in PyTorch's order."""
    return torch.cat([rows.chunk(len(order), 0)[i] for i in order], 0)


def recurrent(kind, order, directions, batch_first=False):
    """torch's own LSTM or GRU on weights in ONNX's layout."""
    def compute(x, w, r, b, _=None, h=None, c=None):
        hidden = r.shape[2]
        module = kind(x.shape[2], hidden, bidirectional=directions == 2, batch_first=batch_first, dtype=torch.float64)
        names = {}
        for d in range(directions):
            suffix = "_l0" + ("_reverse" if d else "")
            wb, rb = b[d].chunk(2)
            names |= {"weight_ih" + suffix: gates(w[d], order), "weight_hh" + suffix: gates(r[d], order),
                      "bias_ih" + suffix: gates(wb, order), "bias_hh" + suffix: gates(rb, order)}
        state = h if c is None else (h, c)
        y, last = torch.func.functional_call(module, names, (x, state) if h is not None else (x,))
        y = y.reshape(*y.shape[:2], directions, hidden)
        return (y if batch_first else y.transpose(1, 2), *(last if isinstance(last, tuple) else (last,)))
    return compute


def recurrences():
    lstm, gru = torch.nn.LSTM, torch.nn.GRU
    iofc_to_ifgo, zrh_to_rzn = (0, 2, 3, 1), (1, 0, 2)
    case("LSTM", [normal(4, 2, 3), normal(1, 12, 3), normal(1, 12, 3), normal(1, 24)], recurrent(lstm, iofc_to_ifgo, 1),
         {"hidden_size": 3}, 3)
    case("LSTM", [normal(3, 2, 2), normal(2, 12, 2), normal(2, 12, 3), normal(2, 24), absent(), normal(2, 2, 3),
                  normal(2, 2, 3)], recurrent(lstm, iofc_to_ifgo, 2), {"direction": "bidirectional"}, 3)
    case("GRU", [normal(4, 2, 3), normal(1, 9, 3), normal(1, 9, 3), normal(1, 18)], recurrent(gru, zrh_to_rzn, 1),
         {"linear_before_reset": 1}, 2)
    case("GRU", [normal(3, 2, 2), normal(2, 9, 2), normal(2, 9, 3), normal(2, 18), absent(), normal(2, 2, 3)],
         recurrent(gru, zrh_to_rzn, 2), {"direction": "bidirectional", "linear_before_reset": 1}, 2)


def elementwise():
    for op, compute in {"Relu": F.relu, "Sigmoid": torch.sigmoid, "Tanh": torch.tanh, "Erf": torch.erf, "Gelu": F.gelu,
                        "Swish": F.silu, "Neg": torch.neg, "Exp": torch.exp, "Abs": torch.abs}.items():
        case(op, [normal(3, 5)], compute)
    case("Gelu", [normal(3, 5)], lambda x: F.gelu(x, approximate="tanh"), {"approximate": "tanh"})
    case("LeakyRelu", [normal(3, 5)], lambda x: F.leaky_relu(x, 0.2), {"alpha": 0.2})
    case("Elu", [normal(3, 5)], lambda x: F.elu(x, 1.5), {"alpha": 1.5})
    for op, compute in {"Sqrt": torch.sqrt, "Log": torch.log}.items():
        case(op, [positive(3, 5)], compute)
    for op, compute in {"Add": torch.add, "Sub": torch.sub, "Mul": torch.mul}.items():
        case(op, [normal(2, 1, 4), normal(3, 1)], compute)
    case("Div", [normal(2, 3, 4), positive(3, 1)], torch.div)
    case("Pow", [positive(3, 4), normal(4)], torch.pow)
    case("Where", [fixed(3, 1, fill="bool"), normal(3, 4), normal(4)], torch.where)


def movements():
    case("Concat", [normal(2, 3), normal(2, 1), normal(2, 4)], lambda *x: torch.cat(x, 1), {"axis": 1})
    case("Split", [normal(2, 7)], lambda x: tuple(torch.split(x, (3, 4), 1)), {"axis": 1, "split": [3, 4]}, 2)
    case("Slice", [normal(5, 6)], lambda x: x[1:5:2, 1:6:3], {"starts": [1, -5], "ends": [5, 100], "steps": [2, 3]})
    case("Transpose", [normal(2, 3, 4)], lambda x: x.permute(2, 0, 1), {"perm": [2, 0, 1]})
    case("Expand", [normal(3, 1)], lambda x: x.expand(2, 3, 4), {"shape": [2, 3, 4]})
    case("Pad", [normal(2, 3)], lambda x: F.pad(x, (0, 2, 1, 0), value=1.5), {"pads": [1, 0, 0, 2], "value": 1.5})
    for mode, torch_mode in (("reflect", "reflect"), ("edge", "replicate"), ("wrap", "circular")):
        case("Pad", [normal(1, 2, 3, 4)], lambda x, m=torch_mode: F.pad(x, (3, 1, 2, 0), mode=m),
             {"pads": [0, 0, 2, 3, 0, 0, 0, 1], "mode": mode})
    case("ReduceSum", [normal(3, 4, 5)], lambda x: x.sum((0, 2), keepdim=True), {"axes": [0, 2]})
    case("ReduceMean", [normal(3, 4, 5)], lambda x: x.mean(1), {"axes": [1], "keepdims": 0})
    case("ReduceMax", [normal(3, 4, 5)], lambda x: x.amax((0, 2)), {"axes": [0, 2], "keepdims": 0})
    case("Resize", [normal(1, 2, 3, 4)], lambda x: F.interpolate(x, scale_factor=2), {
        "scales": [1, 1, 2, 2], "coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"})
    case("Resize", [normal(1, 2, 5, 4)], lambda x: F.interpolate(x, size=(3, 7), mode="bilinear"),
         {"sizes": [1, 2, 3, 7], "mode": "linear"})
    case("Resize", [normal(1, 2, 3, 5)], lambda x: F.interpolate(x, size=(7, 4), mode="bilinear", align_corners=True),
         {"sizes": [1, 2, 7, 4], "mode": "linear", "coordinate_transformation_mode": "align_corners"})
    case("Resize", [normal(2, 2, 6)], lambda x: F.interpolate(x, scale_factor=1.5, mode="linear"),
         {"scales": [1, 1, 1.5], "mode": "linear"})


def losses():
    labels = fixed(6, fill="indices", low=0, high=5)
    weights = fixed(5, fill="positive")
    for reduction in ("mean", "sum", "none"):
        case("SoftmaxCrossEntropyLoss", [normal(6, 5), labels, weights],
             lambda x, t, w, r=reduction: F.cross_entropy(x, t, w, ignore_index=2, reduction=r),
             {"reduction": reduction, "ignore_index": 2})
    case("SoftmaxCrossEntropyLoss", [normal(3, 4, 5), fixed(3, 5, fill="indices", low=0, high=4)], F.cross_entropy)
    pair = [normal(4, 5), fixed(4, 5)]
    case("MeanSquaredError", pair, F.mse_loss)
    case("MeanAbsoluteError", pair, lambda x, t: F.l1_loss(x, t, reduction="sum"), {"reduction": "sum"})
    shares = fixed(4, 5, fill="probability")
    case("BinaryCrossEntropy", [{**shares, "trainable": True}, shares], F.binary_cross_entropy)
    case("BinaryCrossEntropy", [normal(4, 5), shares], F.binary_cross_entropy_with_logits, {"logits": 1})


def main():
    for family in (products_and_windows, normalisations, sequences, recurrences, elementwise, movements, losses):
        family()
    for entry in CASES:
        assert all(math.isfinite(x) for values in entry["expected"].values() for x in values), entry["op"]
    lines = ",\n".join(json.dumps(entry, separators=(",", ":")) for entry in CASES)
    path = Path(__file__).with_name("operators.json")
    path.write_text(f'{{"format":"mp.reference/1","made_by":"torch {torch.__version__}","seed":{SEED},"cases":[\n{lines}\n]}}\n')
    print(f"{path}: {len(CASES)} cases, {path.stat().st_size} bytes")


main()
