# shellcheck shell=bash disable=SC2154
# mprun: training from plans written by hand, and everything a user can get wrong.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

digits() {
  images=$source/models/data/digits-images.idx3-ubyte labels=$source/models/data/digits-labels.idx1-ubyte
}

case_a_plan_trains_and_writes_metrics_weights_and_trace() {
  plan simple plan.json 2
  run "$mprun" train plan.json --recipe "$source/configs/simple.json" --steps 7 --metrics run.jsonl \
    --save w.safetensors --trace trace.json
  expect_code 0
  expect_out '^7 steps in .* s, loss -?[0-9.]+$'
  expect_out '^device 1: .* MB, and .* MB of scratch$'
  expect_err '^step 7/7  loss '
  expect_err 'simple: 220 parameters on 2 devices \(cpu\)'
  expect_files plan.json run.jsonl w.safetensors trace.json
  [[ $(wc -l <run.jsonl) == 8 ]] || fail "8 lines of metrics expected"
  head -1 run.jsonl >first.json
  tail -1 run.jsonl >last.json
  expect_json first.json 'sorted(d) == ["learning_rate", "loss", "samples_per_s", "step", "step_time_s"] and d["step"] == 1'
  expect_json last.json 'd["summary"]["steps"] == 7 and len(d["summary"]["peak_memory_bytes"]) == 2'
  expect_json trace.json 'len(d["traceEvents"]) > 10'
}

case_losses_are_the_same_text_on_any_number_of_devices() {
  digits
  for devices in 1 2 4; do
    plan convnet "plan$devices.json" "$devices"
    run "$mprun" train "plan$devices.json" --steps 3 --microbatches 2 --threads 1 --bind batch=16 \
      --data images="$images" --data labels="$labels" --metrics "$devices.jsonl"
    expect_code 0
    grep -o '"loss":[^,]*' "$devices.jsonl" | head -3 >"losses$devices"
  done
  expect_same losses1 losses2
  expect_same losses1 losses4
}

case_weights_go_on_where_they_were_saved() {
  plan simple plan.json 2
  run "$mprun" train plan.json --steps 4 --optimizer sgd --save a.safetensors
  expect_code 0
  run "$mprun" train plan.json --steps 1 --learning-rate 0 --optimizer sgd --load a.safetensors --save b.safetensors
  expect_code 0
  expect_same a.safetensors b.safetensors
  head -c 300 a.safetensors >cut.safetensors
  run "$mprun" train plan.json --load cut.safetensors
  expect_code 3
  expect_err 'cut.safetensors'
}

case_text_trains_a_gpt_and_its_entropy_is_told() {
  plan gpt-1m plan.json 2
  run "$mprun" train plan.json --steps 2 --bind batch=2 --data text="$source/docs" --threads 1
  expect_code 0
  expect_err '^text: .*docs \([0-9]+ files'
  expect_err 'byte frequencies alone would have loss [0-9.]+$'
  expect_out 'held-out loss [0-9.]+ \(byte frequencies alone: [0-9.]+\)'
}

case_the_program_can_be_read() {
  plan simple plan.json 2
  run "$mprun" train plan.json --dump-program
  expect_code 0
  expect_out '^device 1$'
  expect_out '^F fc1 mb0$'
  expect_out '^SEND fc1 mb0 -> device 1$'
}

case_wrong_flags_are_usage_errors() {
  plan simple plan.json 2
  run "$mprun"
  expect_code 2
  expect_err 'a command is needed: train, launch, verify, eval, generate, profile, plot, roofline, devices'
  run "$mprun" trian plan.json
  expect_code 2
  expect_err "unknown command 'trian'; commands: train, launch, verify, eval, generate, profile, plot, roofline, devices"
  run "$mprun" train plan.json --optimizer lion
  expect_code 2
  expect_err 'sgd.*adam.*adamw'
  run "$mprun" train plan.json --backend tpu
  expect_code 2
  expect_err 'auto.*cpu.*cuda'
  run "$mprun" train plan.json --steps 0
  expect_code 2
  run "$mprun" train plan.json --microbatches 3
  expect_code 2
  expect_err 'microbatches'
  run "$mprun" train plan.json --bind batch=none
  expect_code 2
  expect_err "'none' is not a whole number"
  run "$mprun" train plan.json --data book.txt
  expect_code 2
  expect_err 'expected NAME=VALUE'
  run "$mprun" train plan.json --optimizer adam --momentum 0.9
  expect_code 2
  expect_err '--momentum is for sgd; the optimizer is adam'
  expect_files plan.json
}

