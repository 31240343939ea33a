# shellcheck shell=bash disable=SC2154
# mpplan report: pages, pictures and words; the page in a real browser where there is one.

plan() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 4 --microbatches 4 -o plan.json
  expect_code 0
}

case_a_page_is_written() {
  plan
  run $mpplan report plan.json
  expect_code 0
  expect_silent
  expect_err '^report.html written$'
  expect_files plan.json report.html
  grep -q 'gpt-1m over 4 devices' report.html || fail "no title"
  grep -q '>metis<' report.html || fail "the placements tried are not told"
}

case_formats_go_by_flag_or_by_name() {
  plan
  run $mpplan report plan.json -o a.md
  expect_code 0
  grep -q '^# gpt-1m over 4 devices$' a.md || fail "no markdown"
  run $mpplan report plan.json -o b.svg
  expect_code 0
  python3 -c 'import xml.dom.minidom; xml.dom.minidom.parse("b.svg")' || fail "the picture is not well formed"
  run $mpplan report plan.json --format dot -o /dev/stdout
  expect_code 0
  expect_out '^digraph "gpt-1m"'
  if command -v dot >/dev/null; then dot -Tsvg "$out" >/dev/null || fail "Graphviz refuses it"; fi
  run $mpplan report plan.json --format pdf
  expect_code 2
  expect_err 'html'
}

case_a_page_that_cannot_be_written_is_told_at_once() {
  plan
  run $mpplan report plan.json -o no/such/folder/report.html
  expect_code 5
  expect_err 'no/such/folder'
  run $mpplan report nowhere.json
  expect_code 3
}

case_a_browser_shows_the_page() {
  local browser
  browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
  if [[ -z $browser ]]; then
    echo "SKIPPED: no browser here (Debian's package chromium): the page was not looked at"
    return 0
  fi
  plan
  run $mpplan report plan.json -o report.html
  expect_code 0
  local flags=(--headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$PWD/profile"
    --virtual-time-budget=2000)
  timeout 100 "$browser" "${flags[@]}" --dump-dom "file://$PWD/report.html" >dom.html 2>browser.log ||
    fail "the browser failed: $(tail -3 browser.log)"
  # The script has run, and has found a box for every node of the model.
  local nodes
  nodes=$(python3 -c 'import json; print(len(json.load(open("plan.json"))["assignment"]))')
  grep -q "data-ready=\"$nodes\"" dom.html || fail "the page's script did not find $nodes boxes"
  ! grep -qiE 'console.*error|uncaught' browser.log || fail "errors on the page: $(grep -iE 'error|uncaught' browser.log)"
  timeout 100 "$browser" "${flags[@]}" --window-size=1280,3000 --screenshot=page.png "file://$PWD/report.html" \
    >/dev/null 2>&1 || fail "no screenshot"
  (($(stat -c %s page.png) > 20000)) || fail "the page looks empty"
}
