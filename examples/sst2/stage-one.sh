#!/usr/bin/env bash
# What stage 1 buys: the same stage-2 budget with and without pre-training on unlabelled pairs.
#   examples/sst2/stage-one.sh GRAM_COMMAND MODEL FOLDER_OF_PREPARED_SST2 OUTPUT
# Each run that is done is kept: call it again to go on. plot.cs draws the result.
set -euo pipefail
[ $# = 4 ] || { echo "usage: examples/sst2/stage-one.sh GRAM_COMMAND MODEL FOLDER_OF_PREPARED_SST2 OUTPUT" >&2; exit 2; }
gram=$1 model=$2 data=$3 out=$4
mkdir -p "$out"
common=(--template none --cutoff_len 256 --bf16 true --threads 1 --per_device_train_batch_size 16 --gradient_accumulation_steps 1
        --gram_candidate_labels " A, B" --gram_prompt 'A: {answer_a}\nB: {answer_b}\nBetter film review:' --save_strategy no --logging_steps 10)
tail -n 1920 "$data/all-pairs.jsonl" > "$out/unlabelled.jsonl"
head -n 400 "$data/dev-pairs.jsonl" > "$out/dev.jsonl"
[ -f "$out/stage-1/config.json" ] || $gram train "${common[@]}" --model_name_or_path "$model" --dataset "$out/unlabelled.jsonl" --learning_rate 1e-5 --warmup_ratio 0.1 --lr_scheduler_type cosine --output_dir "$out/stage-1"
for seed in 1 2 3; do
  for pairs in 100:4 300:3 1000:1; do
    n=${pairs%:*} epochs=${pairs#*:}
    sed -n "$(( (seed - 1) * 1000 + 1 )),$(( (seed - 1) * 1000 + n ))p" "$data/all-pairs.jsonl" > "$out/pairs-$n-$seed.jsonl"
    for start in base stage-1; do
      run="$out/$start-$n-$seed"
      [ -f "$run.json" ] && continue
      from=$model; [ $start = base ] || from="$out/stage-1"
      $gram train "${common[@]}" --model_name_or_path "$from" --dataset "$out/pairs-$n-$seed.jsonl" --eval_dataset "$out/dev.jsonl" --gram_loss true --gram_label_smoothing 0.1 \
        --learning_rate 3e-5 --warmup_ratio 0.1 --lr_scheduler_type cosine --num_train_epochs "$epochs" --seed "$seed" --output_dir "$run" --json true > "$run.part"
      mv "$run.part" "$run.json"
      rm -f "$run"/*.safetensors
    done
  done
done
