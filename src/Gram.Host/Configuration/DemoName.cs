namespace Gram.Host.Configuration;

/// <summary>The word that stands for the embedded help desk wherever a model or a data set is named.</summary>
internal static class DemoName
{
    public const string Text = "demo";
}
