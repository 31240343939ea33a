# shellcheck shell=bash disable=SC2154
# One plan over several processes: the same losses, and what becomes of all when one fails.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"
# shellcheck source=tests/cli/ranks.bash
source "$source/tests/cli/ranks.bash"

gpt=(--bind batch=4 --microbatches 2 --threads 1 --seed 3 --data "text=$source/docs")
losses() { grep -oE '"(loss|validation_loss|accuracy)":[^,}]*' "$1"; }

# Trains without an end in the background: start WRAPPER… -- FLAGS…; sets $trainer, waits for some steps.
start() {
  local wrapper=()
  while [[ $1 != -- ]]; do
    wrapper+=("$1")
    shift
  done
  shift
  "${wrapper[@]}" train plan.json --steps 1000000 "${gpt[@]}" --metrics run.jsonl "$@" >started.out 2>started.err &
  trainer=$!
  wait_until has_steps 3
}

case_any_number_of_ranks_has_the_losses_and_weights_of_one_process() {
  plan gpt-1m plan.json 3
  run "$mprun" train plan.json --steps 3 "${gpt[@]}" --metrics 1.jsonl --save 1.safetensors
  expect_code 0
  losses 1.jsonl >wanted
  grep -q validation_loss wanted || fail "no held-out loss: $(cat wanted)"
  for ranks in 2 3; do
    run "$mprun" launch -n $ranks train plan.json --steps 3 "${gpt[@]}" --metrics $ranks.jsonl \
      --save $ranks.safetensors --trace $ranks.trace
    expect_code 0
    expect_out '^device 2: .* MB, and .* MB of scratch$'
    [[ $(grep -c '^step 3/3' "$err") == 1 ]] || fail "progress is told by one rank alone"
    losses $ranks.jsonl >got
    expect_same wanted got
    expect_same 1.safetensors $ranks.safetensors
    expect_json $ranks.trace 'len({e["tid"] for e in d["traceEvents"] if e["ph"] == "X"}) >= 3'
  done
}

case_replicas_and_sharded_state_work_over_ranks() {
  digits=(--data images="$source/models/data/digits-images.idx3-ubyte"
    --data labels="$source/models/data/digits-labels.idx1-ubyte")
  for flags in "--zero 2" "--zero 3 --schedule gpipe"; do
    # shellcheck disable=SC2086
    run "$mpplan" partition "$source/models/mlp.json" --devices 4 --replicas 2 $flags -o plan.json
    expect_code 0
    run "$mprun" train plan.json "${digits[@]}" --steps 3 --threads 1 --metrics 1.jsonl --save 1.safetensors
    expect_code 0
    run "$mprun" launch -n 3 train plan.json "${digits[@]}" --steps 3 --threads 1 --metrics 3.jsonl --save 3.safetensors
    expect_code 0
    losses 1.jsonl >wanted
    losses 3.jsonl >got
    expect_same wanted got
    expect_same 1.safetensors 3.safetensors
  done
}

case_mpirun_has_the_losses_of_one_process() {
  has_mpirun || return 0
  plan gpt-1m gpt.json 4
  plan convnet convnet.json 3
  for model in convnet gpt; do
    flags=(--steps 2 --threads 1 --seed 3 --microbatches 2 --bind batch=4 --data "text=$source/docs"
      --data images="$source/models/data/digits-images.idx3-ubyte"
      --data labels="$source/models/data/digits-labels.idx1-ubyte")
    run "$mprun" train $model.json "${flags[@]}" --metrics 1.jsonl --save 1.safetensors
    expect_code 0
    for ranks in 2 3; do
      run "${mpirun[@]}" -n $ranks "$mprun" train $model.json "${flags[@]}" --metrics n.jsonl --save n.safetensors
      expect_code 0
      losses 1.jsonl >wanted
      losses n.jsonl >got
      expect_same wanted got
      expect_same 1.safetensors n.safetensors
    done
  done
  run "${mpirun[@]}" -n 2 "$mprun" train gpt.json "${flags[@]}" --transport tcp
  expect_code 0
}

case_checkpoints_go_on_under_another_number_of_ranks() {
  plan gpt-1m one.json 1
  plan gpt-1m three.json 3
  run "$mprun" train one.json --steps 6 "${gpt[@]}" --metrics whole.jsonl --save whole.safetensors
  expect_code 0
  run "$mprun" launch -n 3 train three.json --steps 2 "${gpt[@]}" --metrics run.jsonl --checkpoint-dir run \
    --checkpoint-every 2
  expect_code 0
  run "$mprun" launch -n 2 train three.json --steps 4 "${gpt[@]}" --metrics run.jsonl --checkpoint-dir run \
    --checkpoint-every 2 --resume
  expect_code 0
  expect_err '^resumed from run/step-00000002.safetensors: 2 steps done$'
  run "$mprun" train one.json --steps 6 "${gpt[@]}" --metrics run.jsonl --checkpoint-dir run --resume --save run.safetensors
  expect_code 0
  grep -o '"step":[0-9]*,"loss":[^,]*' whole.jsonl >a
  grep -o '"step":[0-9]*,"loss":[^,]*' run.jsonl >b
  expect_same a b
  expect_same whole.safetensors run.safetensors
}

