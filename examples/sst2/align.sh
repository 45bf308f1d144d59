#!/usr/bin/env bash
# PPO of a small model towards positive film reviews, by several estimators, beside best-of-n: gold score against KL.
#   examples/sst2/align.sh GRAM_COMMAND MODEL JUDGE FOLDER_OF_PREPARED_SST2 OUTPUT [RUN...]
# The gold measure is a classifier of sentences that the judge never read. Each run that is done is kept: call it again to go on, with the same configuration and judge (others want a folder of their own). frontier.cs draws the result.
set -euo pipefail
[ $# -ge 5 ] || { echo "usage: examples/sst2/align.sh GRAM_COMMAND MODEL JUDGE FOLDER_OF_PREPARED_SST2 OUTPUT [RUN...]" >&2; exit 2; }
gram=$1 model=$2 judge=$3 data=$4 out=$5
shift 5
here=$(dirname "$0")
export FILM_REVIEW_SENTENCES=$data/gold-sentences.tsv
gold=$here/gold/bin/Release/net10.0/Gram.Examples.FilmReviewGold.dll
[ -f "$gold" ] || dotnet build -c Release "$here/gold" -v q
mkdir -p "$out"

ppo() { # NAME KEYS...: an adapter, and four samples of each held-out prompt
  local name=$1; shift
  [ -f "$out/$name/result.json" ] || $gram ppo "$here/../../configs/ppo_sst2.yaml" --model_name_or_path "$model" --reward_model "$judge" --dataset "$data/train-prompts.jsonl" \
    --eval_dataset "$data/dev-prompts.jsonl" --gold_plugin "$gold" --threads 1 --output_dir "$out/$name" --resume_from_checkpoint true "$@"
  [ -f "$out/$name.jsonl" ] || $gram generate --model "$model" --adapter_name_or_path "$out/$name" --template none --input "$data/dev-prompts.jsonl" --n 4 --max_new_tokens 24 --stop '["\n"]' --temperature 1 --dtype bfloat16 --threads 1 --output "$out/$name.jsonl"
}

run() {
  case $1 in
    initial) ppo initial --max_steps 1 --learning_rate 0 ;;
    remax-greedy-*) ppo "$1" --advantage remax --reference greedy --seed "${1##*-}" ;;
    remax-initial) ppo "$1" --advantage remax --reference initial --seed 1 ;;
    gae) ppo "$1" --advantage gae --seed 1 ;;
    rloo) ppo "$1" --advantage rloo --num_samples 2 --seed 1 ;;
    best-of-n) [ -f "$out/best-of-n/result.json" ] || $gram best-of-n --model "$model" --template none --reward_model "$judge" --input "$data/dev-prompts.jsonl" --n 1,2,4,8,16 --max_new_tokens 24 --temperature 1 \
      --stop '["\n"]' --gold_plugin "$gold" --dtype bfloat16 --threads 1 --output_dir "$out/best-of-n" ;;
    *) echo "there is no run $1" >&2; exit 2 ;;
  esac
}

[ $# -gt 0 ] || set -- initial remax-greedy-1 remax-greedy-2 remax-greedy-3 best-of-n gae rloo remax-initial
for name in "$@"; do run "$name"; done
