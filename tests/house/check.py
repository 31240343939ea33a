#!/usr/bin/env python3
"""The rules of the house that no compiler checks: tests/house/check.py [ROOT]

Prints every breach as path:line: what is wrong. Exit code 1 if there is one. The rules and their reasons are in
docs/development.md. tests/house/check_test.py breaks each of them on purpose.
"""
import re
import sys
from pathlib import Path

CODE = {".cpp", ".hpp", ".cu", ".cuh"}
TEXT = CODE | {".py", ".sh", ".cmake", ".txt", ".md", ".json", ""}
FOLDERS = ["lib", "partition", "runtime", "apps", "tests", "cmake", "scripts", "docs", "models", "configs", ".ci"]
MAX_LINES = 400
MAX_FILE_BYTES = 2_000_000

# (which files, which lines, what is wrong): `files` is matched against the path from the root.
LINE_RULES = [
    (r"lib/", r'#include "(?!lib/)\w+/', "lib knows nothing of the folders above it"),
    (r"models/", r'#include "(?!lib/|models/)\w+/', "models may include lib only"),
    (r"partition/", r'#include "(?!lib/|partition/)\w+/', "partition may include lib only"),
    (r"runtime/", r'#include "(?!lib/|runtime/)\w+/', "runtime may include lib only"),
    (r"apps/", r'#include "tests/', "programs do not include tests"),
    (r"(?!runtime/|tests/runtime/)", r"#include <(mpi\.h|oneapi/|dnnl)", "MPI and oneDNN headers belong under runtime/"),
    (r"(?!runtime/(cuda|cudnn|nccl)/|tests/(runtime|emulation)/)", r"#include <(cuda|cublas|cudnn|nccl)",
     "CUDA, cuDNN and NCCL headers belong under runtime/cuda/, cudnn/, nccl/"),
    (r"(?!partition/)", r"#include <metis", "the METIS header belongs to its one adapter under partition/"),
    (r"(?!apps/common/(command_line|run_main)\.cpp)", r"#include <CLI/",
     "apps/common/command_line.hpp has what programs use of CLI11, whose header costs seconds"),
    (r".*\.hpp$", r"#include <nlohmann/json\.hpp>", "in headers <nlohmann/json_fwd.hpp>: the whole costs seconds"),
    (r"(lib|models|partition|runtime)/", r"\bstd::(exit|quick_exit|abort|terminate)\(|\bexit\(",
     "only apps/ ends the program: throw"),
    (r"(lib|models|partition|runtime)/", r"std::(cout|cerr|clog|printf|puts)\b|\bfmt::print\(|\bprintf\(", "only apps/ prints"),
    (r"(lib|models|partition|runtime|apps)/", r"std::(shuffle|sample|random_shuffle|\w+_distribution)\b",
     "differs between standard libraries: use our own generator"),
    (r"", r"\b(TO" r"DO|FIX" r"ME|XX" r"X)\b", "do it now, or open an issue"),
    (r"", r"(?<![\w.])/(?:work|root|home)/\w", "a path of one machine"),
]
# A header of one library is wrapped in one place.
SINGLE_ADAPTERS = [(r"#include <metis", "METIS")]


def files_below(root):
    """Every file of the project's folders and its root, generated ones aside."""
    found = [path for path in root.iterdir() if path.is_file() and path.name != ".git"]
    for folder in FOLDERS:
        found += [path for path in (root / folder).rglob("*") if path.is_file() and "__pycache__" not in path.parts]
    return sorted(found)


def check_lines(name, lines):
    is_code = Path(name).suffix in CODE
    if len(lines) > MAX_LINES and Path(name).suffix not in {".json", ".txt", ".md"}:
        yield f"{name}:{len(lines)}: {len(lines)} lines, {MAX_LINES} at most: split it"
    if name.endswith(".hpp") and "#pragma once" not in lines:
        yield f"{name}:1: no #pragma once"
    for number, line in enumerate(lines, 1):
        for files, pattern, message in LINE_RULES:
            if re.match(files, name) and re.search(pattern, line) and (is_code or not pattern.startswith("#include")):
                yield f"{name}:{number}: {message}: {line.strip()[:80]}"


def check_includes_exist(root, name, lines):
    for number, line in enumerate(lines, 1):
        match = re.match(r'#include "([^"]+)"', line)
        if match and not (root / match[1]).is_file():
            yield f"{name}:{number}: no file {match[1]}: includes are paths from the root"


def check_links(path, name, lines):
    for number, line in enumerate(lines, 1):
        for target in re.findall(r"\]\(([^)#\s]+)", line):
            if not re.match(r"\w+:", target) and not (path.parent / target).exists():
                yield f"{name}:{number}: link to {target}, which does not exist"


def check_adapters(contents):
    for pattern, library in SINGLE_ADAPTERS:
        users = [name for name, lines in contents.items() if any(re.search(pattern, line) for line in lines)]
        if len(users) > 1:
            yield f"{users[1]}:1: {library} is already wrapped by {users[0]}: one adapter"


def check(root):
    """All breaches below `root`, as lines to print."""
    breaches, code = [], {}
    for path in files_below(root):
        name = path.relative_to(root).as_posix()
        if path.stat().st_size >= MAX_FILE_BYTES:
            breaches.append(f"{name}:1: {path.stat().st_size} bytes, less than {MAX_FILE_BYTES} allowed")
        if path.suffix not in TEXT or path.stat().st_size >= MAX_FILE_BYTES:
            continue
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        breaches += check_lines(name, lines)
        if path.suffix == ".md":
            breaches += check_links(path, name, lines)
        if path.suffix in CODE:
            code[name] = lines
            breaches += check_includes_exist(root, name, lines)
    return breaches + list(check_adapters(code))


def main():
    root = Path(sys.argv[1] if len(sys.argv) > 1 else Path(__file__).resolve().parents[2])
    breaches = check(root)
    print("\n".join(breaches) or f"house rules: {len(files_below(root))} files in order")
    return 1 if breaches else 0


if __name__ == "__main__":
    sys.exit(main())
