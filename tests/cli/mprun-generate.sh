# shellcheck shell=bash disable=SC2154
# mprun generate and mprun eval: what a trained model answers.

# A GPT that has learnt the text "0123456789abcde…" by heart, on two devices: plan.json, w.safetensors, checkpoints.
learn_by_heart() {
  run "$mpplan" generate gpt --name parrot --layers 1 --hidden 32 --heads 2 --context 8 --vocabulary 128 --batch 16 -o parrot.json
  expect_code 0
  run "$mpplan" partition parrot.json --devices 2 --algorithm linear+kl -o plan.json
  expect_code 0
  for _ in {1..160}; do printf '0123456789abcde'; done >text
  run "$mprun" train plan.json --steps 80 --learning-rate 0.01 --threads 1 --data text=text --save w.safetensors \
    --checkpoint-dir checkpoints --checkpoint-every 40
  expect_code 0
}

case_a_model_repeats_the_text_it_was_trained_on() {
  learn_by_heart
  run "$mprun" generate plan.json --weights w.safetensors --prompt 'cde01' --greedy --tokens 20 --threads 1
  expect_code 0
  [[ $(cat "$out") == cde0123456789abcde0123456 ]] || fail "another text"
  expect_err '^parrot: vocabulary of 128, context of 8, greedy, seed 0$'
  expect_no_err 'whole context'
  cp "$out" two
  run "$mprun" generate plan.json --weights w.safetensors --prompt 'cde01' --greedy --tokens 20 --threads 1 --no-cache
  expect_same two "$out"
  run "$mprun" generate parrot.json --weights checkpoints --prompt 'cde01' --greedy --tokens 20 --threads 1
  expect_code 0
  expect_err '^weights of checkpoints/step-00000080.safetensors$'
  expect_same two "$out"

  sample() { run "$mprun" generate "$1" --weights w.safetensors --prompt 7 --tokens 30 --temperature 4 --seed "$2" --threads 1; }
  sample plan.json 1
  cp "$out" first
  sample parrot.json 1
  expect_same first "$out"
  sample plan.json 2
  ! cmp -s first "$out" || fail "another seed, the same text"
  { cat first && echo --- && cat "$out"; } >both
  run "$mprun" generate plan.json --weights w.safetensors --prompt 7 --tokens 30 --temperature 4 --seed 1 --samples 2 --threads 1
  expect_code 0
  expect_same both "$out"
  run "$mprun" generate plan.json --weights w.safetensors --greedy --samples 2
  expect_code 2
  expect_err 'excludes'
  run "$mprun" generate plan.json --weights w.safetensors --prompt 7 --tokens 30 --temperature 4 --top-k 1 --threads 1
  expect_out '^789abcde0123456789abcde01234567$'
  run "$mprun" generate plan.json --weights w.safetensors --prompt 7 --tokens 30 --top-p 0.01 --threads 1
  expect_out '^789abcde0123456789abcde01234567$'

  run "$mprun" generate plan.json --weights w.safetensors --prompt 'é'
  expect_code 2
  expect_err '--prompt holds the token 195, but the model knows tokens below 128'
  run "$mprun" generate plan.json --weights w.safetensors --prompt ''
  expect_code 2
  expect_err '--prompt is empty'
  run "$mprun" generate plan.json --weights w.safetensors --prompt 'cde01' --temperature 0 --tokens 20 --threads 1
  expect_code 0
  expect_same two "$out"
  for wrong in -1 nan hot; do
    run "$mprun" generate plan.json --weights w.safetensors --temperature $wrong
    expect_code 2
    expect_err "^mprun: --temperature: a number from 0 to 1000 is expected, not $wrong\$"
  done
  run "$mprun" generate plan.json --weights w.safetensors --seed -1
  expect_code 2
  run "$mprun" generate plan.json --weights w.safetensors --prompt 'abcde0123456789' --greedy --tokens 3 --top-k 1 --threads 1
  expect_code 2
  run "$mprun" generate plan.json --weights w.safetensors --prompt 'abcde0123456789' --tokens 3 --top-k 1000 --top-p 0.01 --threads 1
  expect_code 0
  expect_out '^abcde0123456789abc$'
  expect_err '^the prompt has 15 tokens: the model sees the last 8 alone$'
  run "$mprun" generate plan.json --weights w.safetensors --vocabulary nowhere
  expect_code 3
  [[ $(cat "$err") == "mprun: nowhere/vocab.json: cannot open: No such file or directory" ]] || fail "$(cat "$err")"
  run "$mprun" generate plan.json --weights w.safetensors --greedy --top-k 4
  expect_code 2
  expect_err 'excludes'
  run "$mprun" generate plan.json
  expect_code 2
  expect_err 'weights'
  run "$mprun" generate plan.json --weights nowhere.safetensors
  expect_code 3
  expect_err 'nowhere.safetensors'
  run "$mprun" generate "$source/models/mlp.json" --weights w.safetensors
  expect_code 3
  expect_err 'no text can be generated with it'
}

