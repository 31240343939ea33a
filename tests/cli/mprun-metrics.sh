# shellcheck shell=bash disable=SC2154
# mprun train: clipping, groups of parameters, measuring on held-out data, what is written about a run, curves of it.

# shellcheck source=tests/cli/training.bash
source "$source/tests/cli/training.bash"

digits=$source/models/data/digits
train() {
  run "$mprun" train plan.json --threads 1 --seed 3 --data "images=$digits-images.idx3-ubyte" \
    --data "labels=$digits-labels.idx1-ubyte" "$@"
}

figures() { grep -o "\"\(step\|loss\|gradient_norm\|validation[a-z_]*\)\":[^,}]*" "$1"; }

case_clipped_gradients_have_their_norm_in_the_metrics() {
  plan mlp plan.json 1
  train --steps 4 --clip-norm 0.5 --optimizer sgd --metrics one.jsonl
  expect_code 0
  [[ $(grep -c '"gradient_norm":[0-9]' one.jsonl) == 4 ]] || fail "not four norms"
  train --steps 3 --optimizer sgd --metrics free.jsonl
  expect_code 0
  ! grep -q gradient_norm free.jsonl || fail "a norm without clipping"
  plan mlp plan.json 3
  train --steps 4 --clip-norm 0.5 --optimizer sgd --metrics three.jsonl
  expect_code 0
  diff <(figures one.jsonl | head -12) <(figures three.jsonl | head -12) || fail "other numbers on three devices"
  # 0: as if nothing had been said; a limit that nothing reaches only measures.
  train --steps 1 --clip-norm 0 --metrics none.jsonl
  ! grep -q gradient_norm none.jsonl || fail "a norm with the limit 0"
  train --steps 3 --clip-norm 1e30 --optimizer sgd --metrics inf.jsonl
  expect_code 0
  diff <(grep -o '"loss":[^,]*' inf.jsonl) <(grep -o '"loss":[^,]*' free.jsonl) || fail "measuring changes the losses"
  for value in -1 nan inf x; do
    train --clip-norm $value
    expect_code 2
    expect_err 'clip-norm'
  done
}

case_a_recipe_has_groups_of_parameters() {
  plan mlp plan.json 2
  recipe() { printf '{"format": "mp.recipe/1", "steps": 3, "optimizer": {"kind": "adamw", "groups": [%s]}}' "$1" >r.json; }
  recipe '{"parameters": "*", "learning_rate_factor": 0, "weight_decay": 0}'
  train --recipe r.json --save still.safetensors
  expect_code 0
  train --steps 1 --learning-rate 0 --save start.safetensors
  expect_code 0
  expect_same still.safetensors start.safetensors
  recipe '{"parameters": "*.bais"}'
  train --recipe r.json
  expect_code 3
  expect_err "'\*\.bais' matches no trained parameter of model 'mlp'"
  recipe '{"weight_decay": 0}'
  train --recipe r.json
  expect_code 3
  expect_err '/optimizer/groups/0: "parameters" is missing'
}

case_a_run_is_measured_and_its_best_weights_are_kept() {
  plan mlp plan.json 2
  train --steps 10 --validate-every 4 --save-best best.safetensors --save last.safetensors --metrics run.csv
  expect_code 0
  expect_err '^step 4: held-out loss [0-9.]+, accuracy [0-9.]+ %, perplexity [0-9.]+ \(the best so far\)$'
  expect_out '^best held-out loss [0-9.]+, after step 8$'
  head -1 run.csv | grep -q '^step,loss,learning_rate,.*,validation_loss,validation_accuracy,validation_perplexity$' ||
    fail "the header: $(head -1 run.csv)"
  [[ $(wc -l <run.csv) == 11 ]] || fail "not eleven lines"
  [[ $(grep -c ',,,$' run.csv) == 8 ]] || fail "measured at other steps than 4 and 8"
  ! cmp -s best.safetensors last.safetensors || fail "the best weights are those of the last step"
  # Measuring changes nothing of the training.
  train --steps 10 --metrics alone.csv
  diff <(cut -d, -f1-3 run.csv) <(cut -d, -f1-3 alone.csv) || fail "other losses"
}

