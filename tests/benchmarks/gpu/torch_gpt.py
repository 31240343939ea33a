#!/usr/bin/env python3
"""Tokens a second of a GPT in PyTorch, for comparison with mprun: torch_gpt.py --model M --batch B --tokens FILE --csv FILE

The model that `mpplan generate gpt` makes, with torch.compile, flash attention and fused AdamW, in bfloat16 with float32
weights (autocast); the vocabulary is padded to a multiple of 128, as is usual.
"""
import argparse
import time

import numpy
import torch
from speed import Model, add_row
from torch import nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, hidden, heads):
        super().__init__()
        self.heads = heads
        self.norm1, self.norm2 = nn.LayerNorm(hidden), nn.LayerNorm(hidden)
        self.qkv, self.out = nn.Linear(hidden, 3 * hidden), nn.Linear(hidden, hidden)
        self.up, self.down = nn.Linear(hidden, 4 * hidden), nn.Linear(4 * hidden, hidden)

    def forward(self, x):
        batch, length, _ = x.shape
        parts = self.qkv(self.norm1(x)).chunk(3, -1)
        q, k, v = (part.view(batch, length, self.heads, -1).transpose(1, 2) for part in parts)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(x.shape)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Gpt(nn.Module):
    def __init__(self, model):
        super().__init__()
        vocabulary = (model.vocabulary + 127) // 128 * 128
        self.tokens, self.places = nn.Embedding(vocabulary, model.hidden), nn.Embedding(model.context, model.hidden)
        self.blocks = nn.ModuleList(Block(model.hidden, model.heads) for _ in range(model.layers))
        self.norm = nn.LayerNorm(model.hidden)
        self.head = nn.Linear(model.hidden, vocabulary, bias=False)
        self.head.weight = self.tokens.weight
        for parameter in self.parameters():
            if parameter.dim() == 2:
                nn.init.normal_(parameter, std=0.02)

    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.places.weight
        for block in self.blocks:
            x = block(x)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), targets.flatten())


def batches(path, batch, context, device):
    tokens = torch.from_numpy(numpy.fromfile(path, dtype=numpy.uint16).astype(numpy.int64))
    step = 0
    while True:
        starts = [(step * batch + i) * context % (len(tokens) - context - 1) for i in range(batch)]
        rows = torch.stack([tokens[start:start + context + 1] for start in starts]).to(device, non_blocking=True)
        yield rows[:, :-1].contiguous(), rows[:, 1:].contiguous()
        step += 1


def synchronize(device):
    if device == "cuda":
        torch.cuda.synchronize()


def measure(model, arguments):
    device = arguments.device
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = True
    module = Gpt(model).to(device)
    module = torch.compile(module) if device == "cuda" else module
    optimizer = torch.optim.AdamW(module.parameters(), lr=1e-3, fused=device == "cuda")
    data = batches(arguments.tokens, arguments.batch, model.context, device)
    seconds = []
    for _ in range(arguments.steps):
        synchronize(device)
        start = time.perf_counter()
        with torch.autocast(device, torch.bfloat16):
            loss = module(*next(data))
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        synchronize(device)
        seconds.append(time.perf_counter() - start)
    return seconds, loss.item()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("model", "tokens", "csv"):
        parser.add_argument(f"--{name}", required=True)
    parser.add_argument("--batch", type=int, required=True)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--device", default="cuda")
    arguments = parser.parse_args()
    model = Model(arguments.model)
    seconds, loss = measure(model, arguments)
    add_row(arguments.csv, model, seconds, arguments.batch, program=f"PyTorch {torch.__version__}", precision="bf16",
            flags="torch.compile", loss=loss)


if __name__ == "__main__":
    main()
