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

# expect_losses_of_one_device PROCESSES… -- FLAGS of the plan…: so many processes have them by NCCL, whatever the plan.
expect_losses_of_one_device() {
  local processes=() shape=(--bind batch=16 --microbatches 4)
  local flags=(--steps 3 "${mlp[@]}" --optimizer sgd --momentum 0.9 --learning-rate 0.1)  # a gradient's scale is nothing to Adam
  while [[ $1 != -- ]]; do
    processes+=("$1")
    shift
  done
  shift
  if [[ ! -f one.jsonl ]]; then
    run "$mpplan" partition "${model:-$source/models/mlp.json}" --devices 1 "${shape[@]}" -o plan.json
    run "$emulated" train plan.json "${flags[@]}" --metrics one.jsonl
    expect_code 0
  fi
  run "$mpplan" partition "${model:-$source/models/mlp.json}" "${shape[@]}" "$@" -o plan.json
  expect_code 0
  for n in "${processes[@]}"; do
    run "$emulated" launch -n "$n" train plan.json "${flags[@]}" --nccl --metrics n.jsonl
    expect_code 0
    expect_close_losses 1e-5 n.jsonl one.jsonl
  done
}

expect_nobody_left() {
  local process
  for process in /proc/[0-9]*; do
    [[ $(readlink "$process/exe") != "$emulated" || $(readlink "$process/cwd") != "$PWD" ]] || fail "left: $process"
  done
}

# The command has failed with one message, of one rank, and no process is left.
expect_one_message() {
  expect_err "$1"
  [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected"
  expect_nobody_left
}

# start COMMAND… -- FLAGS…: trains without an end in the background.
start() {
  local command=()
  while [[ $1 != -- ]]; do
    command+=("$1")
    shift
  done
  shift
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 --zero 2 -o plan.json
  rm -f run.jsonl
  "${command[@]}" train plan.json --steps 1000000 "${mlp[@]}" --nccl --metrics run.jsonl "$@" >started.out 2>started.err &
  trainer=$!
  wait_until has_steps 3
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

case_parameters_owned_in_shares_over_processes_have_the_losses_of_one_device() {
  local model=wide.json  # its largest weight has several owners
  sed 's/\b128\b/512/g' "$source/models/mlp.json" >$model
  for zero in 1 2 3; do
    expect_losses_of_one_device 2 -- --devices 4 --replicas 4 --zero $zero
    run "$emulated" train plan.json "${mlp[@]}" --nccl --dump-program
    expect_out '^U fc2.weight.update.share.0$'
  done
}

case_tensor_parallel_parts_over_processes_have_the_losses_of_one_device() {
  expect_losses_of_one_device 2 -- --devices 2 --split tensor-parallel:2
  expect_losses_of_one_device 2 4 -- --devices 4 --replicas 2 --split tensor-parallel:2
}

case_more_processes_than_gpus_share_them() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 -o plan.json
  expect_code 0
  train() { run env MP_EMULATED_GPUS="$1" "$emulated" launch -n 4 train plan.json --steps 2 "${mlp[@]}" --nccl "${@:2}"; }
  train devices=4 --metrics four.jsonl
  expect_code 0
  train 'devices=1 nccl_version=23003' --oversubscribe --metrics one.jsonl
  expect_code 0
  expect_same <(grep -o '"loss":[^,]*' four.jsonl) <(grep -o '"loss":[^,]*' one.jsonl)
  train 'devices=1 nccl_version=22809' --oversubscribe
  expect_code 5
  expect_one_message '^mprun: rank . .*NCCL on cuda:0: invalid usage .*; several ranks on one GPU need NCCL 2.30 \(here is 2.28.9\)'
}

case_checkpoints_go_on_by_nccl_under_another_number_of_processes() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 --zero 3 -o plan.json
  expect_code 0
  train=(train plan.json "${mlp[@]}" --checkpoint-dir run --checkpoint-every 2)
  run "$emulated" launch -n 4 "${train[@]}" --nccl --steps 2 --metrics run.jsonl
  expect_code 0
  run "$emulated" launch -n 3 "${train[@]}" --nccl --steps 4 --metrics run.jsonl --resume
  expect_code 0
  expect_err '^resumed from run/step-00000002.safetensors: 2 steps done$'
  run "$emulated" train plan.json "${mlp[@]}" --steps 4 --metrics whole.jsonl
  expect_code 0
  expect_close_losses 1e-5 run.jsonl whole.jsonl
}

case_eval_and_generate_over_ranks_by_nccl_have_the_answers_of_one_process() {
  run "$mpplan" generate gpt --name parrot --layers 1 --hidden 32 --heads 2 --context 8 --vocabulary 128 --batch 16 -o parrot.json
  expect_code 0
  run "$mpplan" partition parrot.json --devices 3 --algorithm linear+kl -o plan.json
  expect_code 0
  for _ in {1..160}; do printf '0123456789abcde'; done >text
  run "$emulated" launch -n 3 train plan.json --steps 3 --data text=text --backend cuda --nccl --save w.safetensors
  expect_code 0
  for command in 'eval --data text=text --json' 'generate --prompt cde01 --greedy --tokens 12'; do
    # shellcheck disable=SC2086
    set -- $command
    run "$emulated" "$1" plan.json --weights w.safetensors --backend cuda "${@:2}"
    expect_code 0
    cp "$out" alone
    for n in 2 3; do
      run "$emulated" launch -n $n "$1" plan.json --weights w.safetensors --backend cuda --nccl "${@:2}"
      expect_code 0
      expect_same alone "$out"
    done
  done
}

