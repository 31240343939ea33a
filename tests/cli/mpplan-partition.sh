# shellcheck shell=bash disable=SC2154
# mpplan partition, simulate and inspect, as users type them.

case_a_plan_is_made_and_printed() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 4
  expect_code 0
  expect_out '^metis '
  expect_out '^metis\+kl '
  expect_out '^kernighan-lin '
  expect_out '<- chosen$'
  expect_out '^plan.json written in .*mprun train plan.json$'
  expect_files plan.json
  expect_json plan.json 'd["format"] == "mp.plan/1" and set(d["assignment"].values()) == {0, 1, 2, 3}'
}

case_the_json_says_the_same_for_programs() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --seed 7 --json -o p.json
  expect_code 0
  expect_json - 'd["seed"] == 7 and d["unit"] == "bytes" and d["feasible"] and d["plan"] == "p.json"'
  expect_json - 'd["objective"]["value"] == d["cut"] == min(c["cut"] for c in d["candidates"] if c["feasible"])'
  expect_json - 'abs(sum(x["compute_share"] for x in d["devices"]) - 1) < 1e-9 and sum(x["nodes"] for x in d["devices"]) == 71'
  expect_json - 'sum(x["parameters"] for x in d["devices"]) == 842496'
  expect_json - 'set(d["imbalance"]) == {"compute", "memory"} and d["step_time_s"] > 0'
}

case_the_same_seed_gives_the_same_plan_whatever_the_threads() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 8 --seed 3 -o a.json
  expect_code 0
  run $mpplan partition "$source/models/gpt-1m.json" --devices 8 --seed 3 --threads 4 -o b.json
  expect_code 0
  expect_same a.json b.json
}

case_every_number_of_devices_up_to_16_works_on_every_small_model() {
  for model in mlp convnet autoencoder gpt-1m; do
    for devices in 1 2 3 5 7 11 16; do
      run $mpplan partition "$source/models/$model.json" --devices "$devices" -o p.json
      expect_code 0
      run $mpplan simulate p.json
      expect_code 0
    done
  done
}

case_pinned_nodes_stay_where_they_are_pinned() {
  run $mpplan partition "$source/models/simple.json" --devices 2
  expect_code 0
  expect_json plan.json 'd["assignment"]["fc1"] == 0 and d["assignment"]["fc2"] == 1'
  run $mpplan partition "$source/models/simple.json" --devices 1
  expect_code 4
  expect_err "pins node 'fc2' to device 1, but there is only one device"
}

case_wrong_usage_names_the_flag_and_the_choices() {
  run $mpplan
  expect_code 2
  expect_err 'partition, simulate, compare, .*inspect, generate'
  run $mpplan partition "$source/models/gpt-1m.json"
  expect_code 2
  expect_err '--devices N or --cluster FILE'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --algorithm magic
  expect_code 2
  expect_err 'kernighan-lin'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --schedule best
  expect_code 2
  expect_err 'gpipe, 1f1b, interleaved, zero-bubble'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --imbalance lots
  expect_code 2
  expect_err '3% or 0.03'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --bind batch
  expect_code 2
  expect_err 'NAME=EXTENT'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --bind batch=10 --microbatches 4
  expect_code 2
  expect_err 'does not divide'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --blocks 2
  expect_code 2
  expect_err '--blocks is for .graph files'
  expect_files
}

case_bad_models_are_refused_with_the_place_and_nothing_is_written() {
  run $mpplan partition nowhere.json --devices 2
  expect_code 3
  expect_err 'nowhere.json'
  sed 's/"Gelu"/"Gelo"/' "$source/models/gpt-1m.json" >wrong.json
  run $mpplan partition wrong.json --devices 2
  expect_code 3
  expect_err '/nodes/.*/op.*Gelu'
  head -c 3000 "$source/models/gpt-1m.json" >cut.json
  run $mpplan partition cut.json --devices 2
  expect_code 3
  head -c 1000000 /dev/zero | tr '\0' '[' >nested.json
  run $mpplan partition nested.json --devices 2
  expect_code 3
  expect_files cut.json nested.json wrong.json
}

