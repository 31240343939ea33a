# shellcheck shell=bash disable=SC2154
# mprun: slips of new users, each with a message that says what would be right, and no run that goes wrong in silence.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

digits() {
  local data=$source/models/data
  printf '%s\n' --data "images=$data/digits-images.idx3-ubyte" --data "labels=$data/digits-labels.idx1-ubyte"
}

case_numbers_of_flags_are_numbers() {
  plan simple plan.json 2
  local flag
  for flag in learning-rate weight-decay clip-norm momentum checkpoint-minutes stall-timeout rank-timeout; do
    for value in nan inf -1 1x; do
      run "$mprun" train plan.json --steps 1 "--$flag" $value
      expect_code 2
      expect_err "^mprun: --$flag: a number (of 0 or more|above 0|from [0-9.]+ to [0-9e+.]+) is expected, not $value$"
    done
  done
  for value in -1 1.5 x; do
    run "$mprun" train plan.json --steps 1 --seed $value
    expect_code 2
    expect_err "^mprun: --seed: a whole number from 0 to 2\^64 - 1 is expected, not $value$"
  done
  run "$mprun" train plan.json --steps 1 --learning-rate 1e-3 --seed 18446744073709551615 --optimizer sgd --momentum 0.5
  expect_code 0
}

case_labels_are_whole_numbers() {
  plan mlp plan.json 1
  "$python" - <<'PYTHON'
import struct
def npy(name, shape, values):
    head = f"{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    open(name, "wb").write(b"\x93NUMPY\1\0" + struct.pack("<H", len(head)) + head.encode() + struct.pack(f"<{len(values)}f", *values))
npy("x.npy", "(4, 64)", [0.5] * 256)
npy("whole.npy", "(4,)", [0, 1, 9, 3])
npy("half.npy", "(4,)", [0, 1, 2.5, 3])
PYTHON
  run "$mprun" train plan.json --steps 1 --data images=x.npy --data labels=whole.npy
  expect_code 0
  run "$mprun" train plan.json --steps 1 --data images=x.npy --data labels=half.npy
  expect_code 3
  expect_err 'half.npy: element 2: label 2.5 is no whole number'
  run "$mprun" train plan.json --steps 1 --data images=x.npy
  expect_code 3
  expect_err "input 'labels': wants labels: give a .npy or IDX file with --data labels=FILE, a table with --data csv=FILE"
  run "$mprun" train plan.json --steps 1 --data image=x.npy --data labels=whole.npy
  expect_code 3
  expect_err "has no input 'image' to fill; did you mean 'images'\?$"
}

case_a_run_that_is_resumed_in_another_way_says_so() {
  plan mlp plan.json 1
  mapfile -t data < <(digits)
  run "$mprun" train plan.json --steps 2 "${data[@]}" --checkpoint-dir new/runs/one
  expect_code 0
  again() { run "$mprun" train plan.json --steps 3 "${data[@]}" --checkpoint-dir new/runs/one --resume "$@"; }
  again --optimizer sgd
  expect_code 3
  expect_err "has '.*[.]adam[.]m', which this run's optimizer does not keep: go on with the optimizer of before, or"
  again --optimizer adamw --weight-decay 0.5
  expect_code 0
  expect_err 'made with weight_decay 0.01, this run has 0.5: it goes on with the new value, and its losses are not'
  expect_err 'made with steps 2, this run has 3: it goes on with the new value$'
  # The weights of any checkpoint, whatever optimizer goes on.
  run "$mprun" train plan.json --steps 1 "${data[@]}" --optimizer sgd --load new/runs/one/step-00000003.safetensors
  expect_code 0
  plan convnet other.json 1
  run "$mprun" train other.json --steps 5 "${data[@]}" --checkpoint-dir new/runs/one --resume
  expect_code 3
  expect_err "^(mprun: )?new/runs/one/step-00000003.safetensors: holds model 'mlp', but the plan's is 'convnet'$"
  run "$mprun" train plan.json --steps 1 "${data[@]}" --keep 2
  expect_code 2
  expect_err '^mprun: --keep needs --checkpoint-dir'
}

case_no_file_is_written_over_another() {
  plan simple plan.json 2
  cp plan.json before.json
  run "$mprun" train plan.json --steps 1 --save ./plan.json
  expect_code 2
  expect_err "writing './plan.json' would destroy 'plan.json', which is read"
  expect_same plan.json before.json
  run "$mprun" train plan.json --steps 1 --metrics out --trace out
  expect_code 2
  expect_err "^mprun: 'out' is to be written twice"
  expect_files before.json plan.json
  run "$mprun" train plan.json --steps 1 --save w.safetensors
  run "$mprun" train plan.json --steps 1 --load w.safetensors --save w.safetensors
  expect_code 0
}

case_what_is_no_number_has_no_sign() {
  plan simple plan.json 2
  run "$mprun" train plan.json --steps 20 --optimizer sgd --learning-rate 1e38
  expect_code 5
  expect_err ' is (nan|inf|-inf): training has diverged'
}

case_verify_takes_no_whole_training() {
  plan simple plan.json 2
  run "$mprun" verify plan.json --recipe "$source/configs/simple.json"
  expect_code 0
  expect_out '^3 '
  expect_no_out '^4 '
  run "$mprun" verify --help
  expect_out 'Steps: 3, or --steps, whatever a recipe says'
}

case_a_step_larger_than_the_memory_is_refused_at_once() {
  plan gpt-1m plan.json 1
  run "$mprun" train plan.json --bind batch=1000000 --steps 1 --data "text=$source/docs" --metrics run.jsonl
  expect_code 4
  expect_err "^mprun: the device of the plan needs 4.61 TB of this machine's memory, which has .* left; device 0: what takes it"
  expect_err '^more devices, --microbatches, --recompute auto or --zero 1 when planning make it smaller$'
  expect_files plan.json
}
