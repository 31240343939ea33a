# shellcheck shell=bash disable=SC2154
# File systems that are really full: what was good stays good, and the message says what could not be written.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

# on_disk KIB COMMAND…: runs a bash command with a file system of so many KiB at ./disk, which it alone sees. What is in
# ./kept stays. Fails, and says so, where no user may make one.
on_disk() {
  mkdir -p disk kept
  if ! unshare -rm mount -t tmpfs -o size=64k none disk 2>/dev/null; then
    echo "SKIPPED: nobody may mount a file system here (user namespaces are off)"
    return 1
  fi
  # shellcheck disable=SC2016  # for the shell inside
  run unshare -rm bash -c 'mount -t tmpfs -o size="$1k" none disk || exit 77; eval "$2"; code=$?
    find disk -name "*.tmp*" >kept/left; cp -r disk/. kept; exit $code' _ "$1" "$2"
  [[ $code != 77 && ! -s kept/left ]] || fail "no disk, or a temporary file is left on it: $(cat kept/left)"
}

export mprun mpplan
gpt=(--bind batch=1 --threads 1 --seed 3 --data "text=$source/docs")

case_a_full_disk_keeps_the_checkpoint_before_and_the_run_goes_on_from_it() {
  plan gpt-1m plan.json 2
  # A checkpoint has 10.1 MB: there is room for one.
  on_disk 16000 "$mprun train plan.json --steps 100000 ${gpt[*]} --checkpoint-dir disk --checkpoint-every 3" || return 0
  expect_code 5
  expect_err '^mprun: a checkpoint could not be written: disk/step-0*([4-9]|[1-9][0-9]+)\.safetensors: cannot write: No space left on device$'
  [[ -f kept/step-00000003.safetensors ]] || fail "the checkpoint before is gone: $(ls kept)"
  run "$mprun" train plan.json --steps 5 "${gpt[@]}" --checkpoint-dir kept --resume --metrics run.jsonl
  expect_code 0
  expect_err '^resumed from kept/step-00000003.safetensors: 3 steps done$'
  run "$mprun" train plan.json --steps 5 "${gpt[@]}" --metrics whole.jsonl
  [[ $(grep -o '"step":5,"loss":[^,]*' run.jsonl) == $(grep -o '"step":5,"loss":[^,]*' whole.jsonl) ]] || fail "other losses"
}

case_a_full_disk_of_rank_0_ends_all_ranks() {
  plan gpt-1m plan.json 2
  on_disk 16000 "$mprun launch -n 2 train plan.json --steps 100000 ${gpt[*]} --checkpoint-dir disk --checkpoint-every 3" || return 0
  expect_code 5
  expect_err '^mprun: rank 0 \(host .*, device 0\): a checkpoint could not be written: disk/step-.*: No space left on device$'
  [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected"
  [[ -f kept/step-00000003.safetensors ]] || fail "the checkpoint before is gone: $(ls kept)"
}

case_files_of_a_training_on_a_full_disk_are_named() {
  plan simple plan.json 2
  for file in metrics:run.jsonl metrics:run.csv tensorboard:board; do
    on_disk 32 "$mprun train plan.json --steps 100000 --${file%%:*} disk/${file#*:}" || return 0
    expect_code 5
    expect_err "^mprun: .*disk/${file#*:}.*No space left on device"
    rm -rf kept
  done
  for flag in save trace; do
    on_disk 4 "dd if=/dev/zero of=disk/full bs=4k count=1 2>/dev/null; $mprun train plan.json --steps 2 --$flag disk/out"
    expect_code 5
    expect_err '^mprun: disk/out: cannot .*No space left on device'
    [[ ! -s kept/out ]] || fail "half a file is left"
  done
}

case_plans_and_reports_on_a_full_disk_are_named() {
  on_disk 4 "$mpplan partition $source/models/gpt-1m.json --devices 2 -o disk/plan.json" || return 0
  expect_code 5
  expect_err '^mpplan: disk/plan.json: cannot write: No space left on device$'
  [[ ! -e kept/plan.json ]] || fail "half a plan is left"
  plan simple plan.json 2
  on_disk 4 "$mpplan report plan.json -o disk/report.html"
  expect_code 5
  expect_err '^mpplan: disk/report.html: cannot write: No space left on device$'
  on_disk 4 "$mpplan simulate plan.json --trace disk/trace.json; dd if=/dev/zero of=disk/full bs=4k count=1 2>/dev/null; \
    $mpplan generate gpt -o disk/model.json"
  expect_code 5
  expect_err '^mpplan: disk/model.json: cannot .*: No space left on device$'
}
