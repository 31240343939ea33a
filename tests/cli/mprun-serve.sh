# shellcheck shell=bash disable=SC2154
# mprun generate and mprun eval over several processes: the answers of one, and what becomes of them when something fails.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"
# shellcheck source=tests/cli/ranks.bash
source "$source/tests/cli/ranks.bash"

# A GPT over three devices that has learnt next to nothing: plan.json, w.safetensors.
small_gpt() {
  run "$mpplan" generate gpt --name small --layers 2 --hidden 32 --heads 2 --context 16 --vocabulary 256 --batch 4 -o small.json
  expect_code 0
  run "$mpplan" partition small.json --devices 3 --algorithm linear+kl -o plan.json
  expect_code 0
  run "$mprun" train plan.json --steps 1 --threads 1 --data "text=$source/docs/many-hosts.md" --save w.safetensors
  expect_code 0
}

generate=(generate plan.json --weights w.safetensors --threads 1)

case_text_over_ranks_is_that_of_one_process() {
  small_gpt
  for cache in "" --no-cache; do
    # Longer than the context: it slides through it, too.
    words=("${generate[@]}" --prompt 'abc' --tokens 30 --seed 3 --samples 2 ${cache:+$cache})
    run "$mprun" "${words[@]}"
    expect_code 0
    cp "$out" one
    for ranks in 2 3; do
      run "$mprun" launch -n $ranks "${words[@]}"
      expect_code 0
      expect_same one "$out"
      [[ $(cat "$err") == "small: vocabulary of 256, context of 16, seed 3" ]] || fail "told by one rank alone: $(cat "$err")"
    done
  done
  has_mpirun || return 0
  run "${mpirun[@]}" -n 2 "$mprun" "${words[@]}"
  expect_code 0
  expect_same one "$out"
}

case_slurm_without_pmix_generates_over_ranks() {
  small_gpt
  words=("${generate[@]}" --tokens 8)
  run "$mprun" "${words[@]}"
  cp "$out" one
  export SLURM_STEP_NUM_TASKS=2 SLURM_STEP_ID=0 SLURM_STEP_NODELIST=localhost
  MASTER_PORT=$("$python" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])')
  export MASTER_PORT
  SLURM_PROCID=1 "$mprun" "${words[@]}" >other.out 2>other.err &
  run env SLURM_PROCID=0 "$mprun" "${words[@]}"
  expect_code 0
  expect_same one "$out"
  wait $! || fail "rank 1 failed: $(cat other.err)"
  [[ ! -s other.out && ! -s other.err ]] || fail "rank 1 speaks: $(cat other.out other.err)"
}

