using Gram.Host.Demo;

namespace Gram.Host.Configuration;

/// <summary>The word that stands for the embedded help desk wherever a model or a data set is named.</summary>
internal static class DemoName
{
    public const string Text = "demo";

    /// <summary>A policy's directory.</summary>
    public static string Policy(string name) => name == Text ? DemoDefaults.PolicyDirectory : name;

    /// <summary>A judge's directory.</summary>
    public static string Judge(string name) => name == Text ? DemoDefaults.JudgeDirectory : name;
}
