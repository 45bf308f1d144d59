using Gram.Models;
namespace Gram.Host.Configuration;

/// <summary>LLaMA-Factory's keys that this project does not read: without effect on the result, or accepted with one value only.</summary>
internal static class LlamaFactoryKeys
{
    private static readonly Dictionary<string, string> WithoutEffect = new(StringComparer.OrdinalIgnoreCase)
    {
        ["trust_remote_code"] = "no code is taken from checkpoints",
        ["deepspeed"] = "this run has one process: optimiser state is neither sharded nor offloaded, so it needs 16 bytes of memory for each trained parameter",
        ["overwrite_cache"] = "nothing is cached here",
        ["preprocessing_num_workers"] = "rows are encoded in this process",
        ["dataloader_num_workers"] = "batches are made in this process",
        ["plot_loss"] = "trainer_log.jsonl and TensorBoard events hold the curves",
        ["report_to"] = "trainer_log.jsonl and TensorBoard events are always written",
        ["ddp_timeout"] = "this run has one process",
        ["use_fast_tokenizer"] = "there is one tokenizer",
        ["flash_attn"] = "attention is libtorch's own",
        ["cache_dir"] = "HF_HUB_CACHE or HF_HOME says where hub models are kept",
        ["push_to_hub"] = "nothing is uploaded",
        ["do_eval"] = "eval_dataset or val_size say whether there is an evaluation",
        ["do_predict"] = "use the judge command",
        ["logging_dir"] = "metrics go to output_dir",
        ["logging_first_step"] = "logging_steps says what is logged",
        ["include_num_input_tokens_seen"] = "tokens are always counted",
        ["low_cpu_mem_usage"] = "weights are mapped from their files",
        ["save_only_model"] = "checkpoints always hold what resuming needs",
        ["lora_rank"] = "the adapter's own rank holds",
        ["lora_alpha"] = "the adapter's own alpha holds",
        ["lora_target"] = "the adapter's own targets hold",
        ["lora_dropout"] = "nothing is trained here",
        ["gradient_checkpointing"] = "nothing is trained here",
        ["disable_gradient_checkpointing"] = "activations are kept unless gradient_checkpointing is true",
        ["cutoff_len"] = "prompts are never cut: one that is longer than the context is an error",
        ["template"] = "the model's own files are carried over",
        ["export_size"] = "max_shard_size says how large a file may be",
        ["export_device"] = "device says where weights are merged",
        ["eval_strategy"] = "eval_steps says when the policy is evaluated",
        ["save_strategy"] = "save_steps says when checkpoints are written",
    };

    /// <summary>Keys that would change the result: only these values are built.</summary>
    private static readonly Dictionary<string, string[]> Fixed = new(StringComparer.OrdinalIgnoreCase)
    {
        ["stage"] = ["sft", "rm", "ppo"],
        ["do_train"] = ["true"],
        ["finetuning_type"] = ["full", "lora"],
        ["packing"] = ["false"],
        ["neat_packing"] = ["false"],
        ["mask_history"] = ["false"],
        ["train_on_prompt"] = ["false"],
        ["fp16"] = ["false"],
        ["pure_bf16"] = ["false"],
        ["streaming"] = ["false"],
        ["neftune_noise_alpha"] = ["0"],
        ["group_by_length"] = ["false"],
        ["reward_model_type"] = ["full"],
        ["use_dora"] = ["false"],
        ["pissa_init"] = ["false"],
        ["create_new_adapter"] = ["false"],
        ["export_legacy_format"] = ["false"],
    };

    /// <summary>Keys that would break what a run rests on.</summary>
    private static readonly Dictionary<string, string> Refused = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ref_model_quantization_bit"] = "KL is measured from the reference, and that of the untrained policy must be exactly 0, where a quantised copy of it computes other logits",
        ["quantization_bit"] = "what is trained keeps its own weights; reward_model_quantization_bit is there for PPO's judge",
    };

    /// <summary>Names of all of them.</summary>
    public static IEnumerable<string> Names => WithoutEffect.Keys.Concat(Fixed.Keys).Concat(Refused.Keys);

    /// <summary>Whether the key is one of them; the note is null where there is nothing to say.</summary>
    /// <exception cref="GramException">The value would change the result in a way that is not built.</exception>
    public static bool TryAccept(string name, string value, string where, out string? note)
    {
        note = WithoutEffect.TryGetValue(name, out var reason) ? $"{where}: '{name}' has no effect: {reason}" : null;
        if (note is not null) return true;
        if (Refused.TryGetValue(name, out var rule)) return value.ToUpperInvariant() is "" or "NONE" or "NULL" ? true : throw new GramException($"{where}: '{name}: {value}' is refused: {rule}; leave it out");
        if (!Fixed.TryGetValue(name, out var accepted)) return false;
        return accepted.Contains(value, StringComparer.OrdinalIgnoreCase)
            ? true
            : throw new GramException($"{where}: '{name}: {value}' is not built; accepted: {string.Join(", ", accepted)}");
    }
}
