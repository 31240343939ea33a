#!/usr/bin/env python3
"""Whether runs of mprun have the same losses, step by step: losses.py --within SHARE FIRST.jsonl OTHER.jsonl…"""
import argparse
import json
import sys


def losses(path):
    with open(path) as lines:
        steps = [json.loads(line) for line in lines]
    return [step["loss"] for step in steps if "summary" not in step]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--within", type=float, required=True, help="largest relative difference; 0: the same bits")
    parser.add_argument("runs", nargs="+")
    arguments = parser.parse_args()
    first, *others = [losses(path) for path in arguments.runs]
    if not first or any(len(run) != len(first) for run in others):
        sys.exit(f"{[len(first), *map(len, others)]} losses of {arguments.runs}")
    worst = max(abs(a - b) / abs(a) for run in others for a, b in zip(first, run))
    print(f"largest relative difference of {len(first)} losses of {len(arguments.runs)} runs: {worst:.2e}")
    sys.exit(not worst <= arguments.within)


if __name__ == "__main__":
    main()
