# shellcheck shell=bash disable=SC2154
# mprun generate and mprun eval on emulated GPUs (tests/emulation/).

# shellcheck source=tests/cli/writer.bash
source "$source/tests/cli/writer.bash"

emulated=$bin/mprun-emulated

case_gpus_write_the_text_of_the_processor() {
  learn
  write=(generate --weights w.safetensors --prompt 'cde01' --temperature 3 --tokens 24)
  run "$mprun" "${write[@]}" plan1.json --threads 1
  expect_code 0
  cp "$out" cpu
  for plan in plan1.json plan3.json; do
    run env MP_EMULATED_GPUS='devices=3 timing=late' "$emulated" "${write[@]}" $plan --backend cuda
    expect_code 0
    expect_same cpu "$out"
  done
  run "$mprun" eval plan1.json --weights w.safetensors --data text=text --held-out --threads 1 --json
  expect_code 0
  cp "$out" cpu.json
  run env MP_EMULATED_GPUS='devices=3 timing=late' "$emulated" eval plan3.json --weights w.safetensors --data text=text --held-out --backend cuda --json
  expect_code 0
  expect_json - 'abs(d["loss"] / json.load(open("cpu.json"))["loss"] - 1) < 1e-4 and d["accuracy"] > 0.9'
}
