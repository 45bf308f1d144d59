const mask = (1n << 64n) - 1n;
const rotateLeft = (x, bits) => ((x << bits) | (x >> (64n - bits))) & mask;

/** This project's generator (src/Gram.Models/RandomSource.cs: xoshiro256**, seeded by SplitMix64), so that both measure the same token ids. */
export class RandomSource {
    constructor(seed) {
        let x = BigInt(seed);
        this.state = Array.from({length: 4}, () => {
            x = (x + 0x9E3779B97F4A7C15n) & mask;
            let z = x;
            z = ((z ^ (z >> 30n)) * 0xBF58476D1CE4E5B9n) & mask;
            z = ((z ^ (z >> 27n)) * 0x94D049BB133111EBn) & mask;
            return z ^ (z >> 31n);
        });
    }

    /** A uniform integer in [0, exclusiveMax). */
    next(exclusiveMax) {
        const s = this.state;
        const result = (rotateLeft((s[1] * 5n) & mask, 7n) * 9n) & mask;
        const t = (s[1] << 17n) & mask;
        s[2] ^= s[0];
        s[3] ^= s[1];
        s[1] ^= s[2];
        s[0] ^= s[3];
        s[2] ^= t;
        s[3] = rotateLeft(s[3], 45n);
        return Number((result * BigInt(exclusiveMax)) >> 64n);
    }
}
