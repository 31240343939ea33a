# shellcheck shell=bash disable=SC2154
# What the documents say is what the programs do: the README's examples, and every flag named anywhere.

# block FILE LINE: the indented block of the file that begins at the line containing LINE, without its indentation.
block() {
  awk -v start="$2" 'index($0, start) {on = 1} on && !/^(    |$)/ {exit} on {print substr($0, 5)}' "$1"
}

# What is the same on every machine, whatever the cost model: without times, and what follows the predicted step.
without_times() {
  sed -E '/^ *algorithm/d; s/ +[0-9.]+ (s|ms|µs)( +<- chosen)?$/\2/; s/; predicted step.*//; /written in/d' | sed '/^$/d'
}

case_the_readmes_plan_is_the_one_made() {
  cp -r "$source/models" .
  local command
  command=$(block "$source/README.md" '$ mpplan partition models/gpt-1m.json' | head -1)
  # shellcheck disable=SC2086
  run "$bin"/${command#\$ }
  expect_code 0
  block "$source/README.md" "$command" | tail -n +2 | without_times >said
  without_times <"$out" >made
  (($(wc -l <said) > 12)) || fail "the README shows no plan"
  expect_same said made
}

case_the_readmes_model_is_planned_and_trained() {
  block "$source/README.md" '"format": "mp.model/1"' >rest
  { echo '{'; cat rest; } >model.json
  run "$mpplan" partition model.json --devices 2 -o plan.json
  expect_code 0
  run "$mprun" train plan.json --steps 2
  expect_code 0
  expect_out "^2 steps in"
}

# helps COMMAND…: the help of the command and of all below it.
helps() {
  local name
  "$@" --help
  for name in $("$@" --help | sed -n '/^Subcommands:/,/^$/s/^  \([a-z]*\) .*/\1/p'); do helps "$@" "$name"; done
}

case_the_documents_name_no_flag_that_there_is_not() {
  { helps "$mpplan"; helps "$mprun"; cat "$source"/scripts/* "$source"/tests/benchmarks/*/run; } >help
  # Those of other programs: Open MPI, Slurm, CMake, TensorBoard, PipeDream.
  printf '%s\n' --bind-to --hostfile --mca --prefix --gpus-per-node --gpus-per-task --mpi --signal --logdir \
    --activation_compression_ratio >>help
  grep -oE -e '--[a-z][a-z0-9_-]*' help | sort -u >known
  (($(wc -l <known) > 100)) || fail "the programs name only $(wc -l <known) flags"
  grep -ohE -e '--[a-z][a-z0-9_-]*' "$source/README.md" "$source"/docs/*.md "$source/models/README.md" | sort -u >named
  [[ -z $(comm -13 known named) ]] || fail "no program has $(comm -13 known named | tr '\n' ' ')"
}

case_what_is_written_is_valid_under_the_schemas() {
  local cluster files=()
  for cluster in "$source"/configs/clusters/*.json; do
    run "$mpplan" partition "$source/models/mlp.json" --cluster "$cluster" --algorithm linear+kl -o "$(basename "$cluster")"
    expect_code 0
    files+=("$(basename "$cluster")")
  done
  run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 --zero 2 --recompute all --optimizer sgd \
    --split fc1=columns:2 --precision bf16 --algorithm linear+kl -o rich.json
  expect_code 0
  run "$mpplan" import "$source/tests/data/workloads/layer-bert24_training.json" -o model.json --cluster-out cluster.json
  expect_code 0
  run "$mprun" profile "$source/models/simple.json" --seconds 0.01 -o profile.json
  expect_code 0
  run "$python" -B "$source/tests/schemas/check.py" "${files[@]}" rich.json model.json cluster.json profile.json
  [[ $code == 77 ]] || expect_code 0
}