case_what_cannot_be_balanced_or_does_not_fit_is_infeasible() {
  run $mpplan partition "$source/models/gpt2-124m.json" --devices 8 --imbalance 3% --effort fast --time-limit 1
  expect_code 4
  expect_err 'Allow more'
  expect_files
  cat >small.json <<'END'
{"format": "mp.cluster/1", "name": "small",
 "types": [{"name": "t", "memory_bytes": 1000000, "flops_per_s": {"float32": 1e11},
            "memory_bandwidth_bytes_per_s": 1e10, "launch_overhead_s": 1e-6}],
 "devices": [{"type": "t", "count": 2}],
 "links": {"within_host": {"latency_s": 1e-6, "bandwidth_bytes_per_s": 1e10},
           "between_hosts": {"latency_s": 1e-6, "bandwidth_bytes_per_s": 1e10}}}
END
  run $mpplan partition "$source/models/gpt-1m.json" --cluster small.json --time-limit 1
  expect_code 4
  expect_files small.json
}

case_a_full_disk_is_a_failed_run() {
  [[ -w /dev/full ]] || return 0
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 -o /dev/full
  expect_code 5
  expect_err 'No space left on device'
}

case_a_graph_file_is_cut_into_blocks() {
  printf '6 7\n2 3\n1 3\n1 2 4\n3 5 6\n4 6\n4 5\n' >two.graph
  run $mpplan partition two.graph --blocks 2 --json
  expect_code 0
  expect_json - 'd["cut"] == 1 and d["unit"] == "weight" and d["blocks"] == [[3], [3]]'
  expect_files two.graph two.graph.part.2
  [[ $(sort two.graph.part.2 | uniq -c | tr -s ' \n' ' ') == ' 3 0 3 1 ' ]]
  printf '3 2 10\n5 2\n1 1 3\n1 2\n' >heavy.graph
  run $mpplan partition heavy.graph --blocks 2
  expect_code 4
  expect_err 'Allow more with --imbalance'
  expect_files heavy.graph two.graph two.graph.part.2
  printf '3 2\n2\n1 3\n' >short.graph
  run $mpplan partition short.graph --blocks 2
  expect_code 3
  expect_err 'short.graph: line'
  run $mpplan partition two.graph --blocks 2 --devices 2
  expect_code 2
  run $mpplan partition two.graph
  expect_code 2
}

case_simulate_predicts_and_traces() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --microbatches 4
  expect_code 0
  run $mpplan simulate plan.json --json --trace t.json
  expect_code 0
  expect_json - 'd["step_time_s"] > 0 and 0 <= d["bubble_fraction"] < 1 and len(d["devices"]) == 2 and d["links"]'
  expect_json t.json 'len(d["traceEvents"]) > 100'
  run $mpplan simulate plan.json --schedule gpipe --microbatches 8
  expect_code 0
  expect_out '^step '
}

case_the_fastest_schedule_is_found_and_drawn() {
  run $mpplan partition "$source/models/mlp.json" --devices 4 --acyclic --bind batch=64 --microbatches 8 --schedule auto
  expect_code 0
  expect_err '^schedules tried: gpipe .*, 1f1b .*, interleaved .*, zero-bubble '
  expect_json plan.json 'd["schedule"] in ("gpipe", "1f1b", "interleaved", "zero-bubble") and "alive_limit" not in d'
  cp plan.json auto.json
  for schedule in gpipe 1f1b interleaved zero-bubble; do
    run $mpplan partition "$source/models/mlp.json" --devices 4 --acyclic --bind batch=64 --microbatches 8 \
      --schedule $schedule
    expect_code 0
    expect_json plan.json 'd["predicted"]["step_time_s"] >= 0.999999999 * json.load(open("auto.json"))["predicted"]["step_time_s"]'
  done
  run $mpplan simulate auto.json --grid
  expect_code 0
  expect_out '^0 +F0'
  expect_out '^3 +\.+'
  run $mpplan simulate auto.json --schedule auto
  expect_code 2
  expect_err '--schedule auto is for mpplan partition'
}

case_fewer_microbatches_are_alive_where_memory_is_short() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 4 --acyclic --bind batch=32 --microbatches 16 \
    --schedule gpipe
  expect_code 0
  expect_json plan.json '"alive_limit" not in d and max(x["memory_bytes"] for x in d["predicted"]["devices"]) > 30e6'
  python3 - <<'END'
