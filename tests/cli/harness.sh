# shellcheck shell=bash disable=SC2154
# The runner itself: a case that should fail does, whatever is wrong, and one that should pass does.

# inner BODY: runs the runner on a file with one case of that body.
inner() {
  printf 'case_inner() {\n%s\n}\n' "$1" >inner.sh
  run "$source/tests/cli/run" "$bin" inner.sh
}

expect_inner_failure() {
  inner "$1"
  expect_code 1
  expect_out "FAILED: .*$2"
  expect_out '^FAILED: case_inner$'
}

case_a_good_case_passes() {
  inner 'run bash -c "echo one; echo two >&2; echo {\\\"a\\\": 1} > a.json; cp a.json b.json; exit 3"
    expect_code 3; expect_out "^one$"; expect_err "^two$"; expect_no_out two; expect_no_err one
    expect_files a.json b.json; expect_same a.json b.json; expect_json a.json "d[\"a\"] == 1"'
  expect_code 0
  expect_out '^passed: case_inner$'
}

case_every_expectation_can_fail() {
  expect_inner_failure 'run false; expect_code 0' 'exit code 1, expected 0'
  expect_inner_failure 'run echo a; expect_out b' 'standard output lacks: b'
  expect_inner_failure 'run echo a; expect_err a' 'standard error lacks: a'
  expect_inner_failure 'run echo a; expect_no_out a' 'should not have: a'
  expect_inner_failure 'run ls /nowhere; expect_no_err nowhere' 'should not have: nowhere'
  expect_inner_failure 'run echo a; expect_silent' 'should be empty'
  expect_inner_failure 'run touch a .b; expect_files a' "files in the folder: '.b a'"
  expect_inner_failure 'run touch a; expect_files a b' "expected: 'a b'"
  expect_inner_failure 'echo a > a; echo b > b; expect_same a b' 'differ'
  expect_inner_failure 'run echo "[1]"; expect_json - "d == [2]"' 'JSON of -'
  expect_inner_failure 'run echo "[1"; expect_json - "d == [1]"' 'JSON of -'
}

case_crashes_and_leftovers_fail_without_being_asked_for() {
  expect_inner_failure 'run bash -c "kill -SEGV \$\$"' 'crashed'
  expect_inner_failure 'run /nowhere/program' 'could not be started'
  expect_inner_failure 'run bash -c "echo runtime error: shift >&2"' 'sanitizer'
  expect_inner_failure 'run touch plan.json.tmp1' 'left a temporary file'
}

case_a_failing_command_inside_a_case_fails_it() {
  inner 'false
    true'
  expect_code 1
  expect_out '^FAILED: case_inner$'
}
