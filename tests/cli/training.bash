# shellcheck shell=bash disable=SC2154
# What the cases that train have in common; sourced by them.

# plan MODEL FILE DEVICES: contiguous stretches of nodes; pinned nodes where their pins are.
plan() {
  "$python" - "$source/models/$1.json" "$2" "$3" <<'PYTHON'
import json, sys
path, out, devices = sys.argv[1], sys.argv[2], int(sys.argv[3])
with open(path) as file: nodes = json.load(file)["nodes"]
assignment = {n["name"]: n.get("device", i * devices // len(nodes)) for i, n in enumerate(nodes)}
with open(out, "w") as file:
    json.dump({"format": "mp.plan/1", "model": {"path": path}, "devices": devices, "assignment": assignment}, file)
PYTHON
}

# Waits until the command that follows succeeds: as long as the training in the background ($trainer) runs, so that no
# speed of a machine or of a disk is taken for granted.
wait_until() {
  until "$@"; do
    kill -0 "$trainer" 2>/dev/null || fail "the training has ended, but not: $*: $(cat started.err)"
    sleep 0.05
  done
}

has_steps() { [[ -f run.jsonl && $(wc -l <run.jsonl) -ge $1 ]]; }

# expect_close_losses BOUND A B: the losses of run A are those of run B, apart by no more than so much of them.
expect_close_losses() {
  "$python" - "$@" <<'PYTHON' || fail "losses of $2 and $3"
import json, sys
bound = float(sys.argv[1])
a, b = ([json.loads(line)["loss"] for line in open(path) if "summary" not in line] for path in sys.argv[2:])
worst = max(abs(x - y) / abs(y) for x, y in zip(a, b))
if len(a) != len(b) or worst > bound: sys.exit(f"{a} and {b}: {worst} apart")
PYTHON
}
