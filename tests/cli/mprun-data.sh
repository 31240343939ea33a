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
    expect_err '^a model that knew token frequencies alone would have loss'
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
  run "$mprun" train plan.json --data token-type=uint16 --data text=train.bin
  expect_code 2
  expect_err 'token-type=… is the type of token-files=…, and there are none'
  : >empty.bin
  run "$mprun" train plan.json --data token-files=empty.bin
  expect_code 3
  expect_err 'empty.bin: is empty'
}

case_text_is_read_through_a_vocabulary() {
  small_gpt 700
  vocabulary=$source/tests/reference/vocabulary
  run "$mprun" train plan.json --steps 30 --learning-rate 0.01 --threads 1 --data text="$source/README.md" \
    --data vocabulary="$vocabulary" --save w.safetensors
  expect_code 0
  expect_err '^text: .*README.md \(1 file, [0-9]+ tokens\)$'
  run "$mprun" generate plan.json --weights w.safetensors --vocabulary "$vocabulary" --prompt 'the licence é' --tokens 5 --threads 1
  expect_code 0
  expect_out '^the licence é'
  run "$mprun" generate plan.json --weights w.safetensors --prompt 'the'
  expect_code 2
  expect_err 'the model knows 700 tokens, but there are 256 bytes: give the files of its vocabulary with --vocabulary'
  run "$mprun" eval plan.json --weights w.safetensors --threads 1 --data text="$source/README.md" --data vocabulary="$vocabulary" --json
  expect_code 0
  expect_json - 'd["perplexity"] < 700'
  small_gpt 300
  run "$mprun" train plan.json --data text="$source/README.md" --data vocabulary="$vocabulary"
  expect_code 3
  expect_err "README.md: token [0-9]+: input 'tokens' of the model takes values below 300: its vocabulary is too small$"
  run "$mprun" train plan.json --data text="$source/README.md" --data vocabulary=nowhere
  expect_code 3
  expect_err 'nowhere/vocab.json'
}

case_a_table_trains_a_classifier() {
  "$python" - <<'PYTHON'
rows = ["id;species;" + ";".join(f"x{i}" for i in range(64))]
for n in range(300):
    kind = n % 3
    rows.append(f'{n};"{["setosa", "a ""big"" one", "virginica"][kind]}";' + ";".join(str((n * 7 + i) % 5 + (9 if i % 3 == kind else 0)) for i in range(64)))
open("t.csv", "w").write("\n".join(rows) + "\n")
rows[41] = rows[41].replace(";", ";x", 3)
open("bad.csv", "w").write("\n".join(rows) + "\n")
PYTHON
  plan mlp plan.json
  csv=(--data csv=t.csv --data csv-separator=';' --data csv-label=species --data x=columns:3-66)
  run "$mprun" train plan.json --steps 60 --learning-rate 0.01 --threads 1 "${csv[@]}" --save w.safetensors
  expect_code 0
  expect_err '^64 columns: t.csv \(300 samples\), labels: t.csv \(300 samples\)$'
  run "$mprun" eval plan.json --weights w.safetensors --threads 1 "${csv[@]}" --json
  expect_code 0
  expect_json - 'd["accuracy"] > 0.95 and d["labels"] == 300'
  run "$mprun" train plan.json --data csv=bad.csv --data csv-separator=';' --data csv-label=species --data x=columns:3-66
  expect_code 3
  expect_err "bad.csv: line 42, column 3 \('x0'\): 'x[0-9]+' is no finite number"
  run "$mprun" train plan.json "${csv[@]}" --data x=columns:3-65
  expect_code 3
  expect_err "63 of its 66 columns are for input 'x' of the model, which is float32\[64, 64\]"
  run "$mprun" train plan.json "${csv[@]}" --data csv-label=specis
  expect_code 3
  expect_err "has no column 'specis'; did you mean 'species'"
  run "$mprun" train plan.json --data csv-header=no
  expect_code 2
  expect_err 'comes after --data csv=FILE'
}

case_a_folder_of_pictures_trains_a_classifier() {
  "$python" - <<'PYTHON'
import os, struct, zlib
def png(rows):
    def chunk(kind, data): return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    data = zlib.compress(b"".join(b"\0" + bytes(row) for row in rows))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">2I5B", len(rows[0]), len(rows), 8, 0, 0, 0, 0)) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
for n in range(120):
    kind = n % 3
    rows = [[(200 if (x + y * kind) // 4 % 2 else 20) + (n * x + y) % 11 for x in range(20)] for y in range(16)]
    folder = f"set/kind{kind}"
    os.makedirs(folder, exist_ok=True)
    open(f"{folder}/{n}.png", "wb").write(png(rows))
PYTHON
  plan convnet plan.json
  run "$mprun" train plan.json --steps 25 --learning-rate 0.01 --threads 1 --bind batch=32 --data images=set \
    --data image-mean=0.4 --data image-std=0.3 --save w.safetensors
  expect_code 0
  expect_err '^images: set \(120 samples\), 3 classes: set \(120 samples\)$'
  run "$mprun" eval plan.json --weights w.safetensors --threads 1 --data images=set --data image-mean=0.4 \
    --data image-std=0.3 --json
  expect_code 0
  expect_json - 'd["accuracy"] > 0.9 and d["samples"] == 120'
  run "$mprun" train plan.json --data images=set --data image-std=0
  expect_code 2
  expect_err 'image-std=0: positive numbers'
  run "$mprun" train plan.json --data images=set --data image-mean=0.1,0.2
  expect_code 3
  expect_err 'has 1 channels, but 2 means or deviations are given'
  truncate -s 100 set/kind1/4.png
  run "$mprun" train plan.json --data images=set
  expect_code 3
  expect_err 'set/kind1/4.png: is a broken PNG picture'
  mkdir empty
  run "$mprun" train plan.json --data images=empty
  expect_code 3
  expect_err 'empty: has no subfolder'
}