case_ranks_that_differ_or_are_too_many_are_refused_by_one_message() {
  plan gpt-1m plan.json 2
  run "$mprun" launch -n 3 train plan.json --steps 2 "${gpt[@]}"
  expect_code 2
  expect_err '3 ranks for a plan of 2 devices: .*start at most 2 .*or plan for 3 devices \(mpplan partition --devices 3\)$'
  [[ $(grep -c . "$err") == 1 ]] || fail "one message expected: $(cat "$err")"
  run "$mprun" launch -n 2 train nowhere.json
  expect_code 3
  [[ $(cat "$err") == "mprun: nowhere.json: cannot open: No such file or directory" ]] || fail "$(cat "$err")"
  run "$mprun" launch -n 2 verify plan.json
  expect_code 2
  run env OMPI_COMM_WORLD_RANK=0 OMPI_COMM_WORLD_SIZE=2 "$mprun" verify plan.json
  expect_code 2
  expect_err 'mpirun has started 2 processes, but of mprun.s commands train, eval and generate alone run in several'
  # Two ranks that were started by hand, with different flags; then one with data that the other lacks.
  free_port
  two_by_hand "--seed 4" "--seed 5"
  [[ $codes == "2 2" ]] || fail "exit codes $codes"
  expect_one_line 'rank 1 \(host .*, device 1\) has the command line .*--seed 5.*, but rank 0 has .*--seed 4'
  mkdir there
  cp plan.json there
  echo 'not enough' >there/text
  cp "$source/models/README.md" text
  second_folder=there two_by_hand "--data text=text" "--data text=text"
  [[ $codes == "3 3" ]] || fail "exit codes $codes"
  expect_one_line 'mprun: rank 1 \(host .*, device 1\): .*text.*too few'
}

case_wrong_uses_of_ranks_are_told() {
  plan simple plan.json 2
  run "$mprun" launch --help
  expect_code 0
  expect_out 'mprun launch -n 4 train plan.json'
  run "$mprun" launch train plan.json
  expect_code 2
  expect_err '--ranks is required'
  run "$mprun" launch -n 0 train plan.json
  expect_code 2
  run "$mprun" train plan.json --transport smoke
  expect_code 2
  expect_err 'auto.*mpi.*tcp'
  run "$mprun" train plan.json --transport mpi
  expect_code 2
  expect_err '--transport mpi needs ranks that an MPI launcher has started'
  run "$mprun" train plan.json --rank-timeout 0
  expect_code 2
  run env RANK=0 WORLD_SIZE=2 "$mprun" train plan.json
  expect_code 2
  expect_err 'RANK and WORLD_SIZE are set, but not MASTER_ADDR and MASTER_PORT'
  run env RANK=x WORLD_SIZE=2 "$mprun" train plan.json
  expect_code 2
  expect_err "RANK is 'x': expected a whole number from 0 to 1"
  free_port
  run env RANK=0 WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT="$port" "$mprun" train plan.json --start-timeout 0.5
  expect_code 5
  expect_err '^mprun: rank 1 of 2 did not come within 0.5 s: was it started, and can it reach port '
  run env RANK=1 WORLD_SIZE=2 MASTER_ADDR=localhost MASTER_PORT="$port" "$mprun" train plan.json --start-timeout 0.5
  expect_code 5
  expect_err "^mprun: rank 1 .*did not reach rank 0 at localhost, port $port, within 0.5 s; the last try: .*Connection refused\$"
}

free_port() { port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("", 0)); print(s.getsockname()[1])'); }

# two_by_hand FLAGS FLAGS: sets $codes; what both say is in both.err.
two_by_hand() {
  local first=0 second=0
  export MASTER_ADDR=127.0.0.1 MASTER_PORT=$port WORLD_SIZE=2
  # shellcheck disable=SC2086
  (cd "${second_folder:-.}" && RANK=1 exec "$mprun" train plan.json --steps 2 --bind batch=4 $2) >/dev/null 2>second.err &
  # shellcheck disable=SC2086
  RANK=0 "$mprun" train plan.json --steps 2 --bind batch=4 $1 >/dev/null 2>first.err || first=$?
  wait $! || second=$?
  codes="$first $second"
  cat first.err second.err >both.err
  unset MASTER_ADDR MASTER_PORT WORLD_SIZE
}

