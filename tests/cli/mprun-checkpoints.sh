# shellcheck shell=bash disable=SC2154
# Training that is stopped, killed, or runs out of disk, and goes on.

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

losses() { grep -o '"step":[0-9]*,"loss":[^,]*' "$1"; }

gpt=(--bind batch=2 --threads 1 --seed 3)

# Starts a training in the background; waits until its metrics have N lines. Sets $trainer.
start_until() {
  local lines=$1 metrics=$2
  shift 2
  "$@" >started.out 2>started.err &
  trainer=$!
  for ((i = 0; i < 600; ++i)); do
    [[ ! -f $metrics || $(wc -l <"$metrics") -lt $lines ]] || return 0
    kill -0 "$trainer" 2>/dev/null || break
    sleep 0.1
  done
  cat started.err
  fail "the training did not come to step $lines"
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
  local flags=(plan.json --steps 9 "${gpt[@]}" --data text="$source/docs")
  run "$mprun" train "${flags[@]}" --metrics whole.jsonl
  expect_code 0
  start_until 5 run.jsonl "$mprun" train "${flags[@]}" --metrics run.jsonl --checkpoint-dir run --checkpoint-every 2
  kill -9 "$trainer"
  wait "$trainer" 2>/dev/null || true
  run "$mprun" train "${flags[@]}" --metrics run.jsonl --checkpoint-dir run --checkpoint-every 2 --resume
  expect_code 0
  expect_err '^resumed from .*: [2468] steps done$'
  losses whole.jsonl >a
  losses run.jsonl >b
  expect_same a b
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
  local flags=(plan.json --steps 9 "${gpt[@]}" --data text="$source/docs")
  start_until 4 run.jsonl "$mprun" train "${flags[@]}" --metrics run.jsonl --checkpoint-dir run --checkpoint-every 2 \
    --max-restarts 2
  kill -9 "$(ps -o pid= --ppid "$trainer" | tr -d ' ')" || fail "no process trains"
  local ended=0
  wait "$trainer" || ended=$?
  [[ $ended == 0 ]] || fail "ended with $ended: $(cat started.err)"
  grep -q 'was killed by signal 9 .*: restart 1 of 2, from step' started.err || fail "no word of a restart"
  run "$mprun" train "${flags[@]}" --metrics whole.jsonl
  losses whole.jsonl >a
  losses run.jsonl >b
  expect_same a b
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
  run "$mprun" train plan.json --checkpoint-dir no/such/parent --checkpoint-every 5
  expect_code 5
  expect_err 'no/such/parent'
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
