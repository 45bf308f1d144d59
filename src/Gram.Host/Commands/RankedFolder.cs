using System.Text.Json.Nodes;
using Gram.BestOfN;
using Gram.Host.Hosting;
using Gram.Host.Reporting;
using Gram.Pipes.Events;
using Gram.Training.Runs;

namespace Gram.Host.Commands;

/// <summary>What lies beside ranked rows: training sets of the best answers, and the page that shows how they were chosen.</summary>
/// <param name="folder">Where to.</param>
/// <param name="engine">What it ran on.</param>
/// <param name="notices">Told of what is left out.</param>
internal sealed class RankedFolder(string folder, Engine engine, IPublisher<Notice> notices)
{
    /// <summary>Writes the sets and the page, and says so in the command's object; returns the lines for people.</summary>
    /// <param name="ranked">The prompts with their answers, ranked.</param>
    /// <param name="kind">What was run.</param>
    /// <param name="head">Names of the results' columns; none for names and values.</param>
    /// <param name="results">What it came to.</param>
    /// <param name="json">The command's object.</param>
    public string Write(IReadOnlyList<RankedAnswers> ranked, string kind, IReadOnlyList<string> head, IEnumerable<string[]> results, JsonObject json)
    {
        var sets = Distillation.Write(folder, ranked);
        if (sets.Broken > 0) notices.Publish(new Notice($"{sets.Broken} conversations are in no training set: their turns do not alternate from the user's", IsWarning: true));
        AuditPage.Write(folder, kind, head, results, ranked, RunEnvironment.Of(engine));
        json["sft"] = sets.Supervised;
        json["preferences"] = sets.Preferences;
        var page = Path.Combine(folder, AuditPage.FileName);
        json["page"] = page;
        var alike = sets.Alike > 0 ? $" ({sets.Alike} prompts have one answer only)" : "";
        return $"training sets in {folder}: {Distillation.SupervisedName}, {sets.Supervised} rows; {Distillation.PreferenceName}, {sets.Preferences} pairs{alike}\nhow they were chosen: {page}\n";
    }
}
