# shellcheck shell=bash disable=SC2154,SC2034
# What the cases that run in several processes have in common; sourced by them.

# The mpirun command in ${mpirun[@]}, or failure where this machine or this build has none.
has_mpirun() {
  export ASAN_OPTIONS=$ASAN_OPTIONS:detect_leaks=0  # MPI's own
  export OMPI_MCA_btl_base_warn_component_unused=0 OMPI_MCA_rmaps_base_oversubscribe=1
  mpirun=(mpirun --oversubscribe)
  [[ $EUID != 0 ]] || mpirun+=(--allow-run-as-root)
  if ! command -v mpirun >/dev/null; then
    echo "SKIPPED: no mpirun here (Debian's package openmpi-bin)"
    return 1
  fi
  # Asked of a plan that is not there: with MPI the program comes as far as looking for it.
  if "${mpirun[@]}" -n 2 "$mprun" train nowhere.json 2>&1 | grep -q 'built without MPI'; then
    echo "SKIPPED: mprun was built without MPI (Debian's package libopenmpi-dev)"
    return 1
  fi
}

children() { ps -o pid= --ppid "$1" | tr -d ' '; }

# expect_end CODES REGEX…: $trainer ends by itself with one of the codes; each expression is in exactly one line of what it
# said. A minute is for slow machines: a rank that hangs would stay for ever.
expect_end() {
  local codes=$1 ended=0 waited=0
  shift
  while kill -0 "$trainer" 2>/dev/null; do
    sleep 0.1
    ((++waited < 600)) && continue
    mapfile -t left < <(children "$trainer")
    kill -9 "$trainer" "${left[@]}" || true
    fail "still there a minute after a rank was lost: $(cat started.err)"
  done
  wait "$trainer" || ended=$?
  [[ " $codes " == *" $ended "* ]] || fail "ended with $ended, expected one of $codes: $(cat started.err)"
  for expression in "$@"; do
    [[ $(grep -cE -e "$expression" started.err) == 1 ]] || fail "not told once: $expression: $(cat started.err)"
  done
  [[ $(grep -c '^mprun: ' started.err) == $# ]] || fail "$# messages expected: $(cat started.err)"
}
