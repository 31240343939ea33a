# shellcheck shell=bash disable=SC2154
# Ctrl-C in a search: what was found so far is kept.

# interrupt_a_search FLAG…: a search of gpt-10m over 8 devices that would take minutes gets a SIGINT once it has
# begun; its exit code is in $code.
interrupt_a_search() {
  $mpplan partition "$source/models/gpt-10m.json" --devices 8 --effort best "$@" >"$out" 2>"$err" &
  local search=$!
  last_command="mpplan partition $*"
  until ready "$search"; do
    kill -0 "$search" 2>/dev/null || fail "ended before it could be interrupted"
    sleep 0.05
  done
  kill -INT "$search"
  code=0
  wait "$search" || code=$?
}

# Whether the process, which is a copy of this shell at first, is mpplan and catches SIGINT by now: it does from the
# start of the search on.
ready() {
  local caught
  [[ $(cat "/proc/$1/comm" 2>/dev/null) == mpplan ]] || return 1
  caught=$(sed -n 's/^SigCgt:\s*//p' "/proc/$1/status" 2>/dev/null || true)
  ((0x${caught:-0} & 2))
}

case_an_interrupted_search_keeps_the_best_it_has() {
  local flags
  for flags in "--objective cut" "--objective step-time" "--objective max-load"; do
    # shellcheck disable=SC2086
    interrupt_a_search $flags -o plan.json
    expect_code 130
    expect_err '^mpplan: interrupted: ends with the best found so far; once more ends at once$'
    expect_json plan.json 'len(d["assignment"]) > 90 and "step_time_s" in d["predicted"]'
    run $mpplan simulate plan.json
    expect_code 0
    rm plan.json
  done
}

case_an_interrupted_partition_of_a_graph_keeps_its_blocks() {
  "$python" -c '
side = 60
at = lambda x, y: 1 + x * side + y
print(side * side, 2 * side * (side - 1))
for x in range(side):
    for y in range(side):
        near = [(x - 1, y), (x + 1, y), (x, y - 1), (x, y + 1)]
        print(*[at(*p) for p in near if 0 <= min(p) and max(p) < side])' >grid.graph
  $mpplan partition grid.graph --blocks 4 --effort best --time-limit 1000 >"$out" 2>"$err" &
  local search=$!
  until ready "$search"; do sleep 0.05; done
  kill -INT "$search"
  code=0
  wait "$search" || code=$?
  expect_code 130
  [[ $(sort -u grid.graph.part.4 | tr '\n' ' ') == "0 1 2 3 " ]] || fail "not four blocks"
}
