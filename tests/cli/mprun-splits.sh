# shellcheck shell=bash disable=SC2154
# Plans that cut nodes into parts (mpplan partition --split): planned, looked at, trained, gone on with.

digits=(--threads 1 --data images="$source/models/data/digits-images.idx3-ubyte"
  --data labels="$source/models/data/digits-labels.idx1-ubyte")

# same_losses A B TOLERANCE: every step's, relative.
same_losses() {
  run "$python" - "$@" <<'PYTHON'
import json, sys
a, b = ([json.loads(line)["loss"] for line in open(path) if '"step":' in line and '"loss"' in line] for path in sys.argv[1:3])
worst = max(abs(x - y) / abs(y) for x, y in zip(a, b, strict=True))
print(len(a), worst)
sys.exit(0 if a and worst <= float(sys.argv[3]) else 1)
PYTHON
  expect_code 0
}

case_heavy_nodes_are_split_and_train_with_the_losses_of_the_whole() {
  run "$mpplan" partition "$source/models/autoencoder.json" --devices 4 --split auto -o split.json
  expect_code 0
  expect_err '^mpplan: split: .* parts by channels'
  expect_json split.json 'len(d["splits"]) > 0 and len(set(d["assignment"].values())) == 4'
  expect_json split.json 'all(s["node"] + ".part1" in d["assignment"] for s in d["splits"])'
  run "$mpplan" simulate split.json --json
  expect_code 0
  expect_json - 'd["step_time_s"] > 0 and len(d["devices"]) == 4'
  run "$mpplan" report split.json -o report.html
  expect_code 0
  run "$mprun" verify split.json --bind batch=8 "${digits[@]}" --optimizer sgd
  expect_code 0
  expect_out '^(good|equal): '
  run "$mpplan" partition "$source/models/autoencoder.json" --devices 1 -o whole.json
  expect_code 0
  expect_json whole.json '"splits" not in d'
  for plan in split whole; do
    run "$mprun" train "$plan.json" --steps 3 --bind batch=8 "${digits[@]}" --metrics "$plan.jsonl"
    expect_code 0
  done
  same_losses split.jsonl whole.jsonl 1e-5
}

case_a_tensor_parallel_transformer_goes_on_under_other_plans() {
  local gpt=(--bind batch=2 --threads 1 --data text="$source/docs" --optimizer sgd)
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices 2 --split tensor-parallel:2 --objective step-time \
    --effort fast -o split.json
  expect_code 0
  expect_err '^mpplan: split: block0.attention.query into 2 parts by columns'
  expect_json split.json '{"block0.attention.part1", "block0.attention.part2", "block3.feed_forward.gelu.part2"} <= set(d["assignment"])'
  run "$mprun" verify split.json --steps 2 "${gpt[@]}"
  expect_code 0
  expect_out '^(good|equal): '
  run "$mprun" train split.json --steps 2 "${gpt[@]}" --checkpoint-dir run --metrics first.jsonl
  expect_code 0
  cp -r run again
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices 3 --algorithm linear+kl -o whole.json
  expect_code 0
  run "$mprun" train whole.json --steps 4 "${gpt[@]}" --checkpoint-dir run --resume --metrics whole.jsonl
  expect_code 0
  run "$mprun" train split.json --steps 4 "${gpt[@]}" --checkpoint-dir again --resume --metrics split.jsonl
  expect_code 0
  same_losses split.jsonl whole.jsonl 1e-5
  run "$mprun" train split.json --steps 1 "${gpt[@]}" --save split.safetensors
  expect_code 0
  run "$mprun" train whole.json --steps 1 "${gpt[@]}" --load split.safetensors
  expect_code 0
}

case_sums_halos_and_columns_can_be_asked_for() {
  run "$mpplan" partition "$source/models/autoencoder.json" --devices 3 --split down2=inputs:3 --split up2=rows:2 \
    --split down1=channels:2 -o plan.json
  expect_code 0
  expect_json plan.json '[(s["node"], s["way"], s["parts"]) for s in d["splits"]] == [("down2", "inputs", 3), ("up2", "rows", 2), ("down1", "channels", 2)]'
  run "$mprun" verify plan.json --bind batch=8 "${digits[@]}" --optimizer sgd
  expect_code 0
  expect_out '^(good|equal): '
}

case_wrong_splits_are_told() {
  local model=$source/models/mlp.json
  for arguments in "nowhere=columns:2" "fc1=channels:2" "fc1=columns:1000" "fc1=heads:2" "fc1.relu=columns:2" \
    "tensor-parallel:1" "tensor-parallel:x" "auto --split fc1=columns:2" "none --split auto" \
    "fc1=columns:2 --objective max-load"; do
    # shellcheck disable=SC2086
    run "$mpplan" partition "$model" --devices 2 -o plan.json --split $arguments
    expect_code 2
    expect_silent
    expect_err '^mpplan'
  done
  printf '2 1 1\n2\n1\n' >two.graph
  run "$mpplan" partition two.graph --blocks 2 --split auto
  expect_code 2
  run "$mpplan" partition "$source/models/simple.json" --devices 1 --split tensor-parallel:7
  expect_code 2
}

case_splits_written_by_hand_are_checked() {
  cat >plan.json <<END
{"format": "mp.plan/1", "model": "$source/models/mlp.json", "devices": 2,
 "splits": [{"node": "fc1", "way": "columns", "parts": 2}],
 "assignment": {"fc1.part1": 0, "fc1.part2": 1, "fc1": 0, "fc1.relu": 0, "fc2": 0, "fc2.relu": 0, "classifier": 1, "loss": 1}}
END
  run "$mprun" verify plan.json --bind batch=4 "${digits[@]}" --optimizer sgd
  expect_code 0
  sed 's/"columns"/"rows"/' plan.json >bad.json
  run "$mprun" train bad.json
  expect_code 3
  expect_err "^mprun: bad.json: /splits: cannot split 'fc1' into 2 parts by rows"
  sed 's/"columns"/"rowz"/' plan.json >bad.json
  run "$mpplan" simulate bad.json
  expect_code 3
  expect_err "bad.json: /splits/0/way: .*did you mean 'rows'"
  sed 's/"parts": 2/"parts": 1/' plan.json >bad.json
  run "$mpplan" simulate bad.json
  expect_code 3
}
