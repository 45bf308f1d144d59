#!/bin/sh
# Measures what a run makes of a judge that is elsewhere and takes SECONDS a rollout: seconds a step with async_steps 0 and 1, beside the
# sum of the stages, which is what a step takes that waits for each of them.
#
#   benchmarks/overlap.sh SECONDS [--key value …]
#
# The policy is the embedded one unless the keys name another; the first two of eight steps, which fill caches, do not count.
set -eu
if [ $# -lt 1 ]; then
    echo "usage: benchmarks/overlap.sh SECONDS [--key value …]" >&2
    exit 2
fi
seconds=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
port=${PORT:-5099}
judge=
trap '[ -z "$judge" ] || kill "$judge" 2>/dev/null || true; rm -rf "$work"' EXIT INT TERM
dotnet build -c Release -v q -nologo "$root/src/Gram.Host" >&2
gram=$(dotnet msbuild "$root/src/Gram.Host" -p:Configuration=Release -getProperty:TargetPath)
dotnet publish "$root/benchmarks/slow-judge.cs" -o "$work/judge" -v q >&2
dotnet "$work/judge/slow-judge.dll" "$port" "$seconds" 2>"$work/judge.log" &
judge=$!
until grep -q "slow judge on" "$work/judge.log"; do
    kill -0 "$judge" 2>/dev/null || { cat "$work/judge.log" >&2; exit 1; }
    sleep 1
done

figure() { # RUN METRIC: median over the steps that count
    sed -n '3,$s|.*"'"$2"'":\([0-9.eE+-]*\).*|\1|p' "$work/$1/trainer_log.jsonl" | sort -g | awk '{ of[NR] = $1 } END { printf "%.2f", NR % 2 ? of[(NR + 1) / 2] : (of[NR / 2] + of[NR / 2 + 1]) / 2 }'
}

for steps in 0 1; do
    dotnet "$gram" ppo --model_name_or_path demo --dataset demo --eval_dataset demo --base_url "http://127.0.0.1:$port" --max_steps 8 "$@" --async_steps "$steps" --output_dir "$work/$steps" >/dev/null
done
printf '%-14s %6s %14s %9s %6s %6s %7s\n' async_steps step 'sum of stages' generate score update waited
for steps in 0 1; do
    stages=$(for stage in generate judge score advantage update; do figure "$steps" "time/$stage"; echo; done | awk '{ sum += $1 } END { printf "%.2f", sum }')
    printf '%-14s %6s %14s %9s %6s %6s %7s\n' "$steps" "$(figure "$steps" time/step)" "$stages" "$(figure "$steps" time/generate)" "$(figure "$steps" time/score)" "$(figure "$steps" time/update)" "$(figure "$steps" time/judge_wait)"
done
