#!/bin/sh
# Measures `gram serve` beside `gram judge` on the same pairs: benchmarks/serve.sh JUDGE PAIRS.jsonl [CLIENTS] [KEY VALUE …]
set -eu
if [ $# -lt 2 ]; then
    echo "usage: benchmarks/serve.sh JUDGE PAIRS.jsonl [CLIENTS] [--threads N …]" >&2
    exit 2
fi
judge=$1
pairs=$2
shift 2
clients=64
case "${1:-}" in [0-9]*) clients=$1; shift ;; esac
root=$(cd "$(dirname "$0")/.." && pwd)
work=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"' EXIT INT TERM
dotnet build -c Release -v q -nologo "$root/src/Gram.Host" >&2
gram=$(dotnet msbuild "$root/src/Gram.Host" -p:Configuration=Release -getProperty:TargetPath)
dotnet "$gram" judge --reward_model "$judge" --input "$pairs" --output "$work/scored.jsonl" --json "$@" >"$work/judge.json"
dotnet "$gram" serve --reward_model "$judge" --port 0 "$@" 2>"$work/serve.log" &
server=$!
url=
while [ -z "$url" ]; do
    kill -0 "$server" 2>/dev/null || { cat "$work/serve.log" >&2; exit 1; }
    url=$(sed -n 's/.* judges on \(http:[^;,]*\).*/\1/p' "$work/serve.log")
    [ -n "$url" ] || sleep 1
done
dotnet run "$root/benchmarks/serve-load.cs" -- "$url" "$pairs" "$clients" "$work/judge.json"
