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
  run $mpplan partition model.json --cluster cluster.json -o plan.json
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
