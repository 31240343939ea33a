# shellcheck shell=bash disable=SC2154
# NCCL between processes, on emulated GPUs: the numbers of one device, and what becomes of all ranks when one fails.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"
# shellcheck source=tests/cli/ranks.bash
source "$source/tests/cli/ranks.bash"

emulated=$bin/mprun-emulated
digits=$source/models/data/digits
mlp=(--seed 3 --data "images=$digits-images.idx3-ubyte" --data "labels=$digits-labels.idx1-ubyte" --backend cuda)
export MP_EMULATED_GPUS='devices=4'

# The losses of run A are those of run B, within float32's rounding.
expect_close_losses() {
  "$python" - "$@" <<'PYTHON' || fail "losses of $1 and $2"
import json, sys
a, b = ([json.loads(line)["loss"] for line in open(path) if "summary" not in line] for path in sys.argv[1:])
worst = max(abs(x - y) / abs(y) for x, y in zip(a, b))
if len(a) != len(b) or worst > 1e-5: sys.exit(f"{a} and {b}: {worst} apart")
PYTHON
}

# expect_losses_of_one_device PROCESSES… -- FLAGS of the plan…: so many processes have them by NCCL, whatever the plan.
expect_losses_of_one_device() {
  local processes=() shape=(--bind batch=16 --microbatches 4)
  while [[ $1 != -- ]]; do
    processes+=("$1")
    shift
  done
  shift
  if [[ ! -f one.jsonl ]]; then
    run "$mpplan" partition "$source/models/mlp.json" --devices 1 "${shape[@]}" -o plan.json
    run "$emulated" train plan.json --steps 3 "${mlp[@]}" --metrics one.jsonl
    expect_code 0
  fi
  run "$mpplan" partition "$source/models/mlp.json" "${shape[@]}" "$@" -o plan.json
  expect_code 0
  for n in "${processes[@]}"; do
    run "$emulated" launch -n "$n" train plan.json --steps 3 "${mlp[@]}" --nccl --metrics n.jsonl
    expect_code 0
    expect_close_losses n.jsonl one.jsonl
  done
}

case_cuts_and_replicas_over_processes_have_the_losses_of_one_device() {
  expect_losses_of_one_device 2 3 4 -- --devices 4
  expect_losses_of_one_device 2 4 -- --devices 4 --replicas 4
  expect_losses_of_one_device 3 4 -- --devices 4 --replicas 2
}

case_zero_over_processes_has_the_losses_of_one_device() {
  for zero in 1 2 3; do
    expect_losses_of_one_device 2 4 -- --devices 4 --replicas 4 --zero $zero
    expect_losses_of_one_device 2 4 -- --devices 4 --replicas 2 --zero $zero
  done
}

case_tensor_parallel_parts_over_processes_have_the_losses_of_one_device() {
  expect_losses_of_one_device 2 -- --devices 2 --split tensor-parallel:2
  expect_losses_of_one_device 2 4 -- --devices 4 --replicas 2 --split tensor-parallel:2
}
