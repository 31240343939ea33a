# shellcheck shell=bash disable=SC2154
# mpplan import.

case_a_published_workload_becomes_model_and_cluster() {
  run $mpplan import "$source/tests/data/workloads/layer-bert24_training.json" -o model.json --cluster-out cluster.json
  expect_code 0
  expect_silent
  expect_err '^model.json: 64 nodes .*\(dnn-partitioning\)$'
  expect_err '^cluster.json: 7 devices$'
  expect_files model.json cluster.json
  expect_json model.json 'd["nodes"][2]["name"] == "3" and d["nodes"][2]["cost"]["parameter_bytes"] == 131325952'
  run $mpplan inspect model.json
  expect_code 0
  run $mpplan partition model.json --cluster cluster.json --effort fast -o plan.json
  expect_code 0
}

case_a_graph_becomes_a_model() {
  printf '3 2\n2\n1 3\n2\n' >path.txt
  run $mpplan import path.txt --format metis --name path
  expect_code 0
  expect_json model.json 'd["name"] == "path" and len(d["nodes"]) == 3'
  run $mpplan import path.txt --cluster-out c.json -o other.json
  expect_code 2
  expect_err 'name no devices'
  expect_files path.txt model.json
}

case_what_cannot_be_imported_is_told() {
  run $mpplan import missing.json
  expect_code 3
  echo 'hello' >hello
  run $mpplan import hello
  expect_code 3
  expect_err 'hello: does not look like any of the formats known \(dnn-partitioning, metis'
  run $mpplan import hello --format mettis
  expect_code 2
  expect_err "did you mean 'metis'"
  run $mpplan import
  expect_code 2
  echo '{"maxFPGAs": 1, "maxCPUs": 0, "maxSizePerFPGA": 5, "nodes": [{"id": 1}], "edges": []}' >bad.json
  run $mpplan import bad.json
  expect_code 3
  expect_err 'bad.json: /nodes/0: "cpuLatency" is missing'
  expect_files hello bad.json
}

# write_piper DEVICES MEMORY: four layers of a second each that may be split over two devices or recompute.
write_piper() {
  python3 - "$1" "$2" >piper.json <<'PYTHON'
import json, sys
def way(name, t, v):
    before, after = ({str(v - 1): 10.0 * (t - 1)} if v else {}), ({str(v + 1): 10.0 * (t - 1)} if v < 3 else {})
    return {"id": name, "timePerSample": (1.0 if name == "vanilla" else 1.3) / t, "parameterSize": 100.0 / t,
            "memoryUsageA": (50.0 if name == "vanilla" else 5.0) / t, "memoryUsageB": 200.0 / t,
            "syncTimeFw": before, "syncTimeBw": after}
nodes = [{"id": v, "name": f"layer {v}", "TMPCs": {str(t): [way(n, t, v) for n in ("vanilla", "recompute")] for t in (1, 2)}}
         for v in range(4)]
json.dump({"maxDevices": int(sys.argv[1]), "maxMemoryPerDevice": float(sys.argv[2]), "bandwidth": 1e3, "mbsInBatch": 8,
           "nodes": nodes, "edges": [{"sourceId": v, "destId": v + 1, "communicationCost": 20.0} for v in range(3)]},
          sys.stdout)
PYTHON
}

case_a_piper_workload_is_planned_with_stages_degrees_and_options() {
  write_piper 4 900
  run $mpplan import piper.json -o model.json --cluster-out cluster.json
  expect_code 0
  expect_err '^model.json: 4 nodes .*\(piper\)$'
  expect_json model.json 'len(d["nodes"][1]["parallel_options"]) == 4 and d["dimensions"]["batch"] == 8'
  run $mpplan partition model.json --cluster cluster.json --objective max-load -o plan.json
  expect_code 0
  expect_out '^slowest stage [0-9.]+ s per microbatch, optimal; predicted step 8\.00 s$'  # 4 microbatches · 4 layers · 0.5 s
  run $mpplan simulate plan.json --json
  expect_code 0
  expect_json - 'abs(d["step_time_s"] - 8) < 0.1'
  expect_json plan.json 'd["algorithm"] == "piper" and d["microbatches"] == 8'
  expect_json plan.json 'sum(s["data_parallel"] * s["tensor_parallel"] for s in d["stages"]) <= 4'
  expect_json plan.json 'sorted(n for s in d["stages"] for ns in s["nodes"].values() for n in ns) == ["0", "1", "2", "3"]'
  expect_json plan.json 'all(s["memory_bytes"] <= 900 for s in d["stages"])'
  run $mpplan partition model.json --cluster cluster.json --objective max-load --json -o again.json
  expect_code 0
  expect_json - 'd["objective"]["name"] == "max-load" and d["objective"]["optimal"] and d["unit"] == "seconds"'
  expect_json - 'd["objective"]["value"] == max(s["time_per_microbatch_s"] for s in d["stages"])'
  expect_same plan.json again.json
}

