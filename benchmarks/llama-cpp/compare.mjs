// Runs `gram bench` and llama.cpp in turns, so that both see the same machine, and prints the best of each.
// node compare.mjs gram.dll MODEL_DIRECTORY BF16.gguf [ROUNDS] [THREADS]
import {execFileSync} from "node:child_process";
import {availableParallelism} from "node:os";
import {LlamaCpp} from "./llama-cpp.mjs";

const [gram, modelDirectory, gguf, rounds = "3", threads = String(availableParallelism())] = process.argv.slice(2);

// The project's figures, and what llama.cpp does beside them. It has one dtype: what the GGUF holds.
const figures = {
    decode_b1_bf16: llama => llama.decode(1),
    decode_b32_bf16: llama => llama.decode(32),
    decode_b32_f32: llama => llama.decode(32),
    prefill_512_bf16: llama => llama.prefill(512),
    prefill_512_f32: llama => llama.prefill(512)
};

const llama = await LlamaCpp.load(gguf, Number(threads));
const best = Object.fromEntries(Object.keys(figures).map(name => [name, {ours: 0, theirs: 0, floor: 0}]));
let machine;
for (let round = 1; round <= Number(rounds); round++) {
    console.error(`round ${round} of ${rounds}`);
    const report = JSON.parse(execFileSync(
        "dotnet", [gram, "bench", "--model", modelDirectory, "--threads", threads, "--figures", Object.keys(figures).join(), "--json"],
        {encoding: "utf8", stdio: ["ignore", "pipe", "inherit"]}));
    machine = report.machine;
    for (const {name, value, share} of report.figures) {
        const row = best[name];
        row.ours = Math.max(row.ours, value);
        row.floor = Math.max(row.floor, value / share);
        row.theirs = Math.max(row.theirs, await figures[name](llama));
    }
}

console.log(`${machine}; llama.cpp ${llama.release} (${llama.features})\n`);
console.log("| figure | llama.cpp, tokens/s | share of the floor | this project, tokens/s | share of the floor | ratio |");
console.log("| --- | --- | --- | --- | --- | --- |");
for (const [name, {ours, theirs, floor}] of Object.entries(best)) {
    console.log(`| ${[`\`${name}\``, theirs.toFixed(1), percent(theirs / floor), ours.toFixed(1), percent(ours / floor), (ours / theirs).toFixed(2)].join(" | ")} |`);
}

function percent(share) {
    return `${(100 * share).toFixed(1)} %`;
}
