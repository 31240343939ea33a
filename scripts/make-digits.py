#!/usr/bin/env python3
"""Makes models/data/digits-*.ubyte (IDX files) from the copy of the UCI digits that scikit-learn ships.

usage: make-digits.py [FOLDER]     (needs scikit-learn; FOLDER defaults to models/data)

Pixels of the source are 0 … 16; IDX bytes are usually 0 … 255, so they are scaled by 255/16 and rounded.
"""
import struct
import sys
from pathlib import Path

from sklearn.datasets import load_digits


def write_idx(path, array):
    header = struct.pack(">BBBB", 0, 0, 0x08, array.ndim) + struct.pack(f">{array.ndim}I", *array.shape)
    path.write_bytes(header + array.astype("uint8").tobytes())


def main():
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent.parent / "models" / "data"
    digits = load_digits()
    write_idx(folder / "digits-images.idx3-ubyte", (digits.images * 255 / 16 + 0.5).astype("uint8"))
    write_idx(folder / "digits-labels.idx1-ubyte", digits.target)


if __name__ == "__main__":
    main()
