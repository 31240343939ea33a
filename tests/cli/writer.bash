# shellcheck shell=bash disable=SC2154
# A GPT that has learnt a text, with a context longer than a pass over a prompt; plans for one and for three devices.
learn() {
  run "$mpplan" generate gpt --name writer --layers 2 --hidden 32 --heads 4 --context 160 --vocabulary 128 --batch 4 -o writer.json
  expect_code 0
  for devices in 1 3; do
    run "$mpplan" partition writer.json --devices $devices --algorithm linear+kl -o plan$devices.json
    expect_code 0
  done
  for _ in {1..400}; do printf '0123456789abcde'; done >text
  run "$mprun" train plan1.json --steps 60 --learning-rate 0.01 --threads 1 --data text=text --save w.safetensors
  expect_code 0
  prompt=$(head -c 140 text)
}
