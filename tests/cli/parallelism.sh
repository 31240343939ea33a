# shellcheck shell=bash disable=SC2154
# Replicas, ZeRO and recomputation, from the flags of mpplan to the losses of mprun.

losses() {
  "$python" - "$1" <<'PYTHON'
import json, sys
with open(sys.argv[1]) as file: print(*(line["loss"] for line in map(json.loads, file) if "loss" in line))
PYTHON
}

train() {
  run "$mprun" train "$1" --data text=text --steps 2 --threads 1 --optimizer sgd --learning-rate 0.05 --seed 3 \
    --metrics run.jsonl "${@:2}"
  expect_code 0
}

case_every_kind_of_parallelism_has_the_losses_of_one_device() {
  cp "$source/models/README.md" text
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices 1 --bind batch=4 --microbatches 2 -o one.json
  train one.json
  wanted=$(losses run.jsonl)
  [[ $(wc -w <<<"$wanted") == 2 ]] || fail "two losses expected, got: $wanted"
  for flags in "--zero 0" "--zero 1 --recompute all" "--zero 2 --schedule gpipe" "--zero 3 --recompute blocks"; do
    # shellcheck disable=SC2086
    run "$mpplan" partition "$source/models/gpt-1m.json" --devices 4 --replicas 2 --bind batch=4 $flags -o plan.json
    expect_code 0
    expect_out 'nodes over 4 devices \(2 replicas'
    train plan.json
    # Two microbatches on two replicas: added in the order in which one device adds them.
    [[ $(losses run.jsonl) == "$wanted" ]] || fail "$flags: $(losses run.jsonl), not $wanted"
  done
}

case_what_the_plan_says_is_what_the_runtime_allocates() {
  for zero in 1 2 3; do
    what_the_plan_says_is_allocated "$zero"
  done
  (( $(arena 2) < $(arena 1) && $(arena 3) < $(arena 2) )) || fail "memory: $(arena 1), $(arena 2), $(arena 3)"
}

arena() {
  "$python" -c 'import json, sys; print(sum(d["memory_bytes"] for d in json.load(open(sys.argv[1]))["predicted"]["devices"]))' \
    "plan-$1.json"
}

what_the_plan_says_is_allocated() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 --zero "$1" --microbatches 4 \
    --recompute all --bucket-bytes 10000 -o plan.json
  expect_code 0
  cp plan.json "plan-$1.json"
  digits=(--data images="$source/models/data/digits-images.idx3-ubyte"
    --data labels="$source/models/data/digits-labels.idx1-ubyte")
  run "$mprun" train plan.json "${digits[@]}" --steps 2 --metrics run.jsonl --save w.safetensors
  expect_code 0
  "$python" - "$1" <<'PYTHON' || fail "memory differs"
import json, sys
plan = json.load(open("plan.json"))
assert plan["replicas"] == [[0, 2], [1, 3]] and plan["zero"] == int(sys.argv[1])
assert plan["microbatches"] == 4 and plan["recompute"]
summary = json.loads(open("run.jsonl").read().splitlines()[-1])["summary"]
assert [d["memory_bytes"] for d in plan["predicted"]["devices"]] == summary["peak_memory_bytes"]
PYTHON
  run "$mprun" train plan.json "${digits[@]}" --steps 1 --load w.safetensors
  expect_code 0
}

case_recompute_auto_makes_what_does_not_fit_fit() {
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices 1 -o plan.json --json
  need=$("$python" -c 'import json, sys; print(json.load(sys.stdin)["devices"][0]["memory_bytes"])' <"$out")
  "$python" - "$need" <<'PYTHON'
import json, sys
device = {"name": "small", "memory_bytes": int(sys.argv[1]) - 1, "flops_per_s": {"float32": 1e12},
          "memory_bandwidth_bytes_per_s": 1e11}
with open("cluster.json", "w") as file:
    json.dump({"format": "mp.cluster/1", "types": [device], "devices": [{"type": "small"}],
               "links": {"within_host": {"bandwidth_bytes_per_s": 1e10}}}, file)
PYTHON
  run "$mpplan" partition "$source/models/gpt-1m.json" --cluster cluster.json --recompute auto -o fits.json
  expect_code 0
  expect_out 'nodes recomputed'
}

