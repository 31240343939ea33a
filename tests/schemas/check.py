#!/usr/bin/env python3
"""Every JSON file the project ships is valid under the schema of its format: tests/schemas/check.py [FILE…]

A file's "format" names its schema: "mp.model/1" is docs/schemas/model.schema.json. Without arguments: all files below
models/, configs/ and tests/cut-costs/. Each schema must itself be valid, and refuse an empty object, a foreign format
and an unknown key, or it would prove nothing. Exit code 1: something is not valid. 77: no jsonschema module here.
"""
import json
import re
import sys
import warnings
from pathlib import Path

try:
    import jsonschema
except ImportError:
    print("skipped: the Python module jsonschema is not installed (python3-jsonschema)")
    sys.exit(77)

ROOT = Path(__file__).resolve().parents[2]
SCHEMAS = ROOT / "docs" / "schemas"


def load(path):
    return json.loads(path.read_text(encoding="utf-8"))


def schema_of(value):
    """The schema path that the value's format names, or None."""
    found = re.fullmatch(r"mp\.([a-z-]+)/\d+", value.get("format", "")) if isinstance(value, dict) else None
    path = SCHEMAS / f"{found[1]}.schema.json" if found else None
    return path if path and path.is_file() else None


def validator_of(schema):
    """Throws if the schema itself is not valid under the draft that it names."""
    kind = jsonschema.validators.validator_for(schema)
    kind.check_schema(schema)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # its successor is not in Debian 12's jsonschema
        return kind(schema, resolver=jsonschema.RefResolver(f"{SCHEMAS.as_uri()}/", schema))  # "$ref" by file name


def problems_of_file(path):
    value = load(path)
    schema = schema_of(value)
    if schema is None:
        return [f"{path}: its \"format\" names no schema in docs/schemas/"]
    validator = validator_of(load(schema))
    return [f"{path}: /{'/'.join(map(str, e.absolute_path))}: {e.message[:200]}" for e in validator.iter_errors(value)][:5]


def problems_of_schema(path, examples):
    """`examples`: valid files of this format, to be spoilt."""
    schema = load(path)
    validator = validator_of(schema)
    spoilt = [{}]
    for example in examples[:1]:
        spoilt += [{**example, "format": "mp.nonsense/1"}, {**example, "no_such_key": 1}]
    return [f"{path}: accepts {json.dumps(bad)[:100]}" for bad in spoilt if validator.is_valid(bad)]


def main():
    folders = [ROOT / "models", ROOT / "configs", ROOT / "tests" / "cut-costs"]
    files = [Path(name) for name in sys.argv[1:]] or sorted(f for d in folders for f in d.rglob("*.json"))
    problems = [problem for path in files for problem in problems_of_file(path)]
    for schema in sorted(SCHEMAS.glob("*.schema.json")):
        problems += problems_of_schema(schema, [v for v in map(load, files) if schema_of(v) == schema])
    print("\n".join(problems) or f"{len(files)} files valid under {len(list(SCHEMAS.glob('*.schema.json')))} schemas")
    return 1 if problems or not files else 0


if __name__ == "__main__":
    sys.exit(main())
