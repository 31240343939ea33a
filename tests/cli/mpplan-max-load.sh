# shellcheck shell=bash disable=SC2154
# mpplan partition --objective max-load.

import() {
  run $mpplan import "$source/tests/data/workloads/layer-bert24_training.json" -o model.json --cluster-out cluster.json
  expect_code 0
}

case_the_best_pipeline_of_a_published_workload_is_found_and_proved() {
  import
  run $mpplan partition model.json --cluster cluster.json --objective max-load --contiguous --json
  expect_code 0
  expect_json - 'abs(d["objective"]["value"] - 41.7458) < 5e-5 and d["objective"]["optimal"]'
  expect_json - 'd["objective"]["name"] == "max-load" and d["objective"]["lower_bound"] == d["objective"]["value"]'
  expect_json - 'max(x["load_ms"] for x in d["devices"]) == d["objective"]["value"]'
  # A class stays together, and the plan is one that other commands take.
  expect_json plan.json 'd["assignment"]["3"] == d["assignment"]["34"] and d["predicted"]["objective"] == "max-load"'
  run $mpplan simulate plan.json
  expect_code 0
  run $mpplan compare plan.json plan.json
  expect_code 0
  expect_out '^max load .*41.7458.*ok$'
}

case_free_placements_are_better_than_pipelines() {
  import
  run $mpplan partition model.json --cluster cluster.json --objective max-load --effort fast --json
  expect_code 0
  expect_json - 'abs(d["objective"]["value"] - 39.78954) < 1e-5 and d["objective"]["optimal"]'
  expect_json - 'd["objective"]["lower_bound"] == d["objective"]["value"]'
  run $mpplan compare plan.json plan.json
  expect_code 0
  run $mpplan partition model.json --cluster cluster.json --objective max-load --contiguous -o pipeline.json
  expect_code 0
  expect_out 'max load 41.7458 ms, optimal among pipelines'
  run $mpplan compare plan.json pipeline.json
  expect_code 1
  expect_out '^max load .*WORSE$'
}

case_ordinary_models_are_planned_by_load() {
  run $mpplan partition "$source/models/mlp.json" --devices 2 --objective max-load --contiguous
  expect_code 0
  expect_out 'max load .* ms, optimal among pipelines'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --objective max-load --effort fast --time-limit 1
  expect_code 0
  expect_out 'max load .* ms'
  # Its nodes are pinned, one to each device; what comes out is trained.
  run $mpplan partition "$source/models/simple.json" --devices 2 --objective max-load --effort fast
  expect_code 0
  run $mprun train plan.json --steps 1
  expect_code 0
}

case_flags_that_do_not_go_with_it_are_refused() {
  import
  run $mpplan partition model.json --cluster cluster.json --contiguous
  expect_code 2
  expect_err '--acyclic'
  for flag in --acyclic '--imbalance 3%' '--algorithm metis' --refine; do
    # shellcheck disable=SC2086
    run $mpplan partition model.json --cluster cluster.json --objective max-load $flag
    expect_code 2
  done
  run $mpplan partition "$source/models/simple.json" --devices 2 --objective max-load --contiguous
  expect_code 2
  expect_err 'pins'
  expect_files cluster.json model.json
}

case_what_does_not_fit_is_told() {
  import
  python3 - <<'END'
import json
d = json.load(open("cluster.json"))
d["types"][0]["memory_bytes"] = 1000000
d["devices"] = [x for x in d["devices"] if x["type"] == "accelerator"]
json.dump(d, open("cluster.json", "w"))
END
  for shape in --contiguous '--effort fast'; do
    # shellcheck disable=SC2086
    run $mpplan partition model.json --cluster cluster.json --objective max-load $shape
    expect_code 4
    expect_err 'memory'
  done
  expect_files cluster.json model.json
}
