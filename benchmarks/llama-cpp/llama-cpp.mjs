import {getLlama, LlamaLogLevel} from "node-llama-cpp";
import {RandomSource} from "./random-source.mjs";

const promptTokens = 32, steps = 64, repeats = 4;

/**
 * llama.cpp as its own llama-bench drives it: batches of given token ids, logits of the last one, nothing drawn from them
 * (this project's figures include the sampling). node-llama-cpp's public API adds JavaScript to every token, so its binding is
 * called directly; package.json pins the version.
 */
export class LlamaCpp {
    constructor(llama, model, threads) {
        this.model = model;
        this.threads = threads;
        this.release = llama.llamaCppRelease.release;
        this.features = llama.systemInfo.match(/\w+(?= = 1)/g).join(" ");
    }

    static async load(gguf, threads) {
        const llama = await getLlama({gpu: false, build: "never", maxThreads: threads, logLevel: LlamaLogLevel.error});
        return new LlamaCpp(llama, await llama.loadModel({modelPath: gguf}), threads);
    }

    /** Tokens a second of 64 steps of `rows` sequences, each after a prompt of 32 tokens. */
    async decode(rows) {
        return rows * steps / await this.#best({sequences: rows, contextSize: promptTokens + steps, batchSize: rows * promptTokens}, async context => {
            const sources = Array.from({length: rows}, (_, row) => new RandomSource(row));
            await this.#run(context, 0, sources.map(source => this.#tokens(source, promptTokens)));
            const start = performance.now();
            for (let step = 0; step < steps; step++) await this.#run(context, promptTokens + step, sources.map(source => this.#tokens(source, 1)));
            return performance.now() - start;
        });
    }

    /** Tokens a second of one prompt. */
    async prefill(tokens) {
        return tokens / await this.#best({sequences: 1, contextSize: tokens, batchSize: tokens}, async context => {
            const prompt = this.#tokens(new RandomSource(0), tokens);
            const start = performance.now();
            await this.#run(context, 0, [prompt]);
            return performance.now() - start;
        });
    }

    /** Seconds of the fastest run after one that warms the caches. */
    async #best(options, run) {
        const context = await this.model.createContext({...options, threads: this.threads, flashAttention: "auto"});
        let best = Infinity;
        for (let i = 0; i <= repeats; i++) {
            const milliseconds = await run(context._ctx);
            if (i > 0) best = Math.min(best, milliseconds);
            for (let row = 0; row < options.sequences; row++) context._ctx.disposeSequence(row);
        }
        await context.dispose();
        return best / 1000;
    }

    /** One decode of a batch: as many tokens of each sequence, from this position on. */
    async #run(context, position, rows) {
        context.initBatch(rows.length * rows[0].length);
        rows.forEach((tokens, row) => context.addToBatch(row, position, tokens, Uint32Array.of(tokens.length - 1)));
        await context.decodeBatch();
    }

    #tokens(source, count) {
        return Uint32Array.from({length: count}, () => source.next(this.model.fileInfo.metadata.tokenizer.ggml.tokens.length));
    }
}
