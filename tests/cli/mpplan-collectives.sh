# shellcheck shell=bash disable=SC2154
# mpplan --nccl: the program that mprun train --nccl runs, predicted, drawn and reported.

plan_of_replicas() {
  run "$mpplan" generate gpt --layers 2 --hidden 512 --context 64 -o gpt.json
  expect_code 0
  run "$mpplan" partition gpt.json --cluster "$source/configs/clusters/4xh100.json" --replicas 4 --zero 3 \
    --microbatches 4 --bind batch=4 -o plan.json
  expect_code 0
}

case_nccl_is_simulated_to_be_no_slower_than_messages() {
  plan_of_replicas
  run "$mpplan" simulate plan.json --json
  expect_code 0
  cp "$out" messages.json
  run "$mpplan" simulate plan.json --nccl --json
  expect_code 0
  cp "$out" nccl.json
  python3 - <<'PYTHON' || fail "by collectives it is slower"
import json
messages, nccl = (json.load(open(name + ".json")) for name in ("messages", "nccl"))
assert nccl["step_time_s"] < messages["step_time_s"], (nccl["step_time_s"], messages["step_time_s"])
assert len(nccl["links"]) == 8 < len(messages["links"]), nccl["links"]  # around a ring, sums the other way
PYTHON
}

case_collectives_are_drawn() {
  plan_of_replicas
  run "$mpplan" simulate plan.json --nccl --grid --trace step.json
  expect_code 0
  expect_out '^gpu3 +[.]*F'
  python3 - <<'PYTHON' || fail "step.json"
import json
events = json.load(open("step.json"))["traceEvents"]
tracks = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
spans = {(tracks[e["tid"]], e["name"].split()[0]) for e in events if e["ph"] == "X"}
assert ("device gpu2 sums", "reduce-scatter") in spans and ("device gpu2 values", "all-gather") in spans, spans
PYTHON
  run "$mpplan" report plan.json --nccl -o report.html
  expect_code 0
  grep -q 'gpu2 values' report.html || fail "no row for collectives"
}