case_where_no_pipeline_fits_the_memory_that_would_do_is_told() {
  write_piper 4 100
  run $mpplan import piper.json -o model.json --cluster-out cluster.json
  expect_code 0
  run $mpplan partition model.json --cluster cluster.json --objective max-load
  expect_code 4
  expect_err 'nothing fits: .* with .* each they would, or use more devices'
  expect_files piper.json model.json cluster.json
}

case_a_pipedream_profile_is_planned() {
  printf '%s\n' \
    'node1 -- Input0 -- forward_compute_time=0.0, backward_compute_time=0.0, activation_size=0.0, parameter_size=0.0' \
    'node2 -- Conv2d(3, 64) -- forward_compute_time=10.0, backward_compute_time=20.0, activation_size=[4000.0; 96.0], parameter_size=8.0' \
    'node3 -- Linear(64, 10) -- forward_compute_time=5.0, backward_compute_time=5.0, activation_size=40.0, parameter_size=4e7' \
    $'\tnode1 -- node2' $'\tnode2 -- node3' >profile.txt
  run $mpplan import profile.txt -o model.json
  expect_code 0
  expect_err '2 nodes .*\(pipedream\)$'
  run $mpplan partition model.json --devices 4 --objective max-load --algorithm pipedream -o plan.json
  expect_code 0
  expect_json plan.json '[s["data_parallel"] for s in d["stages"]] == [3, 1] and d["replicas"] == [[0, 1, 2]]'
  expect_json plan.json 'd["stages"][0]["time_per_microbatch_s"] < 0.0101'
  expect_out 'predicted step'
  run $mpplan simulate plan.json --json
  expect_code 0
  cp "$out" simulated.json
  step=$("$python" -c 'import json; print(json.load(open("simulated.json"))["step_time_s"])')
  expect_json plan.json "d['predicted']['step_time_s'] == $step"
  run $mpplan partition model.json --devices 4 --algorithm pipedream
  expect_code 2
  expect_err 'plans for --objective max-load alone'
  printf 'node1 -- Input0 -- forward_compute_time=0.0\n\tnode1 -- node9\n' >bad.txt
  run $mpplan import bad.txt
  expect_code 3
  expect_err 'bad.txt: line 1: 1 of the values'
  expect_err 'line 2: no layer is named .node9.'
}

case_an_onnx_model_is_imported_and_planned_with_its_values() {
  run $mpplan import "$source/tests/lib/onnx/data/mlp.onnx" -o model.json --weights-out weights.safetensors
  expect_code 0
  expect_err '^model.json: 4 nodes .*\(onnx\)$'
  run $mpplan partition model.json --devices 2 --bind batch=8 -o plan.json
  expect_code 0
  run $mpplan partition "$source/tests/lib/onnx/data/mlp.onnx" --devices 2 --bind batch=8 -o direct.json
  expect_code 0
  expect_json direct.json 'd["model"]["path"].endswith("mlp.onnx") and len(d["assignment"]) == 4'
  run $mpplan simulate direct.json
  expect_code 0
  run $mpplan import "$source/tests/lib/onnx/data/unknown.onnx" -o unknown.json
  expect_code 3
  expect_err "node 'hard' .Hardmax.: there is no operator 'Hardmax' here"
  expect_files model.json weights.safetensors plan.json direct.json
}

case_dimensions_of_an_onnx_file_are_fixed() {
  local file=$source/tests/lib/onnx/data/forms.onnx
  run $mpplan import "$file" --bind batch=3 -o fixed.json
  expect_code 0
  expect_json fixed.json 'd["inputs"][0]["shape"] == [3, 6] and not d.get("dimensions")'
  run $mpplan import "$file" --bind bach=3 -o other.json
  expect_code 3
  expect_err "no input has a dimension 'bach' to bind"
  printf '2 1\n2\n1\n' >two.graph
  run $mpplan import two.graph --bind batch=3 -o other.json
  expect_code 2
  expect_err '--bind is for ONNX files'
  expect_files fixed.json two.graph
}
