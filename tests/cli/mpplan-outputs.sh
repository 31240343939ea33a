# shellcheck shell=bash disable=SC2154
# Where mpplan writes: never over what it reads, to standard output where that is asked for, and by names that mean something.

plan() {
  cp "$source/models/mlp.json" model.json
  run $mpplan partition model.json --devices 2 --algorithm linear+kl -o plan.json
  expect_code 0
}

# expect_kept FILE COMMAND…: refused, and FILE is what it was.
expect_kept() {
  local file=$1
  shift
  cp "$file" before
  run "$@"
  expect_code 2
  expect_err "would destroy '.*', which is read"
  expect_same "$file" before
}

case_what_is_read_is_not_written_over() {
  plan
  ln -s model.json link.json
  cp "$source/configs/clusters/4xh100.json" cluster.json
  expect_kept model.json $mpplan partition model.json --devices 2 -o model.json
  expect_kept model.json $mpplan partition link.json --devices 2 -o "$PWD/model.json"
  expect_kept cluster.json $mpplan partition model.json --cluster cluster.json -o cluster.json
  expect_kept plan.json $mpplan simulate plan.json --trace ./plan.json
  expect_kept plan.json $mpplan report plan.json --format dot -o plan.json
  expect_kept model.json $mpplan split model.json --node fc1=columns:2 -o model.json
  printf '2 1\n2\n1\n' >two.graph
  expect_kept two.graph $mpplan partition two.graph --blocks 2 -o two.graph
  expect_kept two.graph $mpplan import two.graph -o two.graph
  # The default counts, too.
  mv model.json plan.json
  expect_kept plan.json $mpplan partition plan.json --devices 2
}

case_two_results_do_not_share_a_file() {
  printf '2 1\n2\n1\n' >two.graph
  run $mpplan import two.graph -o model.json --cluster-out ./model.json
  expect_code 2
  expect_err 'is to be written twice'
  expect_files two.graph
}

case_a_dash_is_standard_output() {
  plan
  run $mpplan report plan.json -o - --format markdown
  expect_code 0
  expect_out '^# mlp over 2 devices$'
  expect_no_err .
  printf '2 1\n2\n1\n' >two.graph
  run $mpplan import two.graph -o -
  expect_code 0
  expect_json - 'd["format"] == "mp.model/1"'
  run $mpplan generate mlp -o -
  expect_code 0
  expect_json - 'd["name"] == "mlp"'
  run $mpplan partition model.json --devices 2 -o -
  expect_code 2
  expect_err 'standard output has the results'
  run $mpplan simulate plan.json --trace -
  expect_code 2
  expect_files model.json plan.json two.graph
}

case_a_report_of_no_known_ending_is_refused() {
  plan
  run $mpplan report plan.json -o report.pdf
  expect_code 2
  expect_err "no format goes by '.pdf'; say --format html, markdown, svg or dot"
  run $mpplan report plan.json -o report.pdf --format svg
  expect_code 0
}

case_numbers_that_are_none_are_refused() {
  local model="$source/models/mlp.json"
  local bad
  for bad in 0 -1 nan inf 1e999 soon; do
    run $mpplan partition "$model" --devices 2 --time-limit "$bad"
    expect_code 2
    expect_err "time-limit: a number of seconds above 0 is expected, not $bad\$"
  done
  for bad in -1 18446744073709551616 1.5 0x10; do
    run $mpplan partition "$model" --devices 2 --seed "$bad"
    expect_code 2
    expect_err "seed: a whole number from 0 to 2\^64 - 1 is expected, not $bad\$"
  done
  run $mpplan partition "$model" --devices 2 --imbalance many
  expect_code 2
  expect_err '--imbalance many: a share is expected, 3% or 0.03'
  expect_files
}

case_a_plan_that_cannot_be_trained_is_not_offered_for_training() {
  run $mpplan generate mlp -o model.json
  "$python" -c 'import json; d = json.load(open("model.json")); del d["loss"]; json.dump(d, open("model.json", "w"))'
  run $mpplan partition model.json --devices 1 --algorithm linear+kl -o plan.json
  expect_code 0
  expect_out '^mlp: 6 nodes over 1 device, 1 microbatch, '
  expect_out 'the model has no loss to train; see its step with  mpplan simulate plan.json$'
  expect_no_out 'mprun train'
}
