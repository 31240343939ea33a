# Sourced by the scripts beside it: the place of the project, messages, timing, how many jobs to run.
# shellcheck shell=bash

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
script=$(basename "$0")

say() { printf '%s\n' "$*"; }
die() {
  printf '%s: %s\n' "$script" "$*" >&2
  exit 1
}

# The comment block at the top of the calling script is its --help.
usage() { sed -n '2,/^[^#]/{s/^# \{0,1\}//p;}' "$0"; }

wrong_usage() {
  printf '%s: %s (try: scripts/%s --help)\n' "$script" "$*" "$script" >&2
  exit 2
}

# One job per core, but no more than one per 1.5 GB of memory: a compiler that swaps is slower than one that waits.
jobs() {
  local cores memory_kb
  cores=$(nproc 2>/dev/null || echo 1)
  memory_kb=$(awk '/^MemAvailable:/ {print $2}' /proc/meminfo 2>/dev/null || true)
  local by_memory=$((${memory_kb:-99999999} / 1500000))
  if ((by_memory < 1)); then by_memory=1; fi
  echo $((cores < by_memory ? cores : by_memory))
}

require_writable_tree() {
  if ! mkdir -p "$root/build" 2>/dev/null || ! [[ -w $root/build ]]; then
    die "cannot write $root/build: the checkout is read-only. Clone it to a place of your own and start again."
  fi
}

# phase NAME COMMAND… : runs the command, prints NAME with its time; its output goes to the terminal.
# The lines are collected for `phase_summary`. Returns the command's exit code.
phases=()
phase() {
  local name=$1 start=$SECONDS code=0
  shift
  say "== $name"
  "$@" || code=$?
  phases+=("$(printf '%6d s  %s%s' $((SECONDS - start)) "$name" "$( ((code == 0)) || echo "  FAILED ($code)")")")
  return "$code"
}
phase_summary() { printf '%s\n' "${phases[@]}"; }

# quietly COMMAND… : keeps the output to itself; shows all of it if the command fails.
quietly() {
  local log code=0
  log=$(mktemp)
  "$@" >"$log" 2>&1 </dev/null || code=$?
  if ((code != 0)); then
    say "-- failed ($code): $*" >&2
    cat "$log" >&2
  fi
  rm -f "$log"
  return "$code"
}

# configure_and_build PRESET [TARGET…]. Uses ccache where there is one.
configure_and_build() {
  local preset=$1 targets=()
  shift
  if (($# > 0)); then targets=(--target "$@"); fi
  if command -v ccache >/dev/null; then
    export CMAKE_CXX_COMPILER_LAUNCHER=${CMAKE_CXX_COMPILER_LAUNCHER-ccache}
    # Precompiled headers are cached only with these.
    export CCACHE_SLOPPINESS=${CCACHE_SLOPPINESS-pch_defines,time_macros}
  fi
  (cd "$root" && quietly cmake --preset "$preset") || return 1
  grep -h . "$root/build/$preset/summary.txt" 2>/dev/null || true
  (cd "$root" && cmake --build --preset "$preset" "${targets[@]}" --parallel "$(jobs)")
}
