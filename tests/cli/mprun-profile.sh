# shellcheck shell=bash disable=SC2154
# mprun profile, and what mpplan makes of it.

profile_simple() {
  run "$mprun" profile "$source/models/simple.json" --devices 2 --threads 1 --seconds 0.05 -o profile.json "$@"
}

case_a_profile_is_measured_and_predicts_a_step() {
  profile_simple --microbatches 2
  expect_code 0
  expect_out '^[0-9]+ signatures measured, 2 devices of 1 thread$'
  expect_out '^device 1 -> 0: .*s, [0-9.]+ GB/s$'
  expect_json profile.json 'd["format"] == "mp.profile/1" and d["model"]["microbatch"] == {"batch": 8}'
  expect_json profile.json 'any(n["signature"].startswith("accumulate: ") for n in d["nodes"])'
  expect_json profile.json 'any(n["signature"].startswith("feed x: float32[8, 10]") for n in d["nodes"])'
  expect_json profile.json 'len(d["links"]) == 2 and all(l["bandwidth_bytes_per_s"] > 0 for l in d["links"])'
  run "$python" "$source/tests/schemas/check.py" profile.json
  [[ $code == 0 || $code == 77 ]] || fail "the profile is not valid under its schema"
  run "$mpplan" partition "$source/models/simple.json" --devices 2 --microbatches 2 --profile profile.json -o plan.json
  expect_code 0
  expect_no_err .
  run "$mpplan" simulate plan.json --profile profile.json --json
  expect_code 0
  expect_json - '0 < d["step_time_s"] < 1'
}

case_a_profile_of_another_optimizer_or_microbatch_is_told() {
  profile_simple
  expect_code 0
  run "$mpplan" partition "$source/models/simple.json" --devices 2 -o plan.json
  expect_code 0
  run "$mpplan" simulate plan.json --profile profile.json --optimizer sgd
  expect_code 0
  expect_err "4 of 14 nodes are not in profile.json, which was measured for a microbatch of 'simple' \(batch = 16\); the "
  expect_err 'roofline stands in for them: SgdUpdate'
  run "$mpplan" simulate plan.json --profile profile.json --microbatches 2
  expect_code 3
  expect_err 'profile.json: /nodes: none of the [0-9]+ nodes that compute was measured'
  run "$mpplan" partition "$source/models/mlp.json" --devices 2 --profile profile.json -o mlp.json
  expect_code 3
  run "$mpplan" partition "$source/models/simple.json" --cluster "$source/configs/clusters/mixed-h100-v100.json" \
    --profile profile.json -o mixed.json
  expect_code 3
  expect_err 'a profile is of equal devices on one host'
  expect_files plan.json profile.json
}

case_traces_of_both_have_the_same_tracks() {
  run "$mpplan" partition "$source/models/simple.json" --cluster "$source/configs/clusters/laptop-cpu.json" -o plan.json
  expect_code 0
  run "$mpplan" simulate plan.json --trace simulated.json
  expect_code 0
  run "$mprun" train plan.json --steps 2 --trace measured.json --threads 1
  expect_code 0
  cat >tracks.py <<'PYTHON'
import json
def tracks_and_spans(path):
    events = json.load(open(path))["traceEvents"]
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    return names, sorted((names[e["tid"]], e["name"]) for e in events if e["ph"] == "X"), {e["pid"] for e in events}
simulated, measured = tracks_and_spans("simulated.json"), tracks_and_spans("measured.json")
assert simulated[:2] == measured[:2], (simulated, measured)
assert simulated[2] == {0} and measured[2] == {1}
assert "device core0" in simulated[0].values()
PYTHON
  run "$python" tracks.py
  expect_code 0
}

case_wrong_profile_flags_are_usage_errors() {
  run "$mprun" profile "$source/models/simple.json" --devices 0
  expect_code 2
  run "$mprun" profile "$source/models/simple.json" --microbatches 3
  expect_code 2
  expect_err 'a batch of 16 does not divide into 3 microbatches'
  run "$mprun" profile nowhere.json
  expect_code 3
  expect_err 'nowhere.json'
  run "$mprun" profile "$source/models/simple.json" -o nowhere/profile.json
  expect_code 5
  expect_err "cannot write 'nowhere/profile.json'"
  expect_files
}
