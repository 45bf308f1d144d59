#!/bin/sh
# Measures a model and keeps the figures: benchmarks/run.sh MODEL_DIRECTORY [KEY VALUE …]
set -eu
if [ $# -lt 1 ]; then
    echo "usage: benchmarks/run.sh MODEL_DIRECTORY [--threads N …]" >&2
    exit 2
fi
model=$1
shift
root=$(cd "$(dirname "$0")/.." && pwd)
results=$root/benchmarks/results
mkdir -p "$results"
file=$results/$(basename "$model")-$(date -u +%Y%m%dT%H%M%SZ).json
dotnet run -c Release --project "$root/src/Gram.Host" -- bench --model "$model" --json "$@" >"$file"
cat "$file"
echo "kept in $file" >&2
