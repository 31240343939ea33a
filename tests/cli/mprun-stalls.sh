# shellcheck shell=bash disable=SC2154
# Runs that do not go on although all their processes live.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

flags=(--steps 1000000 --bind batch=1 --threads 1 --seed 3 --data "text=$source/docs"
  --metrics run.jsonl --stall-timeout 2)

# frozen RANK COMMAND…: runs it with a device's thread of that rank stopped for good after some steps.
frozen() {
  run "$python" "$source/tests/cli/freeze_thread.py" "$1" run.jsonl "${@:2}"
  [[ $code != 77 ]] || { cat "$out"; return 1; }
}

expect_one_message() {
  expect_code 5
  expect_err "$1"
  [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected"
}

why='is stuck: step [0-9]+(, microbatch [0-9]+)?: .* \(nothing has got done for [0-9]+ s; --stall-timeout says how long to wait\)$'

case_a_device_that_hangs_in_a_process_alone_is_named() {
  plan gpt-1m plan.json 2
  frozen 0 "$mprun" train plan.json "${flags[@]}" || return 0
  expect_one_message "^mprun: device [01] $why"
}

case_a_device_that_hangs_on_one_rank_ends_all() {
  plan gpt-1m plan.json 3
  for rank in 0 2; do
    rm -f run.jsonl
    frozen $rank "$mprun" launch -n 3 train plan.json "${flags[@]}" || return 0
    expect_one_message "^mprun: rank $rank \(host .*, device $rank\): device $rank $why"
  done
}

case_a_device_that_hangs_is_started_again_from_the_checkpoint() {
  plan gpt-1m plan.json 2
  frozen 1/2 "$mprun" launch -n 2 train plan.json "${flags[@]}" --checkpoint-dir run --checkpoint-every 2 \
    --max-restarts 1 || return 0
  expect_code 5
  # Stopped in a step, or before the copy for a checkpoint.
  expect_err '^mprun: rank 1 \(host .*, device 1\)(: device 1 is stuck: step [0-9]+| is stuck between two steps)'
  expect_err '^mprun: the training failed: restart 1 of 1, from step [0-9]+$'
  expect_err '^mprun: the training failed after 1 restart; the newest checkpoint is that of step [0-9]+$'
}

case_the_time_to_wait_is_checked() {
  plan simple plan.json 2
  for wrong in -1 soon nan; do
    run "$mprun" train plan.json --stall-timeout $wrong
    expect_code 2
    expect_err 'stall-timeout'
  done
  run "$mprun" train plan.json --steps 2 --stall-timeout 0
  expect_code 0
}