case_a_run_that_gets_worse_ends_early_and_goes_on_so() {
  plan mlp plan.json 1
  flags=(--optimizer sgd --learning-rate 0.5 --momentum 0.99 --validate-every 2 --patience 2 --checkpoint-every 1)
  train "${flags[@]}" --steps 60 --metrics whole.jsonl --checkpoint-dir whole
  expect_code 0
  expect_out 'ended early, there was no better one$'
  tail -1 whole.jsonl >last.json
  expect_json last.json 'd["summary"]["stopped_early"] and d["summary"]["steps"] == d["summary"]["best_step"] + 4 < 60'
  # Stopped in between and gone on with, once and once more after its end.
  local steps
  steps=$("$python" -c 'import json; print(json.load(open("last.json"))["summary"]["steps"])')
  train "${flags[@]}" --steps $((steps - 1)) --metrics run.jsonl --checkpoint-dir run
  expect_code 0
  train "${flags[@]}" --steps 60 --metrics run.jsonl --checkpoint-dir run --resume
  expect_code 0
  expect_out 'ended early'
  diff <(figures whole.jsonl) <(figures run.jsonl) || fail "other figures than those of a run that never stopped"
  cp run.jsonl before.jsonl
  train "${flags[@]}" --steps 60 --metrics run.jsonl --checkpoint-dir run --resume
  expect_code 0
  expect_err 'had ended early; a larger --patience goes on'
  expect_same run.jsonl before.jsonl
}

case_what_validation_needs_is_told() {
  plan mlp plan.json 1
  train --patience 3
  expect_code 2
  expect_err '^mprun: --patience needs --validate-every'
  train --save-best b.safetensors
  expect_code 2
  train --validate-every 0
  expect_code 2
  run "$mprun" train plan.json --steps 2 --validate-every 1 --data x=normal --data labels=copy:labels
  [[ $code != 0 ]] || fail "random values have nothing held out"
  train --steps 2 --validate-every 1 --validation-data images=nowhere
  expect_code 3
  expect_err 'nowhere'
  train --steps 2 --validate-every 1 --save-best no/such/best.safetensors
  expect_code 5
  # Data of its own to measure on, from a recipe too.
  train --steps 2 --validate-every 2 --validation-data "images=$digits-images.idx3-ubyte" \
    --validation-data "labels=$digits-labels.idx1-ubyte"
  expect_code 0
  printf '{"format": "mp.recipe/1", "steps": 2, "tensorboard": "board", "validation": {"every_steps": 1, "patience": 4,
    "data": {"images": "%s-images.idx3-ubyte", "labels": "%s-labels.idx1-ubyte"}}}' "$digits" "$digits" >r.json
  train --recipe r.json
  expect_code 0
  expect_err '^step 1: held-out loss'
  [[ -s board/events.out.tfevents.mprun ]] || fail "no event file"
}

case_ranks_clip_measure_and_go_on_alike() {
  plan mlp plan.json 2
  local flags=(--optimizer sgd --clip-norm 0.5 --validate-every 2 --patience 3 --checkpoint-every 2)
  train "${flags[@]}" --steps 6 --checkpoint-dir one --metrics one.jsonl --save-best one.safetensors
  expect_code 0
  on_ranks() {
    run "$mprun" launch -n 2 train plan.json --threads 1 --seed 3 --data "images=$digits-images.idx3-ubyte" \
      --data "labels=$digits-labels.idx1-ubyte" "${flags[@]}" --checkpoint-dir two --metrics two.jsonl \
      --save-best two.safetensors --tensorboard board "$@"
    expect_code 0
  }
  on_ranks --steps 4
  on_ranks --steps 6 --resume
  diff <(figures one.jsonl) <(figures two.jsonl) || fail "other figures on two ranks"
  expect_same one.safetensors two.safetensors
  [[ $(events board/events.out.tfevents.mprun | grep -c train/loss) == 6 ]] || fail "not six losses"
}

# Reads an event file: checks its framing, prints step, tag and value of each scalar.
events() {
  "$python" - "$1" <<'PYTHON'
import struct, sys
data = open(sys.argv[1], "rb").read()

def fields(message):
    at = 0
    def varint():
        nonlocal at
        value = shift = 0
        while True:
            byte = message[at]; at += 1
            value |= (byte & 127) << shift; shift += 7
            if byte < 128: return value
    while at < len(message):
        key = varint()
        size = {0: None, 1: 8, 5: 4}.get(key & 7) if key & 7 != 2 else varint()
        if size is None: yield key >> 3, varint()
        else: yield key >> 3, message[at:at + size]; at += size

at = 0
while at < len(data):
    (size,) = struct.unpack_from("<Q", data, at)
    event = dict(fields(data[at + 12:at + 12 + size]))
    at += size + 16
    for _, value in fields(event.get(5, b"")):
        value = dict(fields(value))
        print(event[2], value[1].decode(), "%.6g" % struct.unpack("<f", value[2])[0])
assert at == len(data)
PYTHON
}

