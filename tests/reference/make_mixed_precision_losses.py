#!/usr/bin/env python3
"""Writes mixed_precision.json: the losses of 20 steps that PyTorch takes under autocast to bfloat16, on the CPU.

    python3 tests/reference/make_mixed_precision_losses.py       # needs torch and numpy

Models, weights, inputs and optimizers are those of training.json (make_training_losses.py). The test that reads the file
is tests/runtime/torch_mixed_precision_test.cpp.
"""
import json
from pathlib import Path

import torch
from make_training_losses import FOLDER, RUNS, SEED, train


def under_autocast(loss_of):
    def loss(*arguments):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            return loss_of(*arguments)

    return loss


def main():
    runs = []
    for name, loss_of, optimizer in RUNS:
        model = json.loads((FOLDER / f"{name}.json").read_text())
        losses = train(model, under_autocast(loss_of), optimizer)
        runs.append({"model": name, "optimizer": optimizer, "losses": losses})
        print(name, losses[0], losses[-1])
    path = Path(__file__).with_name("mixed_precision.json")
    head = {"format": "mp.reference/1", "made_by": f"torch {torch.__version__}, autocast to bfloat16", "seed": SEED}
    path.write_text(json.dumps({**head, "runs": runs}, indent=1) + "\n")


if __name__ == "__main__":
    main()
