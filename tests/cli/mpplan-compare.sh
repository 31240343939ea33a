# shellcheck shell=bash disable=SC2154
# mpplan compare and generate.

plan() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices "$1" -o "$2" "${@:3}"
  expect_code 0
}

case_a_plan_is_no_worse_than_itself() {
  plan 2 a.json
  run $mpplan compare a.json a.json
  expect_code 0
  expect_out '^cut .*ok$'
  expect_out '^no regression$'
}

case_a_worse_cut_is_a_regression() {
  plan 2 a.json
  # The last block's node in the middle of the first device: everything around it crosses.
  python3 - <<'END'
import json
d = json.load(open("a.json"))
nodes = [n for n, device in d["assignment"].items() if device == 0]
d["assignment"][nodes[len(nodes) // 2]] = 1
del d["predicted"]
json.dump(d, open("b.json", "w"))
END
  run $mpplan compare a.json b.json
  expect_code 1
  expect_out '^cut .*WORSE$'
  run $mpplan compare a.json b.json --max-regression 10000%
  expect_code 0
  run $mpplan compare b.json a.json --json
  expect_code 0
  expect_json - 'not d["regression"] and d["figures"][0]["new"] < d["figures"][0]["old"]'
}

case_plans_of_different_problems_are_not_compared() {
  plan 2 a.json
  plan 4 b.json
  run $mpplan compare a.json b.json
  expect_code 3
  expect_err 'number of devices'
  run $mpplan partition "$source/models/mlp.json" --devices 2 -o c.json
  run $mpplan compare a.json c.json
  expect_code 3
  expect_err 'cannot be compared'
  run $mpplan compare a.json
  expect_code 2
  echo '{' >broken.json
  run $mpplan compare a.json broken.json
  expect_code 3
  expect_err 'broken.json'
}

case_generated_models_are_valid_and_stable() {
  run $mpplan generate gpt --layers 2 --hidden 64 --heads 2 --context 32 -o gpt.json
  expect_code 0
  run $mpplan inspect gpt.json
  expect_code 0
  run $mpplan generate mlp --hidden 32 16 -o mlp.json
  expect_code 0
  run $mpplan generate convnet --stages 8 16 --image 16 -o convnet.json
  expect_code 0
  run $mpplan generate autoencoder --stages 4 8 --image 16 -o autoencoder.json
  expect_code 0
  run $mpplan generate simple -o simple.json
  expect_code 0
  expect_same simple.json "$source/models/simple.json"
  run $mpplan generate gpt --hidden 65 --heads 2
  expect_code 2
  run $mpplan generate
  expect_code 2
}

case_microbatches_that_do_not_fit_are_the_fault_of_the_file_that_has_them() {
  run "$mpplan" partition "$source/models/mlp.json" --devices 2 -o plan.json
  sed 's/"microbatches": 1/"microbatches": 5/; /"predicted"/,/^  },/d' plan.json >odd.json
  for command in "$mpplan compare odd.json plan.json" "$mpplan simulate odd.json" "$mprun train odd.json"; do
    run $command
    expect_code 3
    expect_err 'odd.json: /microbatches: a batch of 64 does not divide into 5 microbatches; 4 would do'
  done
  run "$mpplan" simulate odd.json --microbatches 3
  expect_code 2
}
