# shellcheck shell=bash disable=SC2154
# Text with keys and values kept, wherever they are kept: the text of passes over the whole context.

# shellcheck source=tests/cli/writer.bash
source "$source/tests/cli/writer.bash"

# The text slides out of the context.
case_kept_keys_and_values_write_the_text_of_whole_passes() {
  learn
  write=("$mprun" generate --weights w.safetensors --prompt "$prompt" --tokens 40 --temperature 4 --seed 2 --threads 1)
  run "${write[@]}" plan1.json --no-cache
  expect_code 0
  cp "$out" whole
  [[ $(wc -c <whole) -ge 180 ]] || fail "$(wc -c <whole) bytes"
  for plan in plan1.json plan3.json; do
    run "${write[@]}" $plan
    expect_code 0
    expect_same whole "$out"
  done
  run "$mprun" launch -n 3 "${write[@]:1}" plan3.json
  expect_code 0
  expect_same whole "$out"
}

case_bfloat16_weights_write() {
  learn
  for plan in plan1.json plan3.json; do
    run "$mprun" generate $plan --weights w.safetensors --prompt 'cde01' --greedy --tokens 20 --threads 1 --precision bf16
    expect_code 0
    expect_out '^cde0123456789abcde0123456$'
  done
}