case_a_model_in_bfloat16_repeats_the_text_too() {
  learn_by_heart
  for cache in '' --no-cache; do
    # shellcheck disable=SC2086
    run "$mprun" generate plan.json --weights w.safetensors --prompt 'cde01' --greedy --tokens 20 --threads 1 --precision bf16 $cache
    expect_code 0
    expect_out '^cde0123456789abcde0123456$'
  done
  run "$mprun" generate plan.json --weights w.safetensors --precision half
  expect_code 2
  expect_err 'precision'
}

case_weights_of_another_model_are_told_by_its_name() {
  run "$mpplan" generate gpt --name small --layers 1 --hidden 16 --heads 2 --context 8 --vocabulary 128 --batch 4 -o small.json
  run "$mpplan" generate gpt --name other --layers 1 --hidden 32 --heads 2 --context 8 --vocabulary 128 --batch 4 -o other.json
  run "$mpplan" partition small.json --devices 1 -o plan.json
  for _ in {1..20}; do printf '0123456789abcde'; done >text
  run "$mprun" train plan.json --steps 1 --threads 1 --data text=text --save w.safetensors
  expect_code 0
  for command in "generate other.json" "eval other.json --data text=text"; do
    # shellcheck disable=SC2086
    run "$mprun" $command --weights w.safetensors --threads 1
    expect_code 3
    expect_err "w.safetensors: holds model 'small', but the plan's is 'other'$"
  done
}

case_a_set_is_scored_whole_whatever_the_batch() {
  learn_by_heart
  run "$mprun" eval plan.json --weights w.safetensors --data text=text --threads 1 --json
  expect_code 0
  expect_json - 'd["samples"] == 299 and d["labels"] == 299 * 8 and d["accuracy"] == 1.0 and d["loss"] < 0.3'
  expect_json - 'abs(d["perplexity"] - __import__("math").exp(d["loss"])) < 1e-6'
  cp "$out" sixteen.json
  run "$mprun" eval parrot.json --weights checkpoints --data text=text --bind batch=7 --threads 1 --json
  expect_code 0
  expect_json - 'abs(d["loss"] / json.load(open("sixteen.json"))["loss"] - 1) < 1e-5 and d["samples"] == 299'
  run "$mprun" eval plan.json --weights w.safetensors --data text=text --bind batch=1000 --microbatches 2 --threads 1 --json
  expect_code 0
  expect_json - 'abs(d["loss"] / json.load(open("sixteen.json"))["loss"] - 1) < 1e-5 and d["samples"] == 299'
  run "$mprun" eval plan.json --weights w.safetensors --data text=text --threads 1 --held-out
  expect_code 0
  expect_out '^14 samples, loss 0\.[0-9]+, perplexity 1\.[0-9]+, accuracy 100\.00 % \(112 of 112\)$'

  truncate -s -100 checkpoints/step-00000080.safetensors
  run "$mprun" eval plan.json --weights checkpoints --data text=text --threads 1
  expect_code 0
  expect_err 'step-00000080.safetensors: .*passed over'
  expect_err '^weights of checkpoints/step-00000040.safetensors$'
  mkdir empty
  run "$mprun" eval plan.json --weights empty --data text=text
  expect_code 3
  expect_err 'empty: holds no checkpoint'
  run "$mprun" eval plan.json --weights w.safetensors --data tokens=normal
  expect_code 3
  run "$mprun" eval "$source/models/simple.json" --weights w.safetensors
  expect_code 2
  expect_err 'nothing to score'
}

case_images_are_scored_in_inference_mode() {
  images=$source/models/data/digits-images.idx3-ubyte labels=$source/models/data/digits-labels.idx1-ubyte
  run "$mpplan" partition "$source/models/convnet.json" --devices 2 --algorithm linear+kl -o plan.json
  run "$mprun" train plan.json --steps 40 --learning-rate 0.01 --threads 1 --recipe "$source/configs/digits-convnet.json" \
    --save w.safetensors
  expect_code 0
  run "$mprun" eval plan.json --weights w.safetensors --data images="$images" --data labels="$labels" --threads 1 --json
  expect_code 0
  expect_json - 'd["samples"] == 1797 == d["labels"] and d["accuracy"] > 0.9'
  cp "$out" one.json
  run "$mprun" eval plan.json --weights w.safetensors --data images="$images" --data labels="$labels" --threads 1 \
    --bind batch=3 --json  # a batch of three has no statistics worth the name: the running ones are taken
  expect_code 0
  expect_json - 'd["accuracy"] == json.load(open("one.json"))["accuracy"]'
}
