# shellcheck shell=bash disable=SC2154
# mpplan partition --objective step-time where devices of a host are well connected: it splits inside the layers.

# A transformer whose step is one sequence, so that neither replicas nor pipelines can share the work.
case_fast_links_within_a_host_are_used_for_tensor_parallelism() {
  run $mpplan generate gpt --layers 2 --hidden 64 --heads 4 --context 32 --batch 1 -o gpt.json
  expect_code 0
  cat >hosts.json <<'JSON'
{"format": "mp.cluster/1", "name": "2 hosts of 4 devices",
 "types": [{"name": "t", "memory_bytes": 100000000, "flops_per_s": {"float32": 1e9},
            "memory_bandwidth_bytes_per_s": 1e10, "launch_overhead_s": 1e-6}],
 "devices": [{"type": "t", "host": 0, "count": 4}, {"type": "t", "host": 1, "count": 4}],
 "links": {"within_host": {"latency_s": 1e-6, "bandwidth_bytes_per_s": 1e10},
           "between_hosts": {"latency_s": 1e-4, "bandwidth_bytes_per_s": 1e8}}}
JSON
  run $mpplan partition gpt.json --cluster hosts.json --objective step-time --effort fast --split none -o whole.json --json
  expect_code 0
  cp "$out" whole-report.json
  run $mpplan partition gpt.json --cluster hosts.json --objective step-time --effort fast -o plan.json --json
  expect_code 0
  expect_err 'tensor parallelism of 4 devices: '
  expect_json - 'd["step_time_s"] < 0.6 * __import__("json").load(open("whole-report.json"))["step_time_s"]'
  expect_json - 'd["objective"]["lower_bound"] <= d["step_time_s"]'
  expect_json plan.json 'any(s["node"] == "block0.attention.query" and s["way"] == "columns" for s in d["splits"])'
  # The parts of a node lie on one host.
  expect_json plan.json 'len({v // 4 for k, v in d["assignment"].items() if k.startswith("block0.attention.query.part")}) == 1'
  expect_json plan.json 'len({v for k, v in d["assignment"].items() if k.startswith("block0.attention.query.part")}) in (2, 4)'
  run $mprun verify plan.json --steps 3 --threads 1 --data text="$source/docs"
  expect_code 0
}
