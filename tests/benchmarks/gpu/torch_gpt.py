#!/usr/bin/env python3
"""Tokens a second of GPT-2 124M in PyTorch, for comparison with mprun: torch_gpt.py --batch B

The model that `mpplan generate gpt` makes, with torch.compile, flash attention and fused AdamW; float32, TF32, bfloat16.
"""
import argparse
import statistics
import time

import torch
from torch import nn
from torch.nn import functional as F

CONTEXT, HIDDEN, LAYERS, HEADS, VOCABULARY = 1024, 768, 12, 12, 50257


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(HIDDEN), nn.LayerNorm(HIDDEN)
        self.qkv, self.out = nn.Linear(HIDDEN, 3 * HIDDEN), nn.Linear(HIDDEN, HIDDEN)
        self.up, self.down = nn.Linear(HIDDEN, 4 * HIDDEN), nn.Linear(4 * HIDDEN, HIDDEN)

    def forward(self, x):
        batch, length, _ = x.shape
        heads = [part.view(batch, length, HEADS, -1).transpose(1, 2) for part in self.qkv(self.norm1(x)).chunk(3, -1)]
        y = F.scaled_dot_product_attention(*heads, is_causal=True).transpose(1, 2).reshape(x.shape)
        x = x + self.out(y)
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Gpt(nn.Module):
    def __init__(self):
        super().__init__()
        self.tokens, self.places = nn.Embedding(VOCABULARY, HIDDEN), nn.Embedding(CONTEXT, HIDDEN)
        self.blocks = nn.ModuleList(Block() for _ in range(LAYERS))
        self.norm = nn.LayerNorm(HIDDEN)
        self.head = nn.Linear(HIDDEN, VOCABULARY, bias=False)
        self.head.weight = self.tokens.weight

    def forward(self, tokens, targets):
        x = self.tokens(tokens) + self.places.weight
        for block in self.blocks:
            x = block(x)
        return F.cross_entropy(self.head(self.norm(x)).flatten(0, 1), targets.flatten())


def measure(batch, kind, steps=30):
    torch.manual_seed(0)
    torch.backends.cuda.matmul.allow_tf32 = kind == "tf32"
    model = torch.compile(Gpt().cuda())
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
    data = torch.randint(VOCABULARY, (batch, CONTEXT + 1), device="cuda")
    seconds = []
    for _ in range(steps):
        torch.cuda.synchronize()
        start = time.perf_counter()
        with torch.autocast("cuda", torch.bfloat16, enabled=kind == "bfloat16"):
            loss = model(data[:, :-1].contiguous(), data[:, 1:].contiguous())
        loss.backward()
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        torch.cuda.synchronize()
        seconds.append(time.perf_counter() - start)
    step = statistics.median(seconds[5:])
    print(f"torch {torch.__version__} {kind}: {batch * CONTEXT / step:.0f} tokens/s, step {step * 1e3:.2f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=8)
    batch = parser.parse_args().batch
    for kind in ("float32", "tf32", "bfloat16"):
        measure(batch, kind)


if __name__ == "__main__":
    main()
