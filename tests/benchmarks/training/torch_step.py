"""usage: torch_step.py MODEL WEIGHTS OPTIMIZER STEPS LAYOUT   (called by ./run; needs torch and numpy)

Trains MODEL (a file of mpplan generate) with PyTorch on one thread from WEIGHTS (safetensors) and the data beside it, and
prints a line of JSON a step: loss, wall_s, cpu_s. LAYOUT is contiguous or channels_last. Optimizers are PyTorch's fused
ones, the fastest on a CPU.
"""
import json
import sys
import time
from pathlib import Path

import numpy
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "reference"))
import torch_models  # noqa: E402


def read_weights(path):
    content = Path(path).read_bytes()
    size = int.from_bytes(content[:8], "little")
    header = json.loads(content[8:8 + size])
    weights = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = (8 + size + offset for offset in entry["data_offsets"])
        values = numpy.frombuffer(content[begin:end], numpy.float32).reshape(entry["shape"])
        weights[name] = torch.from_numpy(values.copy())
    return weights


def read_inputs(model, batch, folder):
    inputs = {}
    for entry in model["inputs"]:
        kind = entry["data"]
        shape = [batch if extent == "batch" else extent for extent in entry["shape"]]
        if kind in ("tokens", "next-tokens"):
            text = torch.tensor(list((folder / "text").read_bytes()[:shape[1] + 1]))
            first = 0 if kind == "tokens" else 1
            inputs[entry["name"]] = text[first:first + shape[1]].repeat(batch, 1)
        elif kind == "labels":
            inputs[entry["name"]] = torch.from_numpy(numpy.load(folder / "labels.npy"))[:batch]
        elif kind == "images":
            inputs[entry["name"]] = torch.from_numpy(numpy.load(folder / "images.npy"))[:batch]
        elif kind.startswith("copy:"):
            inputs[entry["name"]] = inputs[kind[5:]]
        else:
            inputs[entry["name"]] = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    return inputs


def main():
    model_path, weights_path, optimizer, steps, layout = sys.argv[1:]
    torch.set_num_threads(1)
    model = json.loads(Path(model_path).read_text())
    family = getattr(torch_models, model["name"].split("-")[0])
    trained = {entry["name"] for entry in model["parameters"] if entry.get("trainable", True)}
    parameters = {name: w for name, w in read_weights(weights_path).items() if name in trained}
    inputs = read_inputs(model, model["dimensions"]["batch"], Path(weights_path).parent)
    if layout == "channels_last":
        def convert(tensors):
            return {name: t.to(memory_format=torch.channels_last) if t.dim() == 4 else t for name, t in tensors.items()}
        parameters, inputs = convert(parameters), convert(inputs)
    leaves = [p.requires_grad_() for p in parameters.values()]
    if optimizer == "adamw":
        update = torch.optim.AdamW(leaves, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.0, fused=True)
    else:
        update = torch.optim.SGD(leaves, lr=1e-3, momentum=0.9, fused=True)
    for _ in range(int(steps)):
        wall, cpu = time.perf_counter(), time.process_time()
        update.zero_grad()
        loss = family(model, parameters, inputs)
        loss.backward()
        update.step()
        value = loss.item()
        line = {"loss": value, "wall_s": time.perf_counter() - wall, "cpu_s": time.process_time() - cpu}
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
