using System.Collections.Immutable;

namespace Gram.Host.Demo;

/// <summary>A problem that customers write about.</summary>
/// <param name="Complaint">What they say that the product does.</param>
/// <param name="Remedy">What to do, with the slot {product}.</param>
/// <param name="IsHard">Whether most clerks do not know the remedy and fall back on the stock answer.</param>
internal sealed record Problem(string Complaint, string Remedy, bool IsHard = false);

/// <summary>What a sentence of a reply is for.</summary>
internal enum SentenceRole
{
    Opening,
    Remedy,
    Closing,
}

/// <summary>
/// The world of the embedded demo: a help desk. A customer names a product and a problem; a reply opens, gives a remedy
/// and closes, each of them well or badly. Everything that customers and clerks can say is on this page.
/// </summary>
internal static class HelpDesk
{
    public static ImmutableArray<string> Products { get; } =
    [
        "printer", "router", "kettle", "camera", "phone", "lamp", "radio", "laptop",
        "heater", "speaker", "toaster", "scooter", "monitor", "keyboard", "fan", "blender",
    ];

    public static ImmutableArray<Problem> Problems { get; } =
    [
        new("will not start", "hold the button of the {product} for ten seconds."),
        new("is very loud", "tighten the four screws of the {product}."),
        new("smells of smoke", "unplug the {product} and send it back."),
        new("came in pieces", "ask the shop for a new {product}."),
        new("shows an error", "install the latest update of the {product}.", IsHard: true),
        new("leaks water", "change the rubber seal of the {product}.", IsHard: true),
        new("gets too hot", "clean the dust filter of the {product}."),
        new("is too slow", "clear the memory of the {product}.", IsHard: true),
        new("never arrived", "check the parcel number of the {product}."),
        new("was billed twice", "claim a refund for the {product}."),
        new("has a flat battery", "charge the {product} overnight."),
        new("lost its signal", "move the {product} near a window.", IsHard: true),
    ];

    /// <summary>What clerks say who do not know better. It is the remedy of no problem.</summary>
    public const string StockAnswer = "turn the {product} off and on again.";

    public static ImmutableArray<string> Owners { get; } = ["my", "our", "my son's", "my mother's", "the office"];

    /// <summary>How customers put it; {Owner} is capitalised.</summary>
    public static ImmutableArray<string> Frames { get; } =
    [
        "{Owner} {product} {complaint}.",
        "Hello, {owner} {product} {complaint}.",
        "{Owner} {product} {complaint}. What can I do?",
        "Help! {Owner} {product} {complaint}.",
        "{Owner} new {product} {complaint}.",
        "It is Monday and {owner} {product} {complaint}.",
        "What now? {Owner} {product} {complaint}.",
        "Good morning. {Owner} {product} {complaint}, can you help?",
    ];

    public static ImmutableArray<string> PoliteOpenings { get; } = ["We are sorry about that.", "Thank you for writing to us.", "Sorry for the trouble."];
    public static ImmutableArray<string> RudeOpenings { get; } = ["Not you again.", "That is your own fault.", "Read the manual."];
    public static ImmutableArray<string> PoliteClosings { get; } = ["We are glad to help.", "Write to us at any time.", "Have a nice day."];
    public static ImmutableArray<string> RudeClosings { get; } = ["Do not write again.", "Stop wasting our time."];

    /// <summary>Courtesy before a remedy.</summary>
    public const string Please = "Please ";

    /// <summary>A remedy as a sentence, with or without a please.</summary>
    public static string RemedySentence(string remedy, string product, bool please)
    {
        var sentence = remedy.Replace("{product}", product, StringComparison.Ordinal);
        return please ? Please + sentence : Capitalised(sentence);
    }

    /// <summary>A customer's message.</summary>
    public static string Message(string frame, string owner, string product, Problem problem) => frame
        .Replace("{Owner}", Capitalised(owner), StringComparison.Ordinal)
        .Replace("{owner}", owner, StringComparison.Ordinal)
        .Replace("{product}", product, StringComparison.Ordinal)
        .Replace("{complaint}", problem.Complaint, StringComparison.Ordinal);

    /// <summary>What a message is about, or null where it is not one of this world's.</summary>
    public static (string Product, Problem Problem)? Subject(string message)
    {
        foreach (var product in Products)
            foreach (var problem in Problems)
                if (message.Contains($" {product} {problem.Complaint}", StringComparison.Ordinal))
                    return (product, problem);
        return null;
    }

    /// <summary>Every message that a customer can write, each once.</summary>
    public static IEnumerable<string> Messages() =>
        from product in Products
        from problem in Problems
        from owner in Owners
        from frame in Frames
        select Message(frame, owner, product, problem);

    private static string Capitalised(string text) => char.ToUpperInvariant(text[0]) + text[1..];
}