case_wrong_uses_over_ranks_are_told_once() {
  small_gpt
  run "$mprun" launch -n 2 "${generate[@]}" --prompt ''
  expect_code 2
  [[ $(cat "$err") == "mprun: --prompt is empty: there is nothing to go on from" ]] || fail "$(cat "$err")"
  run "$mprun" launch -n 2 generate plan.json --weights nowhere.safetensors
  expect_code 3
  [[ $(grep -c . "$err") == 1 ]] || fail "one message expected: $(cat "$err")"
  expect_err '^mprun: rank 0 .*nowhere.safetensors'
  run "$mprun" launch -n 2 "${generate[@]}" --vocabulary nowhere
  expect_code 3
  [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected: $(cat "$err")"
  run "$mprun" launch -n 2 "${generate[@]}" --tokens few
  expect_code 2
  [[ $(grep -c . "$err") == 2 ]] || fail "told by one rank alone: $(cat "$err")"  # with the line on --help
  run "$mprun" launch -n 2 generate --help
  expect_code 0
  [[ $(grep -c '^Usage:' "$out") == 1 ]] || fail "told by one rank alone"
  run "$mprun" launch -n 4 "${generate[@]}"
  expect_code 2
  expect_err '4 ranks for a plan of 3 devices'
}

is_writing() { [[ -s started.out ]]; }

case_a_killed_rank_ends_the_text_with_one_message() {
  small_gpt
  "$mprun" launch -n 3 "${generate[@]}" --tokens 1000000000 >started.out 2>started.err &
  trainer=$!
  wait_until is_writing
  kill -9 "$(children "$trainer" | sed -n 2p)"
  expect_end 5 '^mprun: rank 1 \(host .*, device 1\) ended without a word: killed, or out of memory$'
}

case_a_reader_that_leaves_ends_the_text_and_a_full_disk_is_told() {
  small_gpt
  for launch in "" "launch -n 2"; do
    # shellcheck disable=SC2086
    run bash -c '"$@" | head -c 20; exit "${PIPESTATUS[0]}"' _ "$mprun" $launch "${generate[@]}" --tokens 1000000000
    expect_code 0
    expect_no_err '^mprun: '
    # shellcheck disable=SC2086
    run bash -c '"$@" >/dev/full' _ "$mprun" $launch "${generate[@]}" --tokens 1000000000
    expect_code 5
    expect_err '^mprun: .*cannot write to standard output: No space left on device$'
    [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected: $(cat "$err")"
  done
}

# press_ctrl_c IS_AT_WORK COMMAND…: as a terminal does, when it is at work; sets $ended.
press_ctrl_c() {
  setsid "${@:2}" >started.out 2>started.err &
  trainer=$!
  wait_until "$1"
  kill -INT -- "-$trainer"
  ended=0
  wait "$trainer" || ended=$?
  [[ $ended == 130 ]] || fail "ended with $ended: $(cat started.err)"
  [[ $(grep -c '^mprun: ' started.err) == 0 ]] || fail "$(cat started.err)"
}

is_scoring() { grep -q '^step 1/' started.err; }

case_one_ctrl_c_ends_a_score_and_a_text() {
  small_gpt
  head -c 8000000 /dev/zero >text
  for launch in "" "launch -n 2"; do
    # shellcheck disable=SC2086
    press_ctrl_c is_scoring "$mprun" $launch eval plan.json --weights w.safetensors --threads 1 --data text=text --bind batch=1
    [[ ! -s started.out ]] || fail "half a score: $(cat started.out)"
    grep -qE '^interrupted after [0-9]+ of 499999 steps: no score$' started.err || fail "$(cat started.err)"
    # shellcheck disable=SC2086
    press_ctrl_c is_writing "$mprun" $launch "${generate[@]}" --tokens 1000000000
  done
}

# frozen RANK FILE COMMAND…: with a device's thread of that rank stopped for good when FILE has some lines.
frozen() {
  run "$python" "$source/tests/cli/freeze_thread.py" "$@"
  [[ $code != 77 ]] || { cat "$out"; return 1; }
  expect_code 5
}

stuck='device [0-2] is stuck: step [0-9]+(, microbatch [0-9]+)?: .* \(nothing has got done for [0-9]+ s; --stall-timeout says how long to wait\)$'

case_a_device_that_hangs_ends_the_text() {
  small_gpt
  many=("${generate[@]}" --tokens 2 --samples 1000000000 --stall-timeout 4)
  frozen 0 "$out" "$mprun" "${many[@]}" || return 0
  expect_err "^mprun: $stuck"
  frozen 1 "$out" "$mprun" launch -n 2 "${many[@]}"
  expect_err "^mprun: rank 1 \(host .*, device 2\): $stuck"
  [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected: $(cat "$err")"
}

case_a_device_that_hangs_ends_the_score() {
  small_gpt
  head -c 8000000 /dev/zero >text
  printf '\n\n\n' >told  # with the data and the first step, the lines that are waited for
  # shellcheck disable=SC2016
  frozen 0 told bash -c 'exec "$@" 2>>told' _ "$mprun" eval plan.json --weights w.safetensors --threads 1 \
    --data text=text --bind batch=1 --stall-timeout 4 || return 0
  grep -qE "^mprun: $stuck" told || fail "$(cat told)"
  expect_silent
}
