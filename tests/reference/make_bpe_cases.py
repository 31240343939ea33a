#!/usr/bin/env python3
"""Writes vocabulary/ and bpe.json: a small byte-level vocabulary, and what another program makes of texts with it.

    python3 tests/reference/make_bpe_cases.py FILE…       # needs `tokenizers`; FILE: text to learn the merges from

The vocabulary is learnt and the texts are encoded by Hugging Face's `tokenizers` (ByteLevelBPETokenizer: the algorithm and
the regular expression of GPT-2). The test that reads the files encodes and decodes alike
(tests/runtime/data/bpe_vocabulary_test.cpp). The files committed were learnt from the licences in
/usr/share/common-licenses and README.md.
"""
import json
import random
import sys
from pathlib import Path

from tokenizers import ByteLevelBPETokenizer

FOLDER = Path(__file__).parent
TEXTS = [
    "",
    " ",
    "Hello, world!",
    "The licence  of   this program\tis\n\n  free.",
    "I'm sure they'll say we've 'd I'D don't 's",
    "x = 3.14159e-10; y[42] += 0x7F  \n",
    "trailing spaces   ",
    "   leading spaces",
    " \n \n\n\t a",
    "Straße, Ærøskøbing, naïve café – “quotes” … £€",
    "Ελληνικά και русский текст, 中文字符和日本語のテキスト 한국어",
    "العربية עברית हिन्दी ไทย",
    "①②③ ½ ¾ Ⅷ ٣٤٥ ५६७ 𝟘𝟙𝟚",
    "😀😃 👩‍👩‍👧‍👦 🏳️‍🌈",
    "a\u00a0b\u2003c\u3000d\u2028e\u0085f\u200bg\u180eh",
    "combining e\u0301 a\u0308\u0323",
    "<|endoftext|> is text here",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
    "\x00\x01\x7f control",
    "the the the copyright notice and this permission notice",
]


def random_texts():
    """Characters of every kind, in any order."""
    draw = random.Random(7)
    ranges = [(0x20, 0x7E), (0x09, 0x0D), (0xA0, 0x24F), (0x370, 0x3FF), (0x400, 0x4FF), (0x660, 0x669), (0x2000, 0x206F),
              (0x2150, 0x218B), (0x3040, 0x30FF), (0x4E00, 0x4FFF), (0x1F600, 0x1F64F), (0x10400, 0x1044F)]
    for _ in range(60):
        yield "".join(chr(draw.randint(*draw.choice(ranges[:1] * 6 + ranges))) for _ in range(draw.randint(1, 60)))


def main():
    tokenizer = ByteLevelBPETokenizer(add_prefix_space=False)
    tokenizer.train(sys.argv[1:], vocab_size=700, min_frequency=2, special_tokens=["<|endoftext|>"], show_progress=False)
    tokenizer.save_model(str(FOLDER / "vocabulary"))
    # Read anew without the special token, which would be recognised in texts.
    plain = ByteLevelBPETokenizer(str(FOLDER / "vocabulary/vocab.json"), str(FOLDER / "vocabulary/merges.txt"))
    cases = [{"text": text, "tokens": plain.encode(text).ids} for text in [*TEXTS, *random_texts()]]
    lines = ",\n".join(json.dumps(case) for case in cases)
    (FOLDER / "bpe.json").write_text("[\n" + lines + "\n]\n")


if __name__ == "__main__":
    main()
