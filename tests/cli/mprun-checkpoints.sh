# shellcheck shell=bash disable=SC2154
# Training that is stopped, killed, or runs out of disk, and goes on.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

losses() { grep -o '"step":[0-9]*,"loss":[^,]*' "$1"; }

gpt=(--bind batch=2 --threads 1 --seed 3)

# The step of the newest checkpoint; 0: there is none.
newest_step() {
  local name
  name=$(find run -name 'step-*.safetensors' -printf '%f\n' | sort | tail -1)
  name=${name//[!0-9]/}
  echo $((10#${name:-0}))
}

has_checkpoint_after() { [[ $(newest_step) -gt $1 ]]; }

# Trains without an end in the background, with checkpoints and the flags that follow, until some steps are done and a
# checkpoint is written. Sets $trainer.
start_endless_training() {
  "$mprun" train plan.json --steps 1000000 "${gpt[@]}" --data text="$source/docs" --metrics run.jsonl \
    --checkpoint-dir run --checkpoint-every 2 "$@" >started.out 2>started.err &
  trainer=$!
  wait_until has_steps 5
  wait_until has_checkpoint_after 0
}

# The first N steps in run.jsonl are those of a training that nothing has happened to.
expect_undisturbed_losses() {
  run "$mprun" train plan.json --steps "$1" "${gpt[@]}" --data text="$source/docs" --metrics whole.jsonl
  expect_code 0
  losses whole.jsonl >a
  losses run.jsonl | head -n "$1" >b
  expect_same a b
}

case_a_run_goes_on_bit_for_bit_under_another_plan() {
  plan gpt-1m one.json 1
  plan gpt-1m three.json 3
  run "$mprun" train one.json --steps 6 "${gpt[@]}" --data text="$source/docs" --metrics whole.jsonl --save whole.safetensors
  expect_code 0
  run "$mprun" train one.json --steps 4 "${gpt[@]}" --data text="$source/docs" --metrics run.jsonl \
    --checkpoint-dir run --checkpoint-every 2
  expect_code 0
  [[ -f run/step-00000004.safetensors ]] || fail "no checkpoint of step 4"
  run "$mprun" train three.json --steps 6 "${gpt[@]}" --data text="$source/docs" --metrics run.jsonl \
    --checkpoint-dir run --checkpoint-every 2 --resume --save run.safetensors
  expect_code 0
  expect_err '^resumed from run/step-00000004.safetensors: 4 steps done$'
  expect_err 'made with steps 4, this run has 6'
  losses whole.jsonl >a
  losses run.jsonl >b
  expect_same a b
  expect_same whole.safetensors run.safetensors
}

case_a_killed_run_loses_at_most_the_steps_since_its_checkpoint() {
  plan gpt-1m plan.json 2
  start_endless_training
  kill -9 "$trainer"
  wait "$trainer" 2>/dev/null || true
  local steps
  steps=$(($(newest_step) + 3))
  run "$mprun" train plan.json --steps "$steps" "${gpt[@]}" --data text="$source/docs" --metrics run.jsonl \
    --checkpoint-dir run --checkpoint-every 2 --resume
  expect_code 0
  expect_err "^resumed from run/step-0*$((steps - 3)).safetensors: $((steps - 3)) steps done\$"
  expect_undisturbed_losses "$steps"
}

case_a_broken_checkpoint_is_passed_over() {
  plan simple plan.json 2
  run "$mprun" train plan.json --steps 20 --checkpoint-dir run --checkpoint-every 10
  expect_code 0
  truncate -s -1 run/step-00000020.safetensors
  run "$mprun" train plan.json --steps 30 --checkpoint-dir run --resume
  expect_code 0
  expect_err 'step-00000020.safetensors: .*passed over'
  expect_err '^resumed from run/step-00000010'
}

case_a_killed_training_starts_again_by_itself() {
  plan gpt-1m plan.json 2
  start_endless_training --max-restarts 2
  kill -9 "$(ps -o pid= --ppid "$trainer" | tr -d ' ')" || fail "no process trains"
  wait_until grep -q 'was killed by signal 9 .*: restart 1 of 2, from step' started.err
  local step ended=0
  step=$(sed -n 's/.*restart 1 of 2, from step //p' started.err)
  wait_until has_checkpoint_after "$step"
  kill -TERM "$trainer"
  wait "$trainer" || ended=$?
  [[ $ended == 130 ]] || fail "ended with $ended: $(cat started.err)"
  expect_undisturbed_losses "$((step + 1))"
}

case_a_full_disk_ends_the_run_and_keeps_the_checkpoints_before() {
  plan simple plan.json 2
  run bash -c 'ulimit -f 2; exec "$0" train plan.json --steps 500 --checkpoint-dir run --checkpoint-every 10' "$mprun"
  expect_code 5
  expect_err 'a checkpoint could not be written: run/step-00000010.safetensors: .*File too large'
  [[ -z $(ls run) ]] || fail "something is left: $(ls run)"
  # A log on the same disk: nothing can be told, but the program ends, it does not crash.
  run bash -c 'ulimit -f 0; exec "$0" train plan.json --steps 5 --checkpoint-dir more' "$mprun"
  expect_code 5
}

case_wrong_uses_of_checkpoints_are_told() {
  plan simple plan.json 2
  run "$mprun" train plan.json --resume
  expect_code 2
  expect_err '--resume needs --checkpoint-dir'
  run "$mprun" train plan.json --checkpoint-dir plan.json/run --checkpoint-every 5
  expect_code 5
  expect_err 'plan.json/run: cannot make the folder of the checkpoints'
  run "$mprun" train plan.json --checkpoint-dir run --max-restarts 3
  expect_code 2
  expect_err '--max-restarts needs --checkpoint-every'
  run "$mprun" train plan.json --steps 5 --checkpoint-dir run --checkpoint-every 5
  expect_code 0
  run "$mprun" train plan.json --steps 5 --checkpoint-dir run --checkpoint-every 5
  expect_code 2
  expect_err 'run holds checkpoints up to step 5: go on from them with --resume'
  run "$mprun" train plan.json --steps 5 --checkpoint-dir run --resume
  expect_code 0
  expect_err '^all 5 steps are done'
}
