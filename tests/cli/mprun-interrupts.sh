# shellcheck shell=bash disable=SC2154
# Ctrl-C as a terminal sends it, to the program and to all that it has started at once; and the signals of launchers.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"
# shellcheck source=tests/cli/ranks.bash
source "$source/tests/cli/ranks.bash"

flags=(--steps 1000000 --bind batch=1 --threads 1 --data "text=$source/docs" --metrics run.jsonl --save w.safetensors)

# press_ctrl_c COMMAND…: when it has trained for some steps; sets $ended. $signal: another one than SIGINT.
press_ctrl_c() {
  setsid "$@" >started.out 2>started.err &
  trainer=$!
  wait_until has_steps 3
  kill -"${signal:-INT}" -- "-$trainer"
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
  is_told '^Ctrl-C: the training ends after this step \(once more: at once\); (there is no checkpoint|kept) until then'
  is_told '^stopped after step [0-9]+, kept in run/step-[0-9]+.safetensors: --resume goes on from there$'
}

is_told() { [[ $(grep -cE -e "$1" started.err) == 1 ]] || fail "not told once: $1: $(cat started.err)"; }

case_a_launcher_that_ends_the_run_is_heeded_as_often_as_it_asks() {
  plan gpt-1m plan.json 2
  for signal in TERM USR1; do
    rm -f run.jsonl
    press_ctrl_c "$mprun" train plan.json "${flags[@]}"
    expect_a_good_end
    is_told "^SIG$signal: the training ends after this step; no checkpoint is kept without --checkpoint-dir\$"
    is_told '^stopped after step [0-9]+; no checkpoint is kept without --checkpoint-dir$'
  done
}

case_what_is_kept_is_told_before_the_step_has_ended() {
  plan gpt-1m plan.json 2
  setsid "$mprun" launch -n 2 train plan.json "${flags[@]}" --checkpoint-dir run --checkpoint-every 2 --keep 1000000 \
    --rank-timeout 10000 >started.out 2>started.err &
  trainer=$!
  wait_until has_steps 5
  mapfile -t ranks < <(children "$trainer")
  kill -STOP "${ranks[1]}"  # a step that never ends
  kill -TERM "$trainer"
  wait_until grep -q '^SIGTERM: ' started.err
  kill -KILL "$trainer" "${ranks[@]}"  # as a launcher does in the end
  wait "$trainer" || true
  told=$(sed -nE 's/^SIGTERM: the training ends after this step; kept until then: the checkpoint of step ([0-9]+)$/\1/p' started.err)
  [[ -n $told ]] || is_told 'there is no checkpoint until then$'
  [[ -z $told ]] || expect_whole "$told"
}

# The checkpoint of that step is there, and good to go on from.
expect_whole() {
  local name
  printf -v name 'step-%08d.safetensors' "$1"
  [[ -f run/$name ]] || fail "no $name: $(ls run)"
  mkdir told
  cp "run/$name" told
  find . -name '*.tmp*' -delete  # of what was killed while it wrote
  run "$mprun" train plan.json --steps "$(($1 + 1))" --bind batch=1 --threads 1 --data "text=$source/docs" \
    --checkpoint-dir told --resume
  expect_code 0
  expect_err "^resumed from told/$name: $1 steps done\$"
}

case_usr1_to_mpirun_ends_all_ranks_after_the_step() {
  has_mpirun || return 0
  plan gpt-1m plan.json 2
  signal=USR1 press_ctrl_c "${mpirun[@]}" -n 2 "$mprun" train plan.json "${flags[@]}" --checkpoint-dir run
  expect_a_good_end
  expect_whole "$(sed -nE 's/^stopped after step ([0-9]+), kept in .*/\1/p' started.err)"
}

# mpirun kills its ranks two seconds later: whether the step and its checkpoint are done by then is the machine's affair;
# what is told must be true. A mpirun that ends may keep to itself what its ranks have said last.
case_ctrl_c_under_mpirun_keeps_what_it_says() {
  has_mpirun || return 0
  plan gpt-1m plan.json 2
  press_ctrl_c "${mpirun[@]}" -n 2 "$mprun" train plan.json "${flags[@]}" --checkpoint-dir run --checkpoint-every 2 \
    --keep 1000000
  step=$(sed -nE 's/^stopped after step ([0-9]+), kept in .*/\1/p' started.err)
  if [[ -z $step ]]; then
    step=$(sed -nE 's/.*ends after this step; kept until then: the checkpoint of step ([0-9]+)$/\1/p' started.err)
  fi
  [[ -z $step ]] || expect_whole "$step"
  [[ -n $step ]] || ! grep -q 'stopped after\|kept until then' started.err || fail "no step told: $(cat started.err)"
}
