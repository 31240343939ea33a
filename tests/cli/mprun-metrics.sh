# shellcheck shell=bash disable=SC2154
# mprun train: clipping, groups of parameters, what is written about a run, and curves of it.

plan() {
  run $mpplan partition "$source/models/mlp.json" --devices "${1:-1}" -o plan.json
  expect_code 0
}

case_clipped_gradients_have_their_norm_in_the_metrics() {
  plan 2
  run $mprun train plan.json --steps 4 --seed 3 --clip-norm 0.5 --optimizer sgd --metrics two.jsonl
  expect_code 0
  run $mpplan partition "$source/models/mlp.json" --devices 1 -o one.json
  run $mprun train one.json --steps 4 --seed 3 --clip-norm 0.5 --optimizer sgd --metrics one.jsonl
  expect_code 0
  "$python" - <<'PY' || fail "the norms"
import json
one, two = ([json.loads(line) for line in open(name)][:-1] for name in ("one.jsonl", "two.jsonl"))
assert len(one) == 4 and all(line["gradient_norm"] > 0 for line in one)
assert [(l["loss"], l["gradient_norm"]) for l in one] == [(l["loss"], l["gradient_norm"]) for l in two]
PY
  # 0: as if nothing had been said.
  run $mprun train one.json --steps 1 --clip-norm 0 --metrics none.jsonl
  expect_code 0
  ! grep -q gradient_norm none.jsonl || fail "a norm without clipping"
  # An infinite limit only measures.
  run $mprun train one.json --steps 3 --optimizer sgd --clip-norm inf --metrics inf.jsonl
  expect_code 0
  run $mprun train one.json --steps 3 --optimizer sgd --metrics free.jsonl
  diff <(grep -o '"loss":[^,]*' inf.jsonl) <(grep -o '"loss":[^,]*' free.jsonl) || fail "it changes the losses"
  for value in -1 nan x; do
    run $mprun train one.json --clip-norm $value
    expect_code 2
    expect_err 'clip-norm'
  done
}

case_a_recipe_has_groups_of_parameters() {
  plan
  recipe() { printf '{"format": "mp.recipe/1", "steps": 3, "optimizer": {"kind": "adamw", "groups": [%s]}}' "$1" >r.json; }
  recipe '{"parameters": "*", "learning_rate_factor": 0, "weight_decay": 0}'
  run $mprun train plan.json --recipe r.json --save still.safetensors --metrics still.jsonl
  expect_code 0
  run $mprun train plan.json --steps 1 --learning-rate 0 --save start.safetensors
  expect_code 0
  expect_same still.safetensors start.safetensors
  recipe '{"parameters": "*.bais"}'
  run $mprun train plan.json --recipe r.json
  expect_code 3
  expect_err "'\*\.bais' matches no trained parameter of model 'mlp'"
  recipe '{"weight_decay": 0}'
  run $mprun train plan.json --recipe r.json
  expect_code 3
  expect_err '/optimizer/groups/0: "parameters" is missing'
}