expect_one_line() {
  [[ $(grep -cE -e "$1" both.err) == 1 && $(grep -c . both.err) == 1 ]] || fail "expected only: $1: $(cat both.err)"
}

case_a_killed_rank_ends_all_with_one_message() {
  plan gpt-1m plan.json 3
  for victim in 0 1 2; do
    rm -f run.jsonl
    start "$mprun" launch -n 3 --
    kill -9 "$(children "$trainer" | sed -n "$((victim + 1))p")"
    expect_end 5 "^mprun: rank $victim \(host .*, device $victim\) ended without a word: killed, or out of memory\$"
  done
}

case_a_rank_killed_under_mpirun_ends_all_with_one_message() {
  has_mpirun || return 0
  plan gpt-1m plan.json 3
  start "${mpirun[@]}" -n 3 "$mprun" --
  kill -9 "$(children "$trainer" | sed -n 2p)"
  # 137 is mpirun's own answer.
  expect_end "5 137" '^mprun: rank 1 \(host .*, device 1\) ended without a word: killed, or out of memory$'
}

case_an_interrupt_of_one_rank_ends_all_after_the_step() {
  plan gpt-1m plan.json 2
  start "$mprun" launch -n 2 -- --save w.safetensors
  kill -TERM "$(children "$trainer" | sed -n 2p)"
  expect_end 130
  tail -1 run.jsonl >last.json
  expect_json last.json 'd["summary"]["steps"] >= 3'
  [[ -f w.safetensors ]] || fail "nothing was saved"
}