case_a_killed_process_ends_all_whether_nccl_hears_of_it_or_not() {
  for victim in 0 2; do
    for hears in 0 1; do
      MP_EMULATED_GPUS="devices=4 hears_of_deaths=$hears" start "$emulated" launch -n 3 --
      kill -9 "$(children "$trainer" | sed -n "$((victim + 1))p")"
      expect_end 5 "^mprun: rank $victim \\(host .*\\) ended without a word: killed, or out of memory\$"
      expect_nobody_left
    done
  done
}

case_a_stopped_process_ends_the_others() {
  export MASTER_ADDR=127.0.0.1 MASTER_PORT WORLD_SIZE=2
  MASTER_PORT=$("$python" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 --zero 2 -o plan.json
  RANK=1 "$emulated" train plan.json --steps 1000000 "${mlp[@]}" --nccl --metrics run.jsonl --rank-timeout 4 >other.out 2>&1 &
  other=$!
  RANK=0 start "$emulated" -- --rank-timeout 4
  kill -STOP $other
  expect_end 5 '^mprun: rank 1 \(host .*, devices 2-3\) has not been heard of for 4 s: '
  kill -KILL $other
  wait $other || true
  expect_nobody_left
}

case_a_device_that_hangs_is_named() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 --zero 2 -o plan.json
  run "$python" "$source/tests/cli/freeze_thread.py" 1 run.jsonl "$emulated" launch -n 2 train plan.json --steps 1000000 \
    "${mlp[@]}" --nccl --metrics run.jsonl --stall-timeout 6
  [[ $code != 77 ]] || { cat "$out"; return 0; }
  expect_code 5
  # The frozen thread may hold what the other device of its process needs, or be frozen when all have put in their work
  # and wait for the (emulated) GPUs: then nobody can tell whose does not end.
  local late='rank 1 \(host .*, devices 2-3\): device [23] is stuck: step [0-9]+'
  local all='rank [01] \(host .*\): device [0-3] is stuck: step [0-9]+: finishing the work of the step'
  expect_one_message "^mprun: ($late|$all).*; --stall-timeout says how long"
}

# on_rank RANK MACHINE PATTERN: a training under mpirun whose rank has such GPUs ends with code 5 and one message.
on_rank() {
  cat >wrapper <<'BASH'
#!/usr/bin/env bash
[[ $OMPI_COMM_WORLD_RANK != "$1" ]] || export MP_EMULATED_GPUS=$2
exec "${@:3}"
BASH
  chmod +x wrapper
  run "${mpirun[@]}" -n 2 ./wrapper "$1" "$2" "$emulated" train plan.json --steps 1000000 "${mlp[@]}" --nccl
  expect_code 5
  expect_one_message "$3"
}

case_a_transfer_that_never_ends_is_told() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 -o plan.json
  run env MP_EMULATED_GPUS='devices=4 hangs_at_transfer=60' "$emulated" launch -n 2 train plan.json --steps 1000000 "${mlp[@]}" \
    --nccl --stall-timeout 6
  expect_code 5
  expect_one_message '^mprun: rank [01] .*: device [0-3] is stuck: step [0-9]+.*; --stall-timeout says how long'
  run env MP_EMULATED_GPUS='devices=4 hangs_at_transfer=0' "$emulated" launch -n 2 train plan.json --steps 1000000 "${mlp[@]}" \
    --nccl --stall-timeout 2
  expect_code 5
  expect_one_message '^mprun: rank [01] .*: NCCL on cuda:[0-3]: not connected after 2 s .*, --stall-timeout says how long'
}

case_a_rank_with_other_gpus_or_another_nccl_is_named_under_mpirun() {
  has_mpirun || return 0
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 -o plan.json
  run "${mpirun[@]}" -n 2 "$emulated" train plan.json --steps 2 "${mlp[@]}" --nccl
  expect_code 0
  on_rank 1 devices=2 '^mprun: rank 1 .*: the plan has a device 2, .*of several ranks each has to see all GPUs of its host'
  on_rank 0 devices=0 '^mprun: rank 0 .*: no CUDA backend to train on: the NVIDIA driver finds no GPU'
  run "${mpirun[@]}" -n 2 ./wrapper 1 'devices=4 nccl_version=23003' "$emulated" train plan.json "${mlp[@]}" --nccl
  expect_code 2
  expect_one_message '^mprun: rank 1 .* has NCCL 2.30.3, but rank 0 has NCCL [0-9.]+: all ranks need the same NCCL$'
  run "${mpirun[@]}" -n 1 "$emulated" train plan.json "${mlp[@]}" --nccl : -n 1 "$emulated" train plan.json "${mlp[@]}"
  expect_code 2
  expect_one_message '^mprun: rank 1 .* has the command line .*, but rank 0 has the command line .* --nccl: all ranks need'
}

case_work_that_fails_on_one_rank_ends_all_under_mpirun() {
  has_mpirun || return 0
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 -o plan.json
  for rank in 0 1; do
    on_rank $rank 'devices=4 fails_at_work=300' "^mprun: rank $rank .*: device [0-3] \\(cuda:[0-3]\\), step .*cudaErrorIllegalAddress"
  done
  on_rank 1 'devices=4 fails_at_transfer=50' '^mprun: rank [01] .*NCCL on cuda:[0-3]: remote process exited'
}

case_mpirun_ends_all_ranks_after_the_step() {
  has_mpirun || return 0
  start "${mpirun[@]}" -n 2 "$emulated" -- --checkpoint-dir run
  kill -USR1 "$trainer"
  expect_end 130
  [[ -n $(ls run) ]] || fail "no checkpoint: $(cat started.err)"
  expect_nobody_left
}
