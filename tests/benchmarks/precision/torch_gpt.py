"""usage: torch_gpt.py MODEL WEIGHTS TEXT STEPS BATCH RATE float32|bf16   (called by ./run; needs torch and numpy)

Trains MODEL with PyTorch's AdamW (no decay) from WEIGHTS on the samples that mprun train --seed 0 meets in TEXT, and prints
its losses as a JSON array.
"""
import contextlib
import json
import sys
from pathlib import Path

import torch

BENCHMARKS = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(BENCHMARKS.parent / "reference"), str(BENCHMARKS / "training")]
import torch_models  # noqa: E402
from random_stream import RandomStream  # noqa: E402
from torch_step import read_weights  # noqa: E402

ROUNDS = 6


class Windows:
    """runtime/data/feed.hpp, TextWindows, and sample_order.hpp once more: a twentieth of the text is held out."""

    def __init__(self, text, context):
        self.text, self.context = text[:len(text) - len(text) // 20], context
        self.count = max(1, (len(self.text) - 1) // context - 1)
        self.half_bits = ((self.count - 1).bit_length() + 1) // 2

    def order(self, sample):
        stream = RandomStream(0, "data order", sample // self.count)
        value, mask = sample % self.count, (1 << self.half_bits) - 1
        while True:
            left, right = value >> self.half_bits, value & mask
            for number in range(ROUNDS):
                left, right = right, left ^ (stream.bits(right * ROUNDS + number) & mask)
            value = left << self.half_bits | right
            if value < self.count:
                return value

    def __getitem__(self, sample):
        room = len(self.text) - 1 - self.count * self.context
        offset = RandomStream(0, "window offset", sample // self.count).below(0, room + 1)
        start = offset + self.order(sample) * self.context
        return list(self.text[start:start + self.context + 1])


def main():
    model_path, weights, text, steps, batch, rate, precision = sys.argv[1:]
    torch.set_num_threads(1)
    model = json.loads(Path(model_path).read_text())
    parameters = {name: value.requires_grad_() for name, value in read_weights(weights).items()}
    optimizer = torch.optim.AdamW(parameters.values(), lr=float(rate), betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0)
    windows = Windows(Path(text).read_bytes(), parameters["position_embedding.weight"].shape[0])
    losses = []
    for step in range(int(steps)):
        rows = torch.tensor([windows[step * int(batch) + row] for row in range(int(batch))])
        inputs = {"tokens": rows[:, :-1], "targets": rows[:, 1:]}
        is_mixed = precision == "bf16"
        with torch.autocast("cpu", dtype=torch.bfloat16) if is_mixed else contextlib.nullcontext():
            loss = torch_models.gpt(model, parameters, inputs)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    print(json.dumps(losses))


if __name__ == "__main__":
    main()