case_a_full_disk_on_rank_0_ends_all() {
  plan simple plan.json 2
  run bash -c 'ulimit -f 2; exec "$0" launch -n 2 train plan.json --steps 5000 --checkpoint-dir run --checkpoint-every 10' "$mprun"
  expect_code 5
  expect_err '^mprun: rank 0 \(host .*, device 0\): a checkpoint could not be written: .*File too large$'
  [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected"
  [[ -z $(ls run) ]] || fail "something is left: $(ls run)"
}

case_killed_ranks_start_again_from_the_checkpoint() {
  plan gpt-1m plan.json 2
  start "$mprun" launch -n 2 -- --checkpoint-dir run --checkpoint-every 2 --max-restarts 3
  expect_restarts
}

case_ranks_killed_under_mpirun_start_again_from_the_checkpoint() {
  has_mpirun || return 0
  plan gpt-1m plan.json 2
  start "${mpirun[@]}" -n 2 "$mprun" -- --checkpoint-dir run --checkpoint-every 2 --max-restarts 3
  expect_restarts
}

case_slurm_without_pmix_meets_at_the_first_host_of_the_step() {
  plan gpt-1m plan.json 2
  free_port
  export SLURM_STEP_NUM_TASKS=2 SLURM_STEP_ID=0 SLURM_STEP_NODELIST=localhost MASTER_PORT=$port
  flags=(--steps 1 "${gpt[@]}" --save w.safetensors)
  SLURM_PROCID=1 "$mprun" train plan.json "${flags[@]}" >other.out 2>other.err &
  run env SLURM_PROCID=0 "$mprun" train plan.json "${flags[@]}"
  expect_code 0
  wait $! || fail "rank 1 failed: $(cat other.err)"
  [[ ! -s other.out && ! -s other.err ]] || fail "rank 1 speaks: $(cat other.out other.err)"
  # A script of sbatch has some of these variables, too, and is no rank.
  unset SLURM_STEP_NUM_TASKS SLURM_STEP_ID SLURM_STEP_NODELIST
  run env SLURM_PROCID=0 SLURM_NTASKS=8 "$mprun" train plan.json "${flags[@]}"
  expect_code 0
}

has_checkpoint_after() { [[ -n $(find run -name 'step-*.safetensors' -newer "$1") ]]; }

# Kills what trains on rank 1, then on rank 0; the losses are those of a run that nothing happened to.
expect_restarts() {
  local supervisor steps
  touch killed.0
  wait_until has_checkpoint_after killed.0
  for restart in 1 2; do
    supervisor=$(children "$trainer" | sed -n "$((3 - restart))p")
    kill -9 "$(children "$supervisor")"
    touch killed.$restart
    wait_until grep -qE "^mprun: the training .*: restart $restart of 3, from step [0-9]+\$" started.err
    wait_until has_checkpoint_after killed.$restart
  done
  grep -qE '^mprun: rank 1 .* ended without a word' started.err || fail "rank 1 was not named: $(cat started.err)"
  kill -TERM "$(children "$trainer" | sed -n 1p)"
  local ended=0
  wait "$trainer" || ended=$?
  [[ $ended == 130 ]] || fail "ended with $ended: $(cat started.err)"
  steps=$(sed -n 's/.*restart 2 of 3, from step //p' started.err)
  run "$mprun" train plan.json --steps "$((steps + 1))" "${gpt[@]}" --metrics whole.jsonl
  expect_code 0
  grep -o '"step":[0-9]*,"loss":[^,]*' whole.jsonl >a
  grep -o '"step":[0-9]*,"loss":[^,]*' run.jsonl | head -n "$((steps + 1))" >b
  expect_same a b
}

# Two hosts: network namespaces $here (address $subnet.1) and $there ($subnet.2), removed at the end of the case.
make_hosts() {
  here=mprun-a-$$ there=mprun-b-$$ subnet=10.$((64 + $$ % 64)).$((RANDOM % 250))
  if [[ $EUID != 0 ]] || ! ip netns add "$here" 2>/dev/null; then
    echo "SKIPPED: network namespaces need root, the capability for them, and ip (Debian's package iproute2)"
    return 1
  fi
  trap 'ip netns del "$here"; ip netns del "$there" 2>/dev/null; rm -rf "$work"' EXIT
  ip netns add "$there"
  ip link add "va$$" netns "$here" type veth peer name "vb$$" netns "$there"
  for end in "$here va$$ $subnet.1" "$there vb$$ $subnet.2"; do
    read -r space link address <<<"$end"
    ip -n "$space" addr add "$address/24" dev "$link"
    ip -n "$space" link set "$link" up
    ip -n "$space" link set lo up
  done
}

case_mpirun_trains_over_two_hosts() {
  has_mpirun || return 0
  make_hosts || return 0
  plan gpt-1m plan.json 3
  run "$mprun" train plan.json --steps 2 "${gpt[@]}" --metrics 1.jsonl
  expect_code 0
  printf '#!/usr/bin/env bash\nshift\nexec ip netns exec %s bash -c "$*"\n' "$there" >agent
  chmod +x agent
  run ip netns exec "$here" "${mpirun[@]}" --mca plm_rsh_agent "$PWD/agent" --host "$subnet.1:1,$subnet.2:1" -n 2 \
    "$mprun" train plan.json --steps 2 "${gpt[@]}" --metrics 2.jsonl
  expect_code 0
  losses 1.jsonl >wanted
  losses 2.jsonl >got
  expect_same wanted got
}

case_a_cut_connection_ends_the_ranks_on_both_sides() {
  make_hosts || return 0
  plan gpt-1m plan.json 2
  export MASTER_ADDR=$subnet.1 MASTER_PORT=29500 WORLD_SIZE=2
  RANK=1 ip netns exec "$there" "$mprun" train plan.json --steps 1000000 "${gpt[@]}" --metrics run.jsonl \
    --rank-timeout 4 >other.out 2>other.err &
  local other=$! ended=0
  RANK=0 start ip netns exec "$here" "$mprun" -- --rank-timeout 4
  ip -n "$here" link set "va$$" down
  expect_end 5 '^mprun: rank 1 \(host .*, device 1\) has not been heard of for 4 s: its host is down, or the connection to it is cut$'
  wait "$other" || ended=$?
  [[ $ended == 5 ]] || fail "rank 1 ended with $ended: $(cat other.err)"
  grep -q '^mprun: rank 0 (host .*, device 0) has not been heard of for 4 s' other.err || fail "$(cat other.err)"
}

case_eval_over_ranks_has_the_numbers_of_one_process() {
  plan gpt-1m plan.json 3
  run "$mprun" train plan.json --steps 2 "${gpt[@]}" --save w.safetensors
  expect_code 0
  score=(eval plan.json --weights w.safetensors --bind batch=4 --threads 1 --data "text=$source/docs/many-hosts.md" --json)
  run "$mprun" "${score[@]}"  # steps of 4, and a rest
  expect_code 0
  cp "$out" four.json
  run "$mprun" launch -n 3 "${score[@]}"
  expect_code 0
  expect_same four.json "$out"
  [[ $(grep -c '^text: ' "$err") == 1 ]] || fail "told by one rank alone: $(cat "$err")"
  run "$mprun" launch -n 2 eval plan.json --weights nowhere.safetensors --data "text=$source/docs" --threads 1
  expect_code 3
  [[ $(grep -c '^mprun: ' "$err") == 1 ]] || fail "one message expected"
  expect_err '^mprun: rank 0 .*nowhere.safetensors'
  has_mpirun || return 0
  run "${mpirun[@]}" -n 2 "$mprun" "${score[@]}"
  expect_code 0
  expect_same four.json "$out"
}
