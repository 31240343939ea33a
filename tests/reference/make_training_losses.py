#!/usr/bin/env python3
"""Writes training.json: the losses of 20 steps that PyTorch takes with the models of tests/reference/models.

    python3 tests/reference/make_training_losses.py       # needs torch and numpy

Weights are drawn as every backend draws them (RandomStream(seed, "<parameter>")), inputs from RandomStream(seed,
"<input>"), the same in every step. The test that reads the file trains the models alike
(tests/runtime/torch_training_test.cpp). The models are written here once more, in PyTorch's own operators.
"""
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from random_stream import RandomStream, elements, float32

SEED = 11
STEPS = 20
FOLDER = Path(__file__).parent / "models"


def initial(parameter):
    (kind, value), = parameter["initializer"].items()
    count = elements(parameter["shape"])
    if kind == "constant":
        values = [value] * count
    else:
        stream = RandomStream(SEED, parameter["name"])
        if kind == "normal":
            values = [value.get("mean", 0) + value["std"] * stream.normal(i) for i in range(count)]
        else:
            values = [value["low"] + (value["high"] - value["low"]) * stream.uniform(i) for i in range(count)]
    return torch.tensor([float32(x) for x in values]).reshape(parameter["shape"])


def inputs_of(model):
    batch = model["dimensions"]["batch"]
    inputs = {}
    for entry in model["inputs"]:
        shape = [batch if extent == "batch" else extent for extent in entry["shape"]]
        data = entry["data"]
        stream = RandomStream(SEED, entry["name"])
        if data.startswith("copy:"):
            values = inputs[data[5:]]
        elif data == "next-tokens":
            values = (3 * inputs["tokens"] + 7) % model_vocabulary(model)
        elif data in ("tokens", "labels"):
            bound = model_vocabulary(model) if data == "tokens" else 10
            values = torch.tensor([stream.below(i, bound) for i in range(elements(shape))]).reshape(shape)
        else:
            values = torch.tensor([float32(stream.normal(i)) for i in range(elements(shape))]).reshape(shape)
        inputs[entry["name"]] = values
    return inputs


def model_vocabulary(model):
    return next(p["shape"][0] for p in model["parameters"] if p["name"].endswith("embedding.weight"))


def linear(p, name, x):
    return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))


def attention(q, k, v, heads, kv_heads, causal):
    def split(x, count):
        return x.unflatten(-1, (count, -1)).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(split(q, heads), split(k, kv_heads), split(v, kv_heads), is_causal=causal,
                                           enable_gqa=True)
    return mixed.transpose(1, 2).flatten(-2)


def attribute(model, op, name):
    return next(n["attributes"][name] for n in model["nodes"] if n["op"] == op)


def layers(p, pattern):
    return [name[:-len(pattern)] for name in p if name.endswith(pattern)]


def norm(p, name, x):
    return F.layer_norm(x, x.shape[-1:], p[name + ".weight"], p[name + ".bias"])


def gpt(model, p, inputs):
    heads = attribute(model, "Attention", "q_num_heads")
    x = F.embedding(inputs["tokens"], p["token_embedding.weight"]) + p["position_embedding.weight"]
    for block in layers(p, "attention.query.weight"):
        h = norm(p, block + "attention.norm", x)
        q, k, v = (linear(p, block + "attention." + part, h) for part in ("query", "key", "value"))
        x = x + linear(p, block + "attention.project", attention(q, k, v, heads, heads, True))
        h = norm(p, block + "feed_forward.norm", x)
        h = F.gelu(linear(p, block + "feed_forward.expand", h), approximate="tanh")
        x = x + linear(p, block + "feed_forward.project", h)
    logits = F.linear(norm(p, "final_norm", x), p["token_embedding.weight"])
    return F.cross_entropy(logits.flatten(0, 1), inputs["targets"].flatten())


