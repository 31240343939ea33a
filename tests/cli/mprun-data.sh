# shellcheck shell=bash disable=SC2154
# mprun: data of every kind, from files.

# plan MODEL FILE: everything on one device.
plan() {
  run "$mpplan" partition "$source/models/$1.json" --devices 1 --algorithm linear+kl -o "$2"
  expect_code 0
}

# A small GPT: context 8, the given vocabulary.
small_gpt() {
  run "$mpplan" generate gpt --name small --layers 1 --hidden 8 --heads 1 --context 8 --vocabulary "$1" --batch 4 -o small.json
  expect_code 0
  run "$mpplan" partition small.json --devices 1 --algorithm linear+kl -o plan.json
  expect_code 0
}

case_token_files_train_a_gpt() {
  small_gpt 600
  "$python" - <<'PYTHON'
import array
tokens = array.array("H", [i * 7 % 600 for i in range(2000)])
open("train.bin", "wb").write(tokens.tobytes())
header = array.array("i", [20240520, 1, len(tokens)] + [0] * 253)
open("llm.c", "wb").write(header.tobytes() + tokens.tobytes())
open("bad.bin", "wb").write(header.tobytes() + tokens.tobytes()[:-1])
tokens[1000] = 600
open("beyond.bin", "wb").write(tokens.tobytes())
PYTHON
  for file in train.bin llm.c; do
    run "$mprun" train plan.json --steps 2 --threads 1 --data token-files=$file --metrics "$file.jsonl"
    expect_code 0
    expect_err "^tokens: $file \(1 file, 2000 tokens\)$"
    grep -o '"loss":[^,]*' "$file.jsonl" | head -2 >"losses-$file"
  done
  expect_same losses-train.bin losses-llm.c
  run "$mprun" train plan.json --data token-files=bad.bin
  expect_code 3
  expect_err 'bad.bin: its header promises 2000 tokens of 2 bytes, but 3999 bytes follow it'
  run "$mprun" train plan.json --data token-files=beyond.bin
  expect_code 3
  expect_err "beyond.bin: byte 2000: token 600: input 'tokens' of the model takes values below 600"
  run "$mprun" train plan.json --data token-files=train.bin --data token-type=uint32
  expect_code 3
  expect_err 'train.bin: byte 0: token [0-9]+: '
  run "$mprun" train plan.json --data token-files=train.bin --data token-type=int8
  expect_code 2
  expect_err 'uint16 or uint32'
  run "$mprun" train plan.json --data token-files=train.bin --data text=train.bin
  expect_code 2
  expect_err 'text or token-files, not both'
  : >empty.bin
  run "$mprun" train plan.json --data token-files=empty.bin
  expect_code 3
  expect_err 'empty.bin: is empty'
}
