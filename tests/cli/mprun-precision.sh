# shellcheck shell=bash disable=SC2154
# --precision bf16, from the plan to the weights.

plan() {
  run $mpplan partition "$source/models/$1.json" --devices "$2" -o "${3:-plan.json}" "${@:4}"
  expect_code 0
}

digits=(--threads 1 --data images="$source/models/data/digits-images.idx3-ubyte"
  --data labels="$source/models/data/digits-labels.idx1-ubyte")

case_a_plan_in_bf16_says_so_and_promises_less() {
  plan gpt-1m 2 low.json --precision bf16
  plan gpt-1m 2 full.json
  expect_json low.json 'd["precision"] == "bf16"'
  expect_json full.json '"precision" not in d'
  "$python" - <<'END' || fail "bf16 needs no less than float32"
import json
low, full = (json.load(open(f"{name}.json"))["predicted"] for name in ("low", "full"))
assert low["cut_bytes"] < full["cut_bytes"] and low["communication_volume_bytes"] < full["communication_volume_bytes"]
assert all(a["memory_bytes"] < 0.8 * b["memory_bytes"] for a, b in zip(low["devices"], full["devices"]))
assert low["step_time_s"] < full["step_time_s"]
END
  run $mpplan simulate full.json --precision bf16 --json
  expect_code 0
  expect_json - 'd["step_time_s"] > 0'
}

case_bf16_is_verified_bit_for_bit() {
  plan gpt-1m 3 plan.json --precision bf16 --microbatches 2
  run "$mprun" verify plan.json --bind batch=4 --data text="$source/docs" --threads 1
  expect_code 0
  expect_out '^equal: every loss and every parameter, bit for bit$'
}

case_flags_and_recipes_change_the_precision() {
  plan mlp 2
  local train=("$mprun" train plan.json --steps 2 "${digits[@]}")
  run "${train[@]}" --metrics full.jsonl
  expect_code 0
  run "${train[@]}" --precision bf16 --metrics low.jsonl
  expect_code 0
  echo '{"format": "mp.recipe/1", "precision": "bf16"}' >recipe.json
  run "${train[@]}" --recipe recipe.json --metrics recipe.jsonl
  expect_code 0
  run "${train[@]}" --recipe recipe.json --precision float32 --metrics back.jsonl
  expect_code 0
  losses() { sed -n 's/.*"loss":\([^,]*\),"step_time.*/\1/p' "$1.jsonl"; }
  [[ -n $(losses full) && $(losses low) != "$(losses full)" ]] || fail "bf16 has the losses of float32"
  [[ $(losses recipe) == "$(losses low)" && $(losses back) == "$(losses full)" ]] || fail "the recipe's precision"
}

case_weights_of_bf16_are_float32_and_go_on_in_either() {
  plan mlp 2 plan.json --precision bf16
  run "$mprun" train plan.json --steps 2 "${digits[@]}" --checkpoint-dir run --save w.safetensors
  expect_code 0
  grep -aqE '"dtype": ?"F32"' w.safetensors || fail "no float32"
  ! grep -aq 'BF16' w.safetensors || fail "bfloat16 in the file"
  ! grep -aq 'master' run/step-00000002.safetensors || fail "masters stand under the names of their parameters"
  run "$mprun" train plan.json --steps 4 "${digits[@]}" --checkpoint-dir run --resume --precision float32
  expect_code 0
  expect_err 'made with precision bf16, this run has float32'
  run "$mprun" train plan.json --steps 1 "${digits[@]}" --load w.safetensors
  expect_code 0
}

case_what_is_no_precision_is_refused() {
  run $mpplan partition "$source/models/mlp.json" --devices 2 --precision fp8
  expect_code 2
  expect_err '--precision fp8: there are float32, bf16'
  expect_files
  plan mlp 1
  run "$mprun" train plan.json --precision half
  expect_code 2
  sed 's/"microbatches"/"precision": "bf61", "microbatches"/' plan.json >wrong.json
  run "$mprun" train wrong.json
  expect_code 3
  expect_err "/precision: unknown precision 'bf61'"
}
