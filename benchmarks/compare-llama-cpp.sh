#!/bin/sh
# Measures llama.cpp beside this project on the same bfloat16 values: benchmarks/compare-llama-cpp.sh MODEL_DIRECTORY BF16.gguf [ROUNDS] [THREADS]
set -eu
if [ $# -lt 2 ]; then
    echo "usage: benchmarks/compare-llama-cpp.sh MODEL_DIRECTORY BF16.gguf [ROUNDS] [THREADS]" >&2
    exit 2
fi
root=$(cd "$(dirname "$0")/.." && pwd)
here=$root/benchmarks/llama-cpp
dotnet build -c Release -v q -nologo "$root/src/Gram.Host" >&2
# Only the prebuilt llama.cpp of this platform: no install scripts, so nothing is compiled, and no builds for GPUs.
if [ ! -d "$here/node_modules" ]; then
    binary=@node-llama-cpp/$(node -p '`${({ darwin: "mac", win32: "win" })[process.platform] ?? process.platform}-${process.arch}${process.platform === "darwin" && process.arch === "arm64" ? "-metal" : ""}`')
    version=$(node -p "require('$here/package.json').dependencies['node-llama-cpp']")
    npm install --prefix "$here" --ignore-scripts --omit=optional --no-save --no-package-lock --no-audit --no-fund "$binary@$version" >&2
fi
gram=$(dotnet msbuild "$root/src/Gram.Host" -p:Configuration=Release -getProperty:TargetPath)
exec node "$here/compare.mjs" "$gram" "$@"