import json
cluster = {"format": "mp.cluster/1", **json.load(open("plan.json"))["cluster"]}
for kind in cluster["types"]: kind["memory_bytes"] = 14500000
json.dump(cluster, open("small.json", "w"))
END
  for schedule in gpipe auto; do
    run $mpplan partition "$source/models/gpt-1m.json" --cluster small.json --acyclic --bind batch=32 \
      --microbatches 16 --schedule $schedule
    expect_code 0
    expect_json plan.json 'max(x["memory_bytes"] for x in d["predicted"]["devices"]) <= 14500000'
    expect_json plan.json 'd["schedule"] != "gpipe" or 1 <= d["alive_limit"] < 16'
  done
}

case_inspect_shows_what_every_node_costs() {
  run $mpplan inspect "$source/models/simple.json" --json
  expect_code 0
  # fc1: 16 × 10 × 10 products and sums, and a bias; backward: no gradient of the data is needed.
  expect_json - 'd["nodes"][0]["forward"]["flops"] >= 3200 and d["nodes"][0]["parameter_bytes"] == 440'
  expect_json - 'd["nodes"][1]["backward"]["flops"] > d["nodes"][0]["backward"]["flops"]'
  run $mpplan inspect "$source/models/gpt2-124m.json"
  expect_code 0
  expect_out '^all '
}

case_an_acyclic_placement_flows_one_way_and_says_when_it_is_optimal() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 4 --acyclic --json
  expect_code 0
  expect_json - 'd["objective"]["optimal"] and d["objective"]["value"] == d["objective"]["lower_bound"] == d["cut"]'
  python3 - "$source/models/gpt-1m.json" <<'END'
import json, sys
nodes = json.load(open(sys.argv[1]))["nodes"]
device = json.load(open("plan.json"))["assignment"]
made_by = {t: n["name"] for n in nodes for t in n.get("outputs", [n["name"]])}
after = {d: set() for d in device.values()}
for n in nodes:
    for t in n.get("inputs", []):
        if t in made_by and device[made_by[t]] != device[n["name"]]:
            after[device[made_by[t]]].add(device[n["name"]])
while after:  # take away devices that nothing else leads to; a circle would never end
    free = [d for d in after if not any(d in others for others in after.values())]
    assert free, "the devices form a circle"
    for d in free:
        del after[d]
END
  run $mpplan partition "$source/models/gpt-1m.json" --devices 4 --acyclic --objective volume
  expect_code 2
}

case_other_objectives_are_no_worse_at_what_they_are_for() {
  run $mpplan partition "$source/models/gpt-1m.json" --devices 4 --json -o cut.json
  cut_volume=$(python3 -c 'import json,sys; print(json.load(open(sys.argv[1]))["communication_volume"])' "$out")
  run $mpplan partition "$source/models/gpt-1m.json" --devices 4 --objective volume --json -o volume.json
  expect_code 0
  expect_json - "d['objective']['name'] == 'volume' and d['objective']['value'] == d['communication_volume'] <= $cut_volume"
  run $mpplan partition "$source/models/gpt-1m.json" --cluster "$source/configs/clusters/2x8xh100.json" --objective mapping --json
  expect_code 0
  expect_json - 'd["objective"]["name"] == "mapping" and d["objective"]["value"] >= d["cut"]'
  run $mpplan partition "$source/models/gpt-1m.json" --devices 2 --objective speed
  expect_code 2
  expect_err 'cut, volume, mapping'
}

case_a_large_file_shows_what_is_being_done() {
  python3 -c '
n = 20_000
with open("path.graph", "w") as f:
    f.write(f"{n} {n - 1}\n2\n")
    f.writelines(f"{v - 1} {v + 1}" + 1000 * " " + "\n" for v in range(2, n))
    f.write(f"{n - 1}\n")'
  run $mpplan partition path.graph --blocks 2 --algorithm multilevel --effort fast --threads 2 --json
  expect_code 0
  expect_err 's  reading path.graph'
  expect_err 'coarsening: 20,000 vertices'
  expect_err 's  writing'
  expect_json - 'd["cut"] <= 3 and d["feasible"]'
  [[ $(wc -l < path.graph.part.2) == 20000 ]] || fail "not a line for each vertex"
}
