# shellcheck shell=bash disable=SC2154
# mprun on emulated GPUs (tests/emulation/): the program with its CUDA backend, as far as no GPU is needed to see it.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

emulated=$bin/mprun-emulated
gpt=(--bind batch=2 --seed 3 --data text="$source/docs")
digits=$source/models/data/digits
mlp=(--seed 3 --data "images=$digits-images.idx3-ubyte" --data "labels=$digits-labels.idx1-ubyte")

case_training_on_gpus_has_the_losses_of_the_processor() {
  plan gpt-1m plan.json 3
  run "$mprun" train plan.json --steps 3 "${gpt[@]}" --threads 1 --metrics cpu.jsonl
  expect_code 0
  for timing in late random; do
    run env MP_EMULATED_GPUS="devices=3 timing=$timing" "$emulated" train plan.json --steps 3 "${gpt[@]}" \
      --backend cuda --metrics $timing.jsonl
    expect_code 0
    expect_close_losses 1e-4 $timing.jsonl cpu.jsonl
  done
  expect_same <(grep -o '"loss":[^,]*' late.jsonl) <(grep -o '"loss":[^,]*' random.jsonl)
}

case_fewer_gpus_than_devices_are_shared() {
  plan gpt-1m plan.json 3
  run env MP_EMULATED_GPUS='devices=1' "$emulated" train plan.json --steps 1 "${gpt[@]}" --backend cuda
  expect_code 5
  expect_err 'the plan has a device [12], this machine 1 CUDA device: --oversubscribe lets devices of the plan share them'
  run env MP_EMULATED_GPUS='devices=1' "$emulated" train plan.json --steps 2 "${gpt[@]}" --backend cuda --oversubscribe
  expect_code 0
}

case_a_run_moves_from_the_processor_to_gpus_and_back() {
  plan mlp plan.json 2
  run "$mprun" train plan.json --steps 6 "${mlp[@]}" --threads 1 --metrics whole.jsonl
  expect_code 0
  run "$mprun" train plan.json --steps 2 "${mlp[@]}" --threads 1 --metrics run.jsonl --checkpoint-dir run --checkpoint-every 2
  expect_code 0
  run "$emulated" train plan.json --steps 4 "${mlp[@]}" --backend cuda --metrics run.jsonl --checkpoint-dir run --checkpoint-every 2 \
    --resume
  expect_code 0
  expect_err '^resumed from run/step-00000002.safetensors: 2 steps done$'
  run "$mprun" train plan.json --steps 6 "${mlp[@]}" --threads 1 --metrics run.jsonl --checkpoint-dir run --checkpoint-every 2 --resume
  expect_code 0
  expect_close_losses 1e-4 run.jsonl whole.jsonl
}

case_gpus_are_listed_profiled_and_traced() {
  run env MP_EMULATED_GPUS='devices=2 memory_bytes=80000000000' "$emulated" devices
  expect_code 0
  expect_out 'cuda:1 .*emulated GPU, compute capability 9.0'
  run "$emulated" profile "$source/models/mlp.json" "${mlp[@]:2}" --backend cuda -o profile.json
  expect_code 0
  expect_json profile.json 'len(d) > 2'
  plan mlp plan.json 2
  run "$emulated" train plan.json --steps 2 "${mlp[@]}" --backend cuda --trace trace.json
  expect_code 0
  expect_json trace.json 'len(d["traceEvents"]) > 10'
}

case_on_a_gpu_the_first_value_that_is_not_finite_is_found() {
  plan mlp plan.json 2
  run "$emulated" train plan.json --steps 50 "${mlp[@]}" --backend cuda --optimizer sgd --learning-rate 1e25 --detect-anomaly
  expect_code 5
  expect_err "device [01] \(cuda:[01]\), step [0-9]+, microbatch [0-9]+: node '.*': its output"
}

case_a_gpu_that_cannot_be_used_is_explained() {
  plan mlp plan.json 2
  train() { run env MP_EMULATED_GPUS="$1" "$emulated" train plan.json --steps 1 "${mlp[@]}" --backend cuda; expect_code 5; }
  train 'driver_version=0'
  expect_err 'no CUDA backend to train on: no NVIDIA driver is installed; use --backend cpu'
  train 'driver_version=12040'
  expect_err 'the NVIDIA driver is for CUDA 12.4 at most, this build needs [0-9.]+: update the driver'
  train 'devices=0'
  expect_err 'finds no GPU \(CUDA_VISIBLE_DEVICES may hide it\)'
  train 'memory_bytes=33600000'
  expect_err 'cannot allocate its arena of [0-9]+ bytes: cuda:[01]: no memory for 0.000 GB; 0.000 GB of its 0.034 GB are free'
  expect_err 'what takes it, of'
}

# What scripts/gpu-check does on a machine with a GPU, with a GPU, a tree and an nvidia-smi that are emulated.
case_all_that_is_checked_on_a_gpu_can_be_run() {
  mkdir -p tree/bin fake
  ln -s "$mpplan" "$bin/mprun-emulated" tree/bin/
  mv tree/bin/mprun-emulated tree/bin/mprun
  ln -s "$(type -P true)" tree/bin/nvidia-libraries
  ln -s "$(type -P false)" tree/bin/test_runtime
  cat >fake/nvidia-smi <<'EOF'
#!/usr/bin/env bash
[[ $* == *utilization* ]] || exec echo "emulated GPU"
while echo "98, 1024"; do sleep 0.01; done
EOF
  chmod +x fake/nvidia-smi
  run env PATH="$PWD/fake:$PATH" MP_EMULATED_GPUS=devices=1 "$source/scripts/gpu-check" tree results --steps 1 --gpt gpt-1m:1 \
    --only tests,losses,gpt-1m-1
  expect_code 1
  expect_out '^gpu,good,[0-9]+,"emulated GPU"'
  expect_out '^devices,good,'
  expect_out '^tests,failed \(1\),'
  expect_out '^losses,good,[0-9]+,"largest relative difference of 1 losses of 2 runs: '
  expect_out '^gpt-1m-1,good,.*tokens_per_s [1-9]'
  grep -q '^mprun,gpt-1m,842496,bf16,,1,128,.*,0.98,1024.0,[0-9]*,True,' results/speed.csv || fail "$(cat results/speed.csv)"
  run "$source/scripts/gpu-check" tree results --only nothing
  expect_code 2
  expect_err "--only names no check: 'nothing'"
}
