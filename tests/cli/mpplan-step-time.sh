# shellcheck shell=bash disable=SC2154
# mpplan partition --objective step-time, as users type it.

case_a_fast_plan_is_found_told_and_trained() {
  run $mpplan partition "$source/models/simple.json" --devices 2 --objective step-time --effort fast
  expect_code 0
  expect_out '^algorithm +stages +replicas +microbatches +schedule +step +bubble +memory'
  expect_out '<- chosen$'
  expect_out '^step .*, (lower bound .*|optimal) '
  expect_out 'mprun train plan.json$'
  expect_err 'pipelines'
  expect_files plan.json
  expect_json plan.json 'd["predicted"]["objective"] == "step-time" and d["predicted"]["step_time_s"] > 0'
  run $mprun train plan.json --steps 2
  expect_code 0
}

case_the_step_is_no_longer_than_that_of_the_cut() {
  run $mpplan partition "$source/models/autoencoder.json" --devices 3 --seed 2 -o cut.json --json
  expect_code 0
  cp "$out" cut-report.json
  run $mpplan partition "$source/models/autoencoder.json" --devices 3 --seed 2 --objective step-time -o fast.json --json
  expect_code 0
  expect_json - 'd["step_time_s"] <= __import__("json").load(open("cut-report.json"))["step_time_s"]'
  expect_json - 'd["objective"]["name"] == "step-time" and d["objective"]["value"] == d["step_time_s"]'
  expect_json - '0 < d["objective"]["lower_bound"] <= d["step_time_s"] and d["objective"]["optimal"] in (True, False)'
  expect_json - 'd["unit"] == "bytes" and d["feasible"] and len(d["devices"]) == 3 and len(d["candidates"]) > 3'
  expect_json - 'd["step_time_s"] == min(c["step_time_s"] for c in d["candidates"])'
  fast=$(cat "$out")
  run $mpplan simulate fast.json --json
  expect_code 0
  expect_json - "abs(d['step_time_s'] - $("$python" -c 'import json,sys; print(json.loads(sys.argv[1])["step_time_s"])' "$fast")) < 1e-12"
}

case_microbatches_and_schedule_are_kept_where_they_are_asked_for() {
  run $mpplan partition "$source/models/mlp.json" --devices 2 --objective step-time --effort fast --microbatches 4 \
    --schedule gpipe --json
  expect_code 0
  expect_json - 'd["microbatches"] == 4 and d["schedule"] == "gpipe" and d["microbatches_tried"] == [4]'
  expect_json plan.json 'd["microbatches"] == 4 and d["schedule"] == "gpipe"'
}

case_flags_that_mean_nothing_here_are_refused() {
  for flag in "--imbalance 3%" "--memory-imbalance 3%" --acyclic; do
    # shellcheck disable=SC2086  # a flag and its value
    run $mpplan partition "$source/models/mlp.json" --devices 2 --objective step-time $flag
    expect_code 2
    expect_err "${flag%% *} is for the objectives that cut"
  done
  run $mpplan partition "$source/models/mlp.json" --devices 2 --objective speed
  expect_code 2
  expect_err 'step-time'
  expect_files
}

case_what_fits_nowhere_is_infeasible() {
  cat >small.json <<'JSON'
{"format": "mp.cluster/1", "name": "small",
 "types": [{"name": "t", "memory_bytes": 4000000, "flops_per_s": {"float32": 1e11},
            "memory_bandwidth_bytes_per_s": 1e10, "launch_overhead_s": 1e-6}],
 "devices": [{"type": "t", "count": 2}],
 "links": {"within_host": {"latency_s": 1e-6, "bandwidth_bytes_per_s": 1e10},
           "between_hosts": {"latency_s": 1e-6, "bandwidth_bytes_per_s": 1e10}}}
JSON
  run $mpplan partition "$source/models/gpt-1m.json" --cluster small.json --objective step-time --effort fast
  expect_code 4
  expect_err 'no plan fits the memory of the devices'
  expect_err 'What would fit: .*devices instead of 2'
  expect_files small.json
}

case_a_model_over_hundreds_of_devices_is_replicated_within_their_memory() {
  run $mpplan generate gpt --preset gpt2-124m --layers 4 --batch 1024 -o gpt.json
  expect_code 0
  cat >hosts.py <<'PYTHON'
import json
print(json.dumps({
    "format": "mp.cluster/1", "name": "32 hosts with 8",
    "types": [{"name": "t", "memory_bytes": 16000000000, "flops_per_s": {"float32": 1e13},
               "memory_bandwidth_bytes_per_s": 1e12, "launch_overhead_s": 3e-6}],
    "devices": [{"type": "t", "host": h, "count": 8} for h in range(32)],
    "links": {"within_host": {"latency_s": 8e-6, "bandwidth_bytes_per_s": 2e11},
              "between_hosts": {"latency_s": 15e-6, "bandwidth_bytes_per_s": 2e10}}}))
PYTHON
  "$python" hosts.py >hosts.json
  rm hosts.py
  run $mpplan partition gpt.json --cluster hosts.json --objective step-time --effort fast --json
  expect_code 0
  expect_json - 'd["replicas_not_simulated"] >= 0 and d["candidates"][0]["replicas"] > 1 and all(x["memory_bytes"] <= 16e9 for x in d["devices"])'
  expect_json plan.json 'len(d["replicas"][0]) > 1 and len({x for g in d["replicas"] for x in g}) == sum(map(len, d["replicas"]))'
}
