# shellcheck shell=bash disable=SC2154
# mprun with NCCL: what can be seen of it without a GPU.

# A plan of two replicas of the whole model.
plan_of_replicas() {
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices 2 --bind batch=4 -o plan.json
  expect_code 0
  python3 - <<'PY'
import json
plan = json.load(open("plan.json"))
plan["assignment"] = {name: 0 for name in plan["assignment"]}
plan["replicas"] = [[0, 1]]
plan["microbatches"] = 2
json.dump(plan, open("plan.json", "w"))
PY
}

case_nccl_needs_gpus() {
  run "$mprun" train no-plan.json --nccl
  expect_code 2
  expect_err '--nccl is for GPUs: it needs --backend cuda'
}

# Fails, with the message looked at, where this build has no NCCL.
dump_with_nccl() {
  run "$mprun" train plan.json --backend cuda --nccl --dump-program
  if [[ $code -eq 5 ]]; then
    expect_err 'this build is without NCCL: install'
    return 1
  fi
  expect_code 0
}

case_replicas_sum_by_collectives_of_nccl_alone() {
  plan_of_replicas
  run "$mprun" train plan.json --dump-program
  expect_code 0
  expect_out '^ADD '
  expect_no_out 'all-reduce'
  dump_with_nccl || return 0
  expect_out '^START all-reduce '
  expect_out '^FINISH all-reduce '
  expect_no_out '^ADD '
}

case_zero_exchanges_by_collectives_of_nccl_alone() {
  plan_of_replicas
  sed -i 's/"replicas"/"zero": 3, "replicas"/' plan.json
  run "$mprun" train plan.json --dump-program
  expect_code 0
  expect_out '^SEND '
  expect_no_out '^START '
  dump_with_nccl || return 0
  expect_out '^START reduce(-scatter)? '
  expect_out '^START all-gather '
  expect_no_out '^SEND '
}

case_nccl_without_a_gpu_says_what_is_missing() {
  "$mprun" devices | grep -q 'cuda:' && return  # it is not missing
  plan_of_replicas
  run "$mprun" train plan.json --backend cuda --nccl --steps 1
  expect_code 5
  expect_err 'no CUDA backend to train on: .*; use --backend cpu|this build is without NCCL'
  run "$mprun" launch -n 2 train plan.json --backend cuda --nccl --steps 1
  expect_code 5
  expect_err 'no CUDA backend to train on: .*; use --backend cpu|this build is without NCCL'
}