case_wrong_values_are_told() {
  model=$source/models/mlp.json
  run "$mpplan" partition "$model" --devices 4 --replicas 3
  expect_code 2
  expect_err '\-\-replicas 3: 4 devices do not divide into 3 parts'
  run "$mpplan" partition "$model" --devices 4 --replicas 4 --microbatches 2
  expect_code 2
  expect_err '4 replicas need as many microbatches, and there are 2; 4 would do'
  run "$mpplan" partition "$model" --devices 4 --zero 4
  expect_code 2
  for flag in "--zero 2" "--bucket-bytes 1000"; do
    # shellcheck disable=SC2086
    run "$mpplan" partition "$model" --devices 4 $flag
    expect_code 2
    expect_err "${flag% *} is for replicas, and there is one: say --replicas N, too"
  done
  run "$mpplan" partition "$model" --devices 4 --recompute some
  expect_code 2
  expect_err '\-\-recompute some: there are none, blocks, all, auto'
  run "$mpplan" partition "$model" --devices 4 --replicas 2 --objective step-time
  expect_code 2
  expect_err 'with --objective step-time the search chooses'
}

case_buckets_are_in_the_plan() {
  model=$source/models/resnet.json
  for bytes in 1 25000000; do
    run "$mpplan" partition "$model" --cluster "$source/configs/clusters/4xa100-pcie.json" --replicas 4 \
      --bucket-bytes "$bytes" -o "$bytes.json"
    expect_code 0
    run "$mpplan" simulate "$bytes.json" --json
    expect_code 0
    cp "$out" "$bytes.simulated"
  done
  expect_json 1.json 'd["bucket_bytes"] == 1'
  expect_json 25000000.json '"bucket_bytes" not in d'
  "$python" - <<'PYTHON' || fail "buckets gain nothing"
import json
single, buckets = (json.load(open(f"{name}.simulated"))["step_time_s"] for name in ("1", "25000000"))
assert buckets < 0.97 * single, (buckets, single)
PYTHON
  run "$mpplan" partition "$model" --devices 2 --replicas 2 --bucket-bytes 0
  expect_code 2
  run "$mpplan" partition "$model" --devices 2 --bucket-bytes 100 --objective step-time
  expect_code 2
  expect_err 'the search chooses'
}

case_what_would_fit_is_told_and_does() {
  model=$source/models/mlp.json
  "$python" - <<'PYTHON'
import json
device = {"name": "small", "memory_bytes": 300_000, "flops_per_s": {"float32": 1e12}, "memory_bandwidth_bytes_per_s": 1e11,
          "launch_overhead_s": 1e-6}
with open("cluster.json", "w") as file:
    json.dump({"format": "mp.cluster/1", "types": [device], "devices": [{"type": "small"}, {"type": "small"}],
               "links": {"within_host": {"bandwidth_bytes_per_s": 1e10}, "between_hosts": {"bandwidth_bytes_per_s": 1e9}}}, file)
PYTHON
  run "$mpplan" partition "$model" --cluster cluster.json --time-limit 100
  expect_code 4
  expect_err 'What would fit: .*'
  cp "$err" told
  sed 's/.*What would fit//' told | grep -o -- '(--[^)]*)' | tr -d '()' >flags
  [[ -s flags ]] || fail "no flag is told"
  while read -r change; do
    # shellcheck disable=SC2086  # a flag and its value
    run "$mpplan" partition "$model" --cluster cluster.json $change -o fits.json
    expect_code 0
  done <flags
  grep -q -- '--bind batch=16' flags || fail "the largest batch that fits is not told"
  run "$mpplan" partition "$model" --cluster cluster.json --bind batch=32 --time-limit 1
  expect_code 4
}