case_tensorboard_has_the_figures_of_the_metrics() {
  plan mlp plan.json 1
  train --steps 3 --clip-norm 1 --validate-every 2 --tensorboard board --metrics run.jsonl --checkpoint-dir run
  expect_code 0
  train --steps 4 --clip-norm 1 --validate-every 2 --tensorboard board --metrics run.jsonl --checkpoint-dir run --resume
  expect_code 0
  events board/events.out.tfevents.mprun | grep -v 'step_time_s\|samples_per_s' | sort >found
  "$python" - >expected <<'PYTHON'
import json
tags = {"loss": "train/loss", "learning_rate": "train/learning_rate", "gradient_norm": "train/gradient_norm",
        "validation_loss": "validation/loss", "validation_accuracy": "validation/accuracy",
        "validation_perplexity": "validation/perplexity"}
lines = [json.loads(line) for line in open("run.jsonl")]
for line in lines[:-1]:
    for key, tag in tags.items():
        if key in line: print(line["step"], tag, "%.6g" % line[key])
PYTHON
  sort -o expected expected
  expect_same found expected
  [[ $(wc -l <found) == 18 ]] || fail "not 18 scalars"
}

case_a_loss_that_is_no_number_ends_the_run_and_keeps_the_checkpoint() {
  plan mlp plan.json 2
  train --steps 50 --optimizer sgd --learning-rate 1e25 --checkpoint-dir run --checkpoint-every 1 --metrics run.jsonl
  expect_code 5
  expect_err 'step [0-9]+: the loss is -?(nan|inf): training has diverged; .*--detect-anomaly'
  local step
  step=$(sed -n 's/.*step \([0-9]*\): the loss is.*/\1/p' "$err")
  [[ -f run/step-$(printf %08d $((step - 1))).safetensors ]] || fail "the last checkpoint is gone"
  [[ $(wc -l <run.jsonl) == $((step - 1)) ]] || fail "the metrics have the step"
  train --steps 50 --optimizer sgd --learning-rate 1e25 --detect-anomaly
  expect_code 5
  expect_err "node '.*': its output"
}

two_runs() {
  plan mlp plan.json 1
  train --steps 6 --clip-norm 1 --validate-every 2 --metrics one.jsonl
  train --steps 8 --learning-rate 0.01 --metrics two.csv
}

case_curves_are_drawn() {
  two_runs
  run "$mprun" plot one.jsonl two.csv
  expect_code 0
  expect_err '^curves.html written$'
  [[ $(grep -c '<path d="M' curves.html) == 9 ]] || fail "not nine curves"
  run "$mprun" plot one.jsonl -o one.svg
  expect_code 0
  "$python" -c 'import xml.dom.minidom; xml.dom.minidom.parse("one.svg")' || fail "the picture is not well formed"
  run "$mprun" plot one.jsonl -o one.pdf
  expect_code 2
  run "$mprun" plot nowhere.jsonl
  expect_code 3
  run "$mprun" plot plan.json -o x.html
  expect_code 3
  expect_err '^mprun: plan.json'
  run "$mprun" plot one.jsonl -o no/such/x.html
  expect_code 5
  run "$mprun" plot
  expect_code 2
}

case_a_browser_shows_the_curves() {
  local browser
  browser=$(command -v chromium || command -v chromium-browser || command -v google-chrome || true)
  if [[ -z $browser ]]; then
    echo "SKIPPED: no browser here (Debian's package chromium): the curves were not looked at"
    return 0
  fi
  two_runs
  run "$mprun" plot one.jsonl two.csv
  expect_code 0
  timeout 100 "$browser" --headless --no-sandbox --disable-gpu --disable-dev-shm-usage --user-data-dir="$PWD/profile" \
    --virtual-time-budget=2000 --dump-dom "file://$PWD/curves.html" >dom.html 2>browser.log ||
    fail "the browser failed: $(tail -3 browser.log)"
  grep -q 'data-ready="9"' dom.html || fail "the page's script did not find nine curves"
  ! grep -qiE 'console.*error|uncaught' browser.log || fail "errors on the page: $(grep -iE 'error|uncaught' browser.log)"
}
