#!/usr/bin/env python3
"""Writes training.json: the losses of 20 steps that PyTorch takes with the models of tests/reference/models.

    python3 tests/reference/make_training_losses.py       # needs torch and numpy

Weights are drawn as every backend draws them (RandomStream(seed, "<parameter>")), inputs from RandomStream(seed,
"<input>"), the same in every step. The test that reads the file trains the models alike
(tests/runtime/torch_training_test.cpp).
"""
import fnmatch
import json
from pathlib import Path

import torch
from random_stream import RandomStream, elements, float32
from torch_models import bert, gpt, llama, lstm, mlp, resnet, speech, unet, vit

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


def uniform_at(step):
    """Uniform numbers of a stream in a step, of the shape asked for."""
    def uniform(name, shape):
        stream = RandomStream(SEED, name, step)
        return torch.tensor([stream.uniform(i) for i in range(elements(shape))], dtype=torch.float64).reshape(shape)

    return uniform


def group_of(optimizer, name):
    return next((g for g in optimizer.get("groups", []) if fnmatch.fnmatchcase(name, g["parameters"])), {})


def make_optimizer(model, parameters, optimizer):
    """A group for every parameter: what its group in `optimizer` says, else what the model says about decay."""
    decays = {entry["name"]: entry.get("weight_decay", len(entry["shape"]) >= 2) for entry in model["parameters"]}
    groups = []
    for name, parameter in parameters.items():
        own = group_of(optimizer, name)
        default = optimizer["weight_decay"] if decays[name] else 0.0
        groups.append({"params": [parameter], "weight_decay": own.get("weight_decay", default),
                       "lr": optimizer["learning_rate"] * own.get("learning_rate_factor", 1.0)})
    if optimizer["kind"] == "sgd":
        return torch.optim.SGD(groups, lr=0.0, momentum=optimizer["momentum"])
    return torch.optim.AdamW(groups, lr=0.0, betas=(optimizer["beta1"], optimizer["beta2"]), eps=1e-8)


def train(model, loss_of, optimizer):
    """The losses, and where the optimizer clips the norms before clipping."""
    values = {entry["name"]: initial(entry) for entry in model["parameters"] if entry.get("trainable", True)}
    parameters = {name: value.requires_grad_() for name, value in values.items()}
    steps = make_optimizer(model, parameters, optimizer)
    inputs = inputs_of(model)
    result = {"losses": []}
    for step in range(STEPS):
        inputs["uniform"] = uniform_at(step)
        steps.zero_grad()
        loss = loss_of(model, parameters, inputs)
        loss.backward()
        if "clip_norm" in optimizer:
            norm = torch.nn.utils.clip_grad_norm_(parameters.values(), optimizer["clip_norm"])
            result.setdefault("gradient_norms", []).append(float(f"{norm.item():.9g}"))
        steps.step()
        result["losses"].append(float(f"{loss.item():.9g}"))
    return result


ADAM = {"kind": "adamw", "learning_rate": 0.003, "beta1": 0.9, "beta2": 0.95, "weight_decay": 0.1}
SGD = {"kind": "sgd", "learning_rate": 0.02, "momentum": 0.9, "weight_decay": 0.001}
RUNS = (("gpt", gpt, ADAM), ("llama", llama, ADAM), ("resnet", resnet, SGD), ("unet", unet, ADAM),
        ("lstm", lstm, ADAM))
# Compared in float32 alone. "winograd" is a resnet whose convolutions are large enough for Winograd's algorithm.
FURTHER_RUNS = (("bert", bert, ADAM), ("vit", vit, ADAM), ("speech", speech, {**ADAM, "learning_rate": 0.0003}),
                ("mlp", mlp, ADAM), ("winograd", resnet, SGD))
CLIPPED_RUNS = (
    ("gpt", gpt, {**ADAM, "clip_norm": 1.0,
                  "groups": [{"parameters": "*embedding*", "weight_decay": 0.0},
                             {"parameters": "*.norm.?*", "weight_decay": 0.5, "learning_rate_factor": 3.0},
                             {"parameters": "*expand*", "learning_rate_factor": 0.25}]}),
    ("resnet", resnet, {**SGD, "clip_norm": 1.5, "groups": [{"parameters": "classifier.*", "weight_decay": 0.2}]}))


def main():
    runs = []
    for name, loss_of, optimizer in RUNS + CLIPPED_RUNS + FURTHER_RUNS:
        model = json.loads((FOLDER / f"{name}.json").read_text())
        runs.append({"model": name, "optimizer": optimizer, **train(model, loss_of, optimizer)})
        print(name, runs[-1]["losses"][0], runs[-1]["losses"][-1], runs[-1].get("gradient_norms", ""))
    path = Path(__file__).with_name("training.json")
    head = {"format": "mp.reference/1", "made_by": f"torch {torch.__version__}", "seed": SEED}
    path.write_text(json.dumps({**head, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
