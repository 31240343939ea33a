# shellcheck shell=bash disable=SC2154
# What somebody does with mpplan in the first ten minutes, mistakes included.

case_help_is_everywhere() {
  run "$mpplan" --help
  expect_code 0
  local subcommands
  subcommands=$(sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p' "$out")
  [[ $(wc -w <<<"$subcommands") -ge 5 ]] || fail "too few subcommands: $subcommands"
  for name in $subcommands; do
    run "$mpplan" "$name" --help
    expect_code 0
    expect_out "^Usage: mpplan $name"
  done
  run "$mpplan" --version
  expect_code 0
  expect_out '[0-9]+\.[0-9]+\.[0-9]+'
  expect_files
}

case_wrong_usage_is_exit_code_2_and_writes_nothing() {
  local model=$source/models/simple.json
  for arguments in "" "nonsense" "partition" "partition $model --devices 0" "partition $model --devices two" \
    "partition $model --no-such-flag" "partition $model --devices 2 --algorithm nonsense" "compare $model" \
    "partition $model --devices 2 --imbalance -3%"; do
    # shellcheck disable=SC2086
    run "$mpplan" $arguments
    expect_code 2
    expect_silent
    expect_err '^mpplan'
  done
  expect_files
}

case_pinned_nodes_stay_where_the_model_wants_them() {
  run "$mpplan" partition "$source/models/simple.json" --devices 2 -o plan.json
  expect_code 0
  expect_json plan.json "d['assignment']['fc1'] == 0 and d['assignment']['fc2'] == 1"
}

case_the_same_seed_gives_the_same_plan_whatever_the_threads() {
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices 4 --seed 7 -o one.json
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices 4 --seed 7 --threads 4 -o two.json
  expect_code 0
  expect_same one.json two.json
}

case_bad_input_is_exit_code_3_and_names_the_file() {
  head -c 300 "$source/models/mlp.json" >truncated.json
  sed 's/"Relu"/"Rellu"/' "$source/models/mlp.json" >operator.json
  printf '' >empty.json
  head -c 4096 /dev/urandom >noise.json
  mkdir folder.json
  for file in truncated.json operator.json empty.json noise.json folder.json missing.json; do
    run "$mpplan" partition $file --devices 2 -o plan.json
    expect_code 3
    expect_silent
    expect_err "^mpplan: .*$file"
  done
  run "$mpplan" partition operator.json --devices 2
  expect_err "Relu"
  expect_files empty.json folder.json noise.json operator.json truncated.json
}

case_compare_judges_a_plan_edited_by_hand() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 2 -o plan.json
  run "$mpplan" compare plan.json plan.json --max-regression 0%
  expect_code 0
  "$python" - <<'END'
import json
plan = json.load(open("plan.json"))
for number, node in enumerate(plan["assignment"]): plan["assignment"][node] = number % 2
plan.pop("predicted", None)
json.dump(plan, open("edited.json", "w"))
END
  run "$mpplan" compare plan.json edited.json
  expect_code 1
  expect_out 'cut .*WORSE'
  run "$mpplan" compare edited.json plan.json
  expect_code 0
}

case_output_that_cannot_be_written_is_said() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 2 -o nowhere/plan.json
  expect_code 5
  expect_err 'nowhere'
  run bash -c '"$1" partition "$2" --devices 2 --json >/dev/full' _ "$mpplan" "$source/models/mlp.json"
  expect_code 5
}

case_published_sizes_have_names_and_flags_change_them() {
  run $mpplan generate gpt --preset gpt2-124m -o a.json
  expect_code 0
  expect_json a.json 'd["name"] == "gpt2-124m" and sum(n["op"] == "Attention" for n in d["nodes"]) == 12'
  run $mpplan generate gpt --preset gpt3-175b --layers 2 --name small -o b.json
  expect_code 0
  expect_json b.json 'd["name"] == "small" and sum(n["op"] == "Attention" for n in d["nodes"]) == 2'
  expect_json b.json '[50257, 12288] in [p["shape"] for p in d["parameters"]]'
  run $mpplan generate gpt --preset gpt5
  expect_code 2
  expect_err 'gpt2-124m, gpt2-350m, gpt2-774m, gpt2-1.5b, gpt3-6.7b, gpt3-175b'
}
