# shellcheck shell=bash disable=SC2154
# mprun on GPUs: what can be seen of it without one. The tests labelled gpu need one.

case_help_names_the_flags_of_gpus() {
  run "$mprun" train --help
  expect_code 0
  for flag in --oversubscribe --tf32 --no-cuda-graphs --no-epilogues --tune-products --attention --nccl; do expect_out "$flag"; done
}

case_a_way_of_attention_that_there_is_not() {
  run "$mprun" profile "$source/models/simple.json" --attention flash -o profile.json
  expect_code 2
  expect_err 'flash not in .*fused'
  expect_files
}

case_profile_explains_a_missing_gpu() {
  "$mprun" devices | grep -q 'cuda:' && return  # it is not missing
  run "$mprun" profile "$source/models/simple.json" --backend cuda -o profile.json
  expect_code 5
  expect_err 'no CUDA backend to train on: .*; use --backend cpu'
  expect_files
}
