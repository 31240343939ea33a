# shellcheck shell=bash disable=SC2154
# mpplan split: nodes in parts, planned like any other model.

case_a_split_model_is_planned_with_its_parts_on_both_devices() {
  run "$mpplan" split "$source/models/autoencoder.json" --node down2=channels:2 --node up2=rows:2 -o parts.json
  expect_code 0
  expect_silent
  expect_err '^down2: 2 parts by channels$'
  expect_err '^up2: 2 parts by rows$'
  expect_json parts.json '{"down2.part1", "down2.part2", "up2.part1", "up2.part2"} <= {n["name"] for n in d["nodes"]}'
  run "$mpplan" partition parts.json --devices 2 -o plan.json
  expect_code 0
  expect_json plan.json 'set(d["assignment"].values()) == {0, 1}'
}

case_heavy_nodes_are_split_for_a_number_of_devices() {
  run "$mpplan" split "$source/models/autoencoder.json" --devices 8
  expect_code 0
  expect_err ' parts by channels$'
  cp "$out" parts.json
  expect_json parts.json 'any(n["name"].endswith(".part1") for n in d["nodes"])'
  run "$mpplan" split "$source/models/mlp.json" --devices 8
  expect_code 0
  expect_err '^fc1: 3 parts by columns$'
  run "$mpplan" split "$source/models/gpt-1m.json" --devices 2
  expect_code 0
  expect_err 'nothing is split'
}

case_wrong_splits_are_exit_code_2() {
  local model=$source/models/autoencoder.json
  for arguments in "$model" "$model --node down1" "$model --node nowhere=rows:2" "$model --node loss=rows:2" \
    "$model --node down1=rows:1000" "$model --devices 1" "$model --devices 4 --node down1=rows:2"; do
    # shellcheck disable=SC2086
    run "$mpplan" split $arguments
    expect_code 2
    expect_silent
    expect_err '^mpplan'
  done
  run "$mpplan" split missing.json --devices 2
  expect_code 3
  expect_files
}

case_a_split_that_cannot_be_is_told_and_nothing_else() {
  for split in nowhere=columns:2 loss=columns:2; do
    for objective in cut step-time; do
      run "$mpplan" partition "$source/models/mlp.json" --devices 2 --split $split --objective $objective
      expect_code 2
      expect_silent
      [[ $(grep -c '^mpplan' "$err") == 1 ]] || fail "one message expected: $(cat "$err")"
      expect_files
    done
  done
}
