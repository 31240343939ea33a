# shellcheck shell=bash disable=SC2154
# Ctrl-C as a terminal sends it: to the program, and to all that it has started, at once.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

flags=(--steps 1000000 --bind batch=1 --threads 1 --data "text=$source/docs" --metrics run.jsonl --save w.safetensors)

# press_ctrl_c COMMAND…: when it has trained for some steps; sets $ended.
press_ctrl_c() {
  setsid "$@" >started.out 2>started.err &
  trainer=$!
  wait_until has_steps 3
  kill -INT -- "-$trainer"
  ended=0
  wait "$trainer" || ended=$?
}

expect_a_good_end() {
  [[ $ended == 130 ]] || fail "ended with $ended: $(cat started.err)"
  [[ -f w.safetensors ]] || fail "nothing was saved"
  [[ $(grep -c '^mprun: ' started.err) == 0 ]] || fail "$(cat started.err)"
  tail -1 run.jsonl >last.json
  expect_json last.json 'd["summary"]["steps"] >= 3'
}

case_one_ctrl_c_ends_a_process_alone_after_the_step() {
  plan gpt-1m plan.json 2
  press_ctrl_c "$mprun" train plan.json "${flags[@]}"
  expect_a_good_end
}

case_one_ctrl_c_ends_all_ranks_after_the_step() {
  plan gpt-1m plan.json 2
  press_ctrl_c "$mprun" launch -n 2 train plan.json "${flags[@]}"
  expect_a_good_end
}

case_one_ctrl_c_ends_a_watched_process_after_the_step() {
  plan gpt-1m plan.json 2
  press_ctrl_c "$mprun" train plan.json "${flags[@]}" --checkpoint-dir run --checkpoint-every 1000 --max-restarts 1
  expect_a_good_end
  [[ -n $(ls run) ]] || fail "no checkpoint"
}
