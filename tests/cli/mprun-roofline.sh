# shellcheck shell=bash disable=SC2154
# mprun roofline: what a step puts on GPUs, told without one.

plan_gpt() {  # PRECISION DEVICES
  run "$mpplan" partition "$source/models/gpt-1m.json" --devices "$2" --precision "$1" --bind batch=2 -o plan.json
  expect_code 0
}

case_the_work_of_a_step_is_summed_by_kind() {
  plan_gpt bf16 1
  run "$mprun" roofline plan.json --bind batch=2
  expect_code 0
  expect_out ', an estimate:'
  expect_out '^work +launches +GFLOP +GB read +GB written +peak ms +expected ms$'
  expect_out '^products +[0-9]'
  expect_out '^updates +1 '
  expect_out '^a step +[0-9]'
  expect_no_out 'misaligned'
  launches=$(awk '/^a step/ {print $3}' "$out")
  run "$mprun" roofline plan.json --bind batch=2 --no-epilogues
  expect_code 0
  (($(awk '/^a step/ {print $3}' "$out") > launches)) || fail "epilogues save no launch"
}

case_every_launch_is_a_line_of_a_file() {
  plan_gpt float32 2
  run "$mprun" roofline plan.json --bind batch=2 --csv work.csv
  expect_code 0
  expect_files plan.json work.csv
  "$python" - work.csv <<'PYTHON' || fail "work.csv"
import csv, sys
rows = list(csv.DictReader(open(sys.argv[1])))
assert len({row["device"] for row in rows}) == 2
assert all(float(row["expected_us"]) >= float(row["peak_us"]) >= 0 for row in rows)
assert any(row["work"] == "products" and int(row["flops"]) > 0 for row in rows)
assert len({row["device"] for row in rows if row["work"] == "updates"}) == 2
PYTHON
}

case_what_cannot_be_told_is_refused() {
  run "$mprun" roofline missing.json
  expect_code 3
  plan_gpt bf16 1
  run "$mprun" roofline plan.json --csv no/folder/work.csv
  expect_code 5
  expect_files plan.json
  run "$mprun" roofline plan.json --steps 3  # nothing is trained
  expect_code 2
  run "$mprun" roofline --help
  expect_code 0
  expect_out 'Needs no GPU'
}
