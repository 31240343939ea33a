# shellcheck shell=bash disable=SC2154
# mprun verify, and the search for the first value that is no number.

plan() {
  run $mpplan partition "$source/models/$1.json" --devices "$2" -o plan.json "${@:3}"
  expect_code 0
}

case_a_plan_computes_what_one_device_computes() {
  plan gpt-1m 3 --microbatches 2
  run "$mprun" verify plan.json --bind batch=4 --data text="$source/docs" --threads 1
  expect_code 0
  expect_out '^3 .* none$'
  expect_out '^equal: every loss and every parameter, bit for bit$'
  expect_files plan.json
}

case_a_pinned_model_is_verified_too() {
  plan simple 2
  run "$mprun" verify plan.json --steps 2 --optimizer sgd
  expect_code 0
  expect_out '^equal: '
}

# Log of normal values: every other is NaN. The node behind it spreads it.
case_the_node_that_made_the_first_nan_is_named() {
  cat >model.json <<'END'
{"format": "mp.model/1", "name": "odd", "dimensions": {"batch": 4}, "loss": "loss",
 "inputs": [{"name": "x", "shape": ["batch", 8], "data": "normal"}],
 "parameters": [{"name": "w", "shape": [8, 8], "initializer": {"normal": {"std": 0.1}}}],
 "nodes": [{"name": "fc", "op": "Gemm", "inputs": ["x", "w"]},
           {"name": "logarithm", "op": "Log", "inputs": ["fc"]},
           {"name": "loss", "op": "ReduceMean", "inputs": ["logarithm"], "attributes": {"keepdims": 0}}]}
END
  run $mpplan partition model.json --devices 2 -o plan.json
  expect_code 0
  run "$mprun" train plan.json --steps 3
  expect_code 5
  expect_err 'step 1: the loss is -?nan: .*--detect-anomaly'
  run "$mprun" train plan.json --steps 3 --detect-anomaly
  expect_code 5
  expect_err "device [01] \(cpu\), step 1, microbatch 1: node 'logarithm': its output 'logarithm' holds -?nan \(element [0-9]+ of 32\)"
}

case_training_with_finite_values_passes_the_search() {
  plan simple 2
  run "$mprun" train plan.json --steps 3 --optimizer sgd --detect-anomaly
  expect_code 0
}

case_replicas_have_the_losses_of_one_device() {
  plan gpt-1m 4 --replicas 2 --zero 1 --recompute all
  run "$mprun" verify plan.json --steps 2 --bind batch=4 --data text="$source/docs" --threads 1
  expect_code 0
  expect_out '^(good|equal): '
  run "$mprun" verify plan.json --steps 2 --bind batch=4 --microbatches 4 --data text="$source/docs" --threads 1
  expect_code 0
  expect_out '^good: losses [0-9.e-]+ apart at the most'
}

case_plans_for_the_shortest_step_have_the_losses_of_one_device() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 3 --objective step-time --effort fast -o plan.json
  expect_code 0
  run "$mprun" verify plan.json --steps 2 --data text="$source/docs" --threads 1
  expect_code 0
}
