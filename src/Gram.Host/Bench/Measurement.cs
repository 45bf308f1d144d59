namespace Gram.Host.Bench;

/// <summary>An amount of work, the time it took, and the time that a machine's floors allow for it.</summary>
internal sealed record Measurement(double Amount, string Unit, double Seconds, Func<MachineFloors, double> FloorSeconds)
{
    /// <summary>For judging, what the published script's way made of the same pairs.</summary>
    public PublishedFigure? Published { get; init; }

    /// <summary>For a round robin, what its pairs cost alone.</summary>
    public AloneFigure? Alone { get; init; }

    /// <summary>Its stages, where it has several.</summary>
    public Func<MachineFloors, IReadOnlyList<BenchStage>>? Stages { get; init; }

    /// <summary>For a step that was run in turns with another kind, what that one took.</summary>
    public Func<MachineFloors, BesideFigure>? Beside { get; init; }

    public BenchFigure Against(string name, MachineFloors floors) => new(name, Amount / Seconds, Unit, FloorSeconds(floors) / Seconds) { Published = Published, Alone = Alone, Stages = Stages?.Invoke(floors), Beside = Beside?.Invoke(floors) };
}
