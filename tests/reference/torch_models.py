"""The models of mpplan generate once more, in PyTorch's own operators: each a function from model.json, its parameters by
name and its inputs by name to the loss."""
import torch
import torch.nn.functional as F


def linear(p, name, x):
    return F.linear(x, p[name + ".weight"], p.get(name + ".bias"))


def attention(q, k, v, heads, kv_heads, causal):
    def split(x, count):
        return x.unflatten(-1, (count, -1)).transpose(1, 2)
    mixed = F.scaled_dot_product_attention(split(q, heads), split(k, kv_heads), split(v, kv_heads), is_causal=causal,
                                           enable_gqa=heads != kv_heads)
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
    h = x.unflatten(-1, (heads, -1)).float()
    half = h.shape[-1] // 2
    angles = torch.outer(torch.arange(x.shape[1]), 10000.0 ** (-torch.arange(half) / half))[:, None, :]
    turned = torch.complex(h[..., :half], h[..., half:]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat((turned.real, turned.imag), -1).flatten(-2).to(x.dtype)


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


def feed_forward(p, name, x):
    return linear(p, name + ".project", F.gelu(linear(p, name + ".expand", x)))


def self_attention(p, name, x, heads):
    q, k, v = (linear(p, f"{name}.{part}", x) for part in ("query", "key", "value"))
    return linear(p, name + ".project", attention(q, k, v, heads, heads, False))


def bert(model, p, inputs):
    heads = attribute(model, "Attention", "q_num_heads")
    tokens = inputs["tokens"]
    seen = inputs["uniform"]("hiding/0", tokens.shape) >= attribute(model, "Dropout", "ratio")
    x = torch.where(seen.unsqueeze(-1), F.embedding(tokens, p["token_embedding.weight"]), p["blank_embedding.weight"])
    x = norm(p, "embedding_norm", x + p["position_embedding.weight"])
    for block in layers(p, "attention.query.weight"):
        x = norm(p, block + "attention.norm", x + self_attention(p, block + "attention", x, heads))
        x = norm(p, block + "feed_forward.norm", x + feed_forward(p, block + "feed_forward", x))
    x = norm(p, "head.norm", F.gelu(linear(p, "head", x)))
    logits = F.linear(x, p["token_embedding.weight"], p["logits.bias"])
    return F.cross_entropy(logits.flatten(0, 1), inputs["targets"].flatten())


def vit(model, p, inputs):
    heads = attribute(model, "Attention", "q_num_heads")
    patches = p["patches.weight"]
    x = F.conv2d(inputs["x"], patches, p["patches.bias"], stride=patches.shape[-1])
    x = x.flatten(2).transpose(1, 2) + p["position_embedding.weight"]
    for block in layers(p, "attention.query.weight"):
        x = x + self_attention(p, block + "attention", norm(p, block + "attention.norm", x), heads)
        x = x + feed_forward(p, block + "feed_forward", norm(p, block + "feed_forward.norm", x))
    return F.cross_entropy(linear(p, "classifier", norm(p, "final_norm", x).mean(1)), inputs["labels"])


def speech(model, p, inputs):
    x = F.relu(F.conv2d(inputs["x"], p["conv1.weight"], p["conv1.bias"]))
    x = F.relu(F.conv2d(F.max_pool2d(x, (1, 3)), p["conv2.weight"], p["conv2.bias"]))
    x = F.relu(linear(p, "hidden", linear(p, "low_rank", x.flatten(1))))
    return F.cross_entropy(linear(p, "classifier", x), inputs["labels"])


def mlp(model, p, inputs):
    names = layers(p, ".weight")
    x = inputs["x"]
    for name in names[:-1]:
        x = F.relu(linear(p, name, x))
    return F.cross_entropy(linear(p, names[-1], x), inputs["labels"])
