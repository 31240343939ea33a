#!/usr/bin/env python3
"""Breaks every rule of check.py on purpose, and sees it found."""
import tempfile
import unittest
from pathlib import Path

from check import check


class HouseRules(unittest.TestCase):
    def breaches(self, **files):
        """Checks a tree of the given files."""
        with tempfile.TemporaryDirectory() as folder:
            for name, text in files.items():
                path = Path(folder) / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text)
            return check(Path(folder))

    def expect(self, message, **files):
        found = self.breaches(**files)
        self.assertEqual(len(found), 1, found)
        self.assertIn(message, found[0])

    def test_good_code_has_no_breach(self):
        self.assertEqual(self.breaches(**{
            "lib/a.hpp": "#pragma once\n",
            "partition/b.cpp": '#include <metis.h>\n#include "lib/a.hpp"\n',
            "runtime/cuda/c.cu": '#include <cuda_runtime.h>\n#include "lib/a.hpp"\n',
            "runtime/cpu/d.cpp": "#include <oneapi/dnnl/dnnl.hpp>\n",
            "apps/common/run_main.cpp": "#include <CLI/CLI.hpp>\n",
            "apps/mpplan/e.cpp": "int main() { std::exit(0); }\n",
            "docs/f.md": "`#include <metis.h>` in text\n" * 500,
        }), [])

    def test_dependencies_run_one_way(self):
        above = {"runtime/a.hpp": "#pragma once\n", "partition/a.hpp": "#pragma once\n"}
        self.expect("lib knows nothing", **above, **{"lib/b.cpp": '#include "runtime/a.hpp"\n'})
        self.expect("partition may include", **above, **{"partition/b.cpp": '#include "runtime/a.hpp"\n'})
        self.expect("models may include", **above, **{"models/b.cpp": '#include "partition/a.hpp"\n'})
        self.expect("runtime may include", **above, **{"runtime/b.cpp": '#include "partition/a.hpp"\n'})
        self.expect("do not include tests", **{"apps/a.cpp": '#include "tests/a.hpp"\n', "tests/a.hpp": "#pragma once\n"})
        self.expect("no file", **{"lib/b.cpp": '#include "a.hpp"\n', "lib/a.hpp": "#pragma once\n"})

    def test_libraries_stay_in_their_place(self):
        self.expect("belong under runtime/cuda/", **{"runtime/a.cpp": "#include <nccl.h>\n"})
        self.expect("belong under runtime/", **{"lib/a.cpp": "#include <mpi.h>\n"})
        self.expect("belong under runtime/", **{"apps/a.cpp": "#include <oneapi/dnnl/dnnl.hpp>\n"})
        self.expect("under partition/", **{"lib/a.cpp": "#include <metis.h>\n"})
        self.expect("one adapter", **{f"partition/{name}.cpp": "#include <metis.h>\n" for name in "ab"})
        for path in "lib/a.cpp", "apps/mprun/a.cpp":
            self.expect("of CLI11", **{path: "#include <CLI/CLI.hpp>\n"})
        self.expect("json_fwd", **{"lib/a.hpp": "#pragma once\n#include <nlohmann/json.hpp>\n"})

    def test_only_programs_end_and_print(self):
        self.expect("ends the program", **{"runtime/a.cpp": "std::exit(1);\n"})
        self.expect("only apps/ prints", **{"lib/a.cpp": 'fmt::print("a");\n'})
        self.expect("own generator", **{"partition/a.cpp": "std::shuffle(a, b, c);\n"})

    def test_size_and_marks(self):
        self.expect("400 at most", **{"lib/a.cpp": "\n" * 401})
        self.expect("2000000 allowed", **{"models/a.bin": "x" * 2_000_000})
        self.expect("no #pragma once", **{"lib/a.hpp": "int a;\n"})
        self.expect("do it now", **{"lib/a.cpp": "// TO" "DO\n"})
        self.expect("does not exist", **{"docs/a.md": "[b](b.md) [c](https://c.example) [a](../docs/a.md)\n"})
        self.expect("path of one machine", **{"scripts/a": "cd /ho" "me/someone\n"})


if __name__ == "__main__":
    unittest.main()