case_bad_inputs_are_named() {
  plan simple plan.json 2
  run "$mprun" train nowhere.json --metrics run.jsonl
  expect_code 3
  expect_err 'nowhere.json'
  plan gpt-1m gpt.json 1
  run "$mprun" train gpt.json --data text=/nowhere --metrics run.jsonl
  expect_code 3
  expect_err '/nowhere: No such file or directory'
  echo short >short.txt
  run "$mprun" train gpt.json --data text=short.txt --metrics run.jsonl
  expect_code 3
  expect_err '6 tokens to train on are too few'
  plan convnet convnet.json 1
  run "$mprun" train convnet.json --metrics run.jsonl
  expect_code 3
  expect_err '--data images=FILE'
  digits
  run "$mprun" train convnet.json --data images="$images" --data labels="$images" --metrics run.jsonl
  expect_code 3
  sed 's/"path"/"sha256": "'"$(printf '0%.0s' {1..64})"'", "path"/' plan.json >other.json
  run "$mprun" train other.json --metrics run.jsonl
  expect_code 3
  expect_err 'the plan was made for another version of .*mpplan partition'
  expect_files plan.json gpt.json convnet.json other.json short.txt
}

case_a_full_disk_is_told_and_leaves_nothing() {
  plan simple plan.json 2
  run "$mprun" train plan.json --steps 2 --metrics /dev/full
  expect_code 5
  expect_err "cannot write '/dev/full': No space left on device"
  run "$mprun" train plan.json --steps 2 --save /dev/full
  expect_code 5
  expect_err 'No space left on device'
  run "$mprun" train plan.json --steps 1000000000 --save nowhere/w.safetensors
  expect_code 5
  expect_err "cannot write 'nowhere/w.safetensors'"
  expect_files plan.json
}

case_cuda_without_cuda_is_explained() {
  plan simple plan.json 2
  run "$mprun" train plan.json --steps 1 --backend cuda
  expect_code 5
  expect_err 'no CUDA backend to train on: .*; use --backend cpu'
}

case_an_interrupt_ends_after_the_step_and_saves() {
  plan simple plan.json 2
  run bash -c '"$1" train plan.json --steps 1000000000 --save w.safetensors --metrics run.jsonl &
    until [[ -s run.jsonl ]]; do sleep 0.05; done
    kill -TERM $!
    wait $!
    [[ $? == 130 ]]' - "$mprun"
  expect_code 0
  expect_files plan.json run.jsonl w.safetensors
  tail -1 run.jsonl >last.json
  expect_json last.json 'd["summary"]["steps"] > 0'
}

case_cores_change_no_number() {
  plan simple plan.json 2
  run "$mprun" train plan.json --steps 5 --threads 1 --metrics pinned.jsonl
  expect_code 0
  run "$mprun" train plan.json --steps 5 --threads 1 --no-pin --metrics free.jsonl
  expect_code 0
  local core
  core=$(taskset -cp $$ | sed 's/.*: //; s/[-,].*//')
  run taskset -c "$core" "$mprun" train plan.json --steps 5 --threads 1 --metrics one.jsonl
  expect_code 0
  for file in pinned free one; do grep -o '"step":[0-9]*,"loss":[^,]*' "$file.jsonl" >"$file"; done
  expect_same pinned free
  expect_same pinned one
}

case_a_diverging_run_says_so() {
  plan simple plan.json 2
  run "$mprun" train plan.json --steps 50 --optimizer sgd --learning-rate 1e18
  expect_code 5
  expect_err 'training has diverged; try a lower learning rate than 1e\+18'
}

case_devices_are_listed() {
  run "$mprun" devices
  expect_code 0
  expect_out '^cpu +[0-9.]+ GB  .*core'
}

case_slips_of_the_keyboard_are_named() {
  plan simple plan.json 2
  run "$mprun" train plan.json --stepz 3 --seed 4
  expect_code 2
  expect_err "^mprun: unknown option '--stepz'; did you mean '--steps'\?$"
  run "$mprun" train plan.json --zzzzzzzz=3
  expect_code 2
  expect_err "^mprun: unknown option '--zzzzzzzz'$"
  run "$mprun" train "$source/models/simple.json"
  expect_code 3
  expect_err 'this is a model, and a plan is expected \(mpplan partition makes one of a model\)$'
  run "$mpplan" partition plan.json --devices 2 -o other.json
  expect_code 3
  expect_err 'this is a plan, and a model is expected$'
  run "$mprun" launch -n 2 verify plan.json
  expect_code 2
  expect_err "starts ranks of mprun train, eval or generate, not of 'verify'"
}
