#!/usr/bin/env python3
"""Rows of the table of measured speeds, and the tokens that all programs are timed on.

  speed.py tokens MODEL FILE                                     four million tokens, frequent and rare as words are
  speed.py row --csv FILE --model MODEL --plan PLAN --metrics FILE --batch N --precision NAME …
"""
import argparse
import array
import csv
import itertools
import json
import os
import random
import statistics

COLUMNS = ("program", "model", "parameters", "precision", "flags", "batch", "context", "tokens_per_s", "step_ms",
           "model_flops_utilization", "gpu_busy", "gpu_memory_mib", "arena_bytes", "arena_is_as_planned", "loss")
PEAK_FLOPS_PER_S = {"bf16": 989e12, "bfloat16": 989e12}  # of an H100 or H200 SXM, dense
WARM_UP_STEPS = 5
SAMPLE_S = 0.1  # between nvidia-smi's


def read_json(path):
    with open(path) as file:
        return json.load(file)


class Model:
    """What is counted of a GPT."""

    def __init__(self, path):
        model = read_json(path)
        shapes = {p["name"]: p["shape"] for p in model["parameters"]}
        self.name = model["name"]
        self.vocabulary, self.hidden = shapes["token_embedding.weight"]
        self.context = shapes["position_embedding.weight"][0]
        attentions = [node for node in model["nodes"] if node["op"] == "Attention"]
        self.layers = len(attentions)
        self.heads = attentions[0]["attributes"]["q_num_heads"]
        self.parameters = sum(count(shape) for shape in shapes.values())

    def flops_of_token(self):
        """6N + 12·L·C·T: forward and backward, attention counted in full."""
        return 6 * self.parameters + 12 * self.layers * self.hidden * self.context


def count(shape):
    product = 1
    for extent in shape:
        product *= extent
    return product


def write_tokens(model, path, tokens=1 << 22):
    """The token of rank r is as frequent as 1 / (r + 3), which is about what words are (Zipf)."""
    weights = list(itertools.accumulate(1 / (rank + 3) for rank in range(model.vocabulary)))
    drawn = random.Random(1).choices(range(model.vocabulary), cum_weights=weights, k=tokens)
    with open(path, "wb") as file:
        array.array("H", drawn).tofile(file)


def busy(path, seconds):
    """The mean share of time with a kernel on the GPU, and the most memory, in the last samples: those of the steps, which
    took so many seconds."""
    if not path or not os.path.exists(path):
        return None, None
    with open(path) as lines:
        samples = [[float(field) for field in line.split(",")] for line in lines if line.count(",") == 1]
    steady = samples[-max(1, int(0.8 * seconds / SAMPLE_S)):]
    if not steady:
        return None, None
    return statistics.mean(sample[0] for sample in steady) / 100, max(sample[1] for sample in steady)


def add_row(path, model, seconds, batch, **cells):
    """Appends a row and prints it; `seconds`: of the steps, whose first few do not count."""
    step = statistics.median(seconds[WARM_UP_STEPS:] or seconds)
    tokens_per_s = batch * model.context / step
    peak = PEAK_FLOPS_PER_S.get(cells["precision"])
    row = {"model": model.name, "parameters": model.parameters, "batch": batch, "context": model.context,
           "tokens_per_s": round(tokens_per_s), "step_ms": round(step * 1e3, 3),
           "model_flops_utilization": round(tokens_per_s * model.flops_of_token() / peak, 4) if peak else None, **cells}
    is_new = not os.path.exists(path)
    with open(path, "a", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS, restval="", lineterminator="\n")
        if is_new:
            writer.writeheader()
        writer.writerow({name: "" if value is None else value for name, value in row.items()})
    print("; ".join(f"{name} {value}" for name, value in row.items() if value not in (None, "")), flush=True)


def row_of_mprun(arguments):
    with open(arguments.metrics) as lines:
        *steps, last = [json.loads(line) for line in lines]
    arena = last["summary"]["peak_memory_bytes"][0]
    planned = read_json(arguments.plan)["predicted"]["devices"][0]["memory_bytes"]
    seconds = [step["step_time_s"] for step in steps]
    share, memory = busy(arguments.busy, sum(seconds))
    add_row(arguments.csv, Model(arguments.model), seconds, arguments.batch,
            program="mprun", precision=arguments.precision, flags=arguments.flags,
            gpu_busy=None if share is None else round(share, 4), gpu_memory_mib=memory, arena_bytes=arena,
            arena_is_as_planned=arena == planned, loss=steps[-1]["loss"])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    tokens = commands.add_parser("tokens")
    tokens.add_argument("model")
    tokens.add_argument("file")
    row = commands.add_parser("row")
    for name in ("csv", "model", "plan", "metrics", "precision"):
        row.add_argument(f"--{name}", required=True)
    row.add_argument("--batch", type=int, required=True)
    row.add_argument("--flags", default="")
    row.add_argument("--busy")
    arguments = parser.parse_args()
    if arguments.command == "tokens":
        write_tokens(Model(arguments.model), arguments.file)
    else:
        row_of_mprun(arguments)


if __name__ == "__main__":
    main()