def rotate(x, heads):
    """Complex numbers made of a head's halves, times e^(i * position * frequency)."""
    h = x.unflatten(-1, (heads, -1))
    half = h.shape[-1] // 2
    angles = torch.outer(torch.arange(x.shape[1]), 10000.0 ** (-torch.arange(half) / half))[:, None, :]
    turned = torch.complex(h[..., :half], h[..., half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat((turned.real, turned.imag), -1).flatten(-2)


def llama(model, p, inputs):
    heads = attribute(model, "Attention", "q_num_heads")
    kv_heads = attribute(model, "Attention", "kv_num_heads")

    def rms(name, x):
        return F.rms_norm(x, x.shape[-1:], p[name + ".weight"], 1e-5)
    x = F.embedding(inputs["tokens"], p["embedding.weight"])
    for block in layers(p, "attention.query.weight"):
        h = rms(block + "attention.norm", x)
        q, k, v = (linear(p, block + "attention." + part, h) for part in ("query", "key", "value"))
        mixed = attention(rotate(q, heads), rotate(k, kv_heads), v, heads, kv_heads, True)
        x = x + linear(p, block + "attention.project", mixed)
        h = rms(block + "feed_forward.norm", x)
        h = F.silu(linear(p, block + "feed_forward.gate", h)) * linear(p, block + "feed_forward.expand", h)
        x = x + linear(p, block + "feed_forward.project", h)
    logits = linear(p, "logits", rms("final_norm", x))
    return F.cross_entropy(logits.flatten(0, 1), inputs["targets"].flatten())


def conv_norm(p, name, x, stride=1):
    weight = p[name + ".weight"]
    y = F.conv2d(x, weight, stride=stride, padding=weight.shape[-1] // 2)
    return F.batch_norm(y, None, None, p[name + ".norm.weight"], p[name + ".norm.bias"], training=True)


def resnet(model, p, inputs):
    x = F.relu(conv_norm(p, "stem", inputs["x"]))
    for block in layers(p, "conv1.weight"):
        stride = 2 if block + "shortcut.weight" in p else 1
        y = F.relu(conv_norm(p, block + "conv1", x, stride))
        beside = conv_norm(p, block + "shortcut", x, stride) if stride == 2 else x
        x = F.relu(conv_norm(p, block + "conv2", y) + beside)
    return F.cross_entropy(linear(p, "classifier", x.mean((2, 3))), inputs["labels"])


def unet(model, p, inputs):
    def twice(name, x):
        for part in ("conv1", "conv2"):
            x = F.relu(conv_norm(p, name + part, x))
        return x
    strength = attribute(model, "Constant", "value_float")
    levels = len(layers(p, "transposed.weight")) + 1
    y = twice("down1.", inputs["x"] + strength * inputs["noise"])
    beside = []
    for level in range(2, levels + 1):
        beside.append(y)
        y = twice(f"down{level}.", F.max_pool2d(y, 2))
    for level in range(levels - 1, 0, -1):
        name = f"up{level}."
        up = F.conv_transpose2d(y, p[name + "transposed.weight"], p[name + "transposed.bias"], stride=2)
        y = twice(name, torch.cat((beside[level - 1], up), 1))
    return F.mse_loss(F.conv2d(y, p["image.weight"], p["image.bias"]), inputs["target"])


def lstm(model, p, inputs):
    x = F.embedding(inputs["tokens"], p["embedding.weight"])
    for name in layers(p, ".recurrent_weight"):
        hidden = p[name + ".recurrent_weight"].shape[2]
        module = torch.nn.LSTM(x.shape[-1], hidden, batch_first=True)

        def gates(rows):  # ONNX: input, output, forget, cell; PyTorch: input, forget, cell, output
            i, o, f, c = rows.chunk(4, 0)
            return torch.cat((i, f, c, o), 0)
        wb, rb = p[name + ".bias"].chunk(2)
        own = {"weight_ih_l0": gates(p[name + ".weight"][0]), "weight_hh_l0": gates(p[name + ".recurrent_weight"][0]),
               "bias_ih_l0": gates(wb), "bias_hh_l0": gates(rb)}
        x, _ = torch.func.functional_call(module, own, (x,))
    return F.cross_entropy(linear(p, "logits", x).flatten(0, 1), inputs["targets"].flatten())


def train(model, loss_of, optimizer):
    values = {entry["name"]: initial(entry) for entry in model["parameters"] if entry.get("trainable", True)}
    decayed = {entry["name"] for entry in model["parameters"] if entry.get("weight_decay", True)}
    parameters = {name: value.requires_grad_() for name, value in values.items()}
    groups = [{"params": [p for name, p in parameters.items() if name in decayed]},
              {"params": [p for name, p in parameters.items() if name not in decayed], "weight_decay": 0.0}]
    settings = dict(optimizer)
    kind, rate = settings.pop("kind"), settings.pop("learning_rate")
    if kind == "sgd":
        steps = torch.optim.SGD(groups, lr=rate, **settings)
    else:
        betas = (settings.pop("beta1"), settings.pop("beta2"))
        steps = torch.optim.AdamW(groups, lr=rate, betas=betas, eps=1e-8, **settings)
    inputs = inputs_of(model)
    losses = []
    for _ in range(STEPS):
        steps.zero_grad()
        loss = loss_of(model, parameters, inputs)
        loss.backward()
        steps.step()
        losses.append(float(f"{loss.item():.9g}"))
    return losses


def main():
    adam = {"kind": "adamw", "learning_rate": 0.003, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1}
    sgd = {"kind": "sgd", "learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.001}
    runs = []
    for name, loss_of, optimizer in (("gpt", gpt, adam), ("llama", llama, adam), ("resnet", resnet, sgd),
                                     ("unet", unet, adam), ("lstm", lstm, adam)):
        model = json.loads((FOLDER / f"{name}.json").read_text())
        runs.append({"model": name, "optimizer": optimizer, "losses": train(model, loss_of, optimizer)})
        print(name, runs[-1]["losses"][0], runs[-1]["losses"][-1])
    path = Path(__file__).with_name("training.json")
    head = {"format": "mp.reference/1", "made_by": f"torch {torch.__version__}", "seed": SEED}
    path.write_text(json.dumps({**head, "runs": runs}, indent=1) + "\n")


main()
