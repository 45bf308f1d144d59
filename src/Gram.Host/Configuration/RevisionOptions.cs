using System.ComponentModel;
using Microsoft.Extensions.Configuration;

namespace Gram.Host.Configuration;

/// <summary>The key of a hub model's revision, which becomes a part of the model's name.</summary>
internal sealed record RevisionOptions
{
    /// <summary>The key of the model's name.</summary>
    public const string NameKey = "model_name_or_path";

    [ConfigurationKeyName(NameKey), Description("the model")]
    public string ModelNameOrPath { get; init; } = "";

    [ConfigurationKeyName("model_revision"), Description("branch, tag or commit of the model, where it is a hub id; ID@REVISION says the same of any model")]
    public string? ModelRevision { get; init; }

    /// <summary>Writes the revision into the model's name: directories have none, and a name may say its own.</summary>
    public static void Settle(Settings settings)
    {
        var (name, revision) = (settings.Get<RevisionOptions>().ModelNameOrPath, settings.Get<RevisionOptions>().ModelRevision);
        if (revision is null || name is "" or DemoName.Text || name.Contains('@', StringComparison.Ordinal) || Directory.Exists(name)) return;
        settings.Set(NameKey, $"{name}@{revision}");
    }
}
