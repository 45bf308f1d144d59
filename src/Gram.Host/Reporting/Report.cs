using System.Xml.Linq;
using Gram.Models.Checkpoints;

namespace Gram.Host.Reporting;

/// <summary>
/// report.html: one file that needs no network and holds no script. What every command's report has, its page's frame, is here; what it
/// shows of its own are the sections.
/// </summary>
/// <param name="Title">What was run: the name of its folder.</param>
/// <param name="Kind">What kind of run it was, and how it ended.</param>
/// <param name="Sections">What the command has to show; those that are null are left out.</param>
/// <param name="Config">The configuration, as YAML; null where none is known.</param>
/// <param name="Environment">What it ran on, name by name.</param>
internal sealed record Report(string Title, string Kind, IEnumerable<XElement?> Sections, string? Config, IEnumerable<(string Name, string Value)> Environment)
{
    /// <summary>Name of the file.</summary>
    public const string FileName = "report.html";

    /// <summary>Whatever a model's answer says, the page asks for nothing and runs nothing.</summary>
    private const string Policy = "default-src 'none'; style-src 'unsafe-inline'";

    /// <summary>Style of its own, beside every page's.</summary>
    public string Css { get; init; } = "";

    /// <summary>The file in a folder.</summary>
    public static string PathIn(string directory) => Path.Combine(directory, FileName);

    /// <summary>The name that a folder's report has for its title.</summary>
    public static string TitleOf(string directory) => Path.GetFileName(Path.GetFullPath(directory).TrimEnd(Path.DirectorySeparatorChar));

    /// <summary>Writes the file into a folder and returns its path.</summary>
    public string Write(string directory, string fileName = FileName)
    {
        var path = Path.Combine(directory, fileName);
        var page = new XElement("html", new XAttribute("lang", "en"),
            new XElement("head",
                new XElement("meta", new XAttribute("charset", "utf-8")),
                new XElement("meta", new XAttribute("name", "viewport"), new XAttribute("content", "width=device-width, initial-scale=1")),
                new XElement("meta", new XAttribute("http-equiv", "Content-Security-Policy"), new XAttribute("content", Policy)),
                new XElement("title", Html.Clean($"{Title}: {Kind}")),
                new XElement("style", ReportStyle.Css + Css)),
            new XElement("body",
                new XElement("header", new XElement("h1", Html.Clean(Title)), new XElement("p", new XAttribute("id", "kind"), Html.Clean(Kind))),
                new XElement("main",
                    Sections,
                    Config is null ? null : Html.Section("Configuration", new XElement("pre", Html.Clean(Config))),
                    Html.Section("Environment", Html.Table("environment", [], Environment.Select(entry => new[] { entry.Name, entry.Value }))))));
        AtomicFile.WriteText(path, $"<!DOCTYPE html>\n{page.ToString(SaveOptions.DisableFormatting)}\n");
        return path;
    }
}
