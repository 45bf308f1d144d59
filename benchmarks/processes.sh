#!/bin/sh
# Measures PPO's step in one process of one thread, in one of N threads, and in N processes of one thread under mpirun:
#
#   benchmarks/processes.sh CONFIG.yaml N [--key value …]
#
# The configuration's gradient_accumulation_steps is dealt out, so that the three do the same step; of three steps the last counts.
set -eu
if [ $# -lt 2 ]; then
    echo "usage: benchmarks/processes.sh CONFIG.yaml N [--key value …]" >&2
    exit 2
fi
config=$1
processes=$2
shift 2
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
dotnet build -c Release -v q -nologo "$root/src/Gram.Host" >&2
gram=$(dotnet msbuild "$root/src/Gram.Host" -p:Configuration=Release -getProperty:TargetPath)
accumulation=$(sed -n 's/^gradient_accumulation_steps: *\([0-9]*\).*/\1/p' "$config")

figure() { # RUN METRIC
    sed -n '3s|.*"'"$2"'":\([0-9.eE+-]*\).*|\1|p' "$work/$1/trainer_log.jsonl"
}

measure() { # RUN THREADS ACCUMULATION LAUNCHER… : prints seconds of the step, of the update, and the update's tokens a second
    run=$1 threads=$2 steps=$3
    shift 3
    "$@" --threads "$threads" --gradient_accumulation_steps "$steps" --output_dir "$work/$run" --max_steps 3 --eval_steps 0 --save_steps 0 --logging_steps 1 >/dev/null
    printf '%-12s %8.1f s a step %8.1f s the update %8.0f tokens/s\n' "$run" "$(figure "$run" time/step)" "$(figure "$run" time/update)" "$(figure "$run" throughput/train_tokens_per_s)"
}

measure one 1 "$accumulation" dotnet "$gram" ppo "$config" "$@"
measure threads "$processes" "$accumulation" dotnet "$gram" ppo "$config" "$@"
measure processes 1 $((accumulation / processes)) mpirun --allow-run-as-root -n "$processes" dotnet "$gram" ppo "$config" "$@"
