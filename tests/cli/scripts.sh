# shellcheck shell=bash disable=SC2154
# The scripts a newcomer types first: help and wrong usage. What they do is tested by continuous integration doing it.

case_every_script_explains_itself() {
  local name
  for name in quickstart test lint cut-costs install-dependencies prediction-table gpu-check; do
    run "$source/scripts/$name" --help
    expect_code 0
    expect_out "^usage: scripts/$name "
    expect_out '^ +--[a-z]+ +[a-zA-Z]'
  done
}

case_wrong_usage_names_the_argument_and_the_help() {
  local name
  for name in quickstart test lint cut-costs install-dependencies prediction-table gpu-check; do
    run "$source/scripts/$name" --no-such-flag
    expect_code 2
    expect_silent
    expect_err "^$name: .*'--no-such-flag' \(try: scripts/$name --help\)"
  done
}

case_values_are_checked_before_anything_is_done() {
  run "$source/scripts/quickstart" --steps 0
  expect_code 2
  expect_err "not '0'"
  run "$source/scripts/quickstart" --devices
  expect_code 2
  run "$source/scripts/test" --preset nonsense
  expect_code 2
  expect_err "no preset named 'nonsense'"
  run "$source/scripts/cut-costs" nonsense
  expect_code 2
  expect_err 'models/nonsense.json'
  run "$source/scripts/lint" nonsense.cpp
  expect_code 2
}

case_cut_costs_says_what_to_build() {
  run "$source/scripts/cut-costs" --bin .
  expect_code 1
  expect_err 'build first'
}
