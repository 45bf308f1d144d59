using ScottPlot;

namespace Gram.Training.Runs;

/// <summary>The curves of a run as pictures, in LLaMA-Factory's form: training_loss.png and those of the evaluation, each with a smoothed curve.</summary>
public static class LossPlot
{
    private const int Width = 900, Height = 540; // pixels
    private static readonly string[] Metrics = ["loss", "eval_loss", "eval_accuracy", "eval_order_disagreement"];

    /// <summary>Draws each metric that was logged at least twice. Returns the names of the files.</summary>
    /// <param name="directory">Where they are written.</param>
    /// <param name="run">The run, whose log has the values.</param>
    public static IReadOnlyList<string> Write(string directory, RunDirectory run)
    {
        var files = new List<string>();
        foreach (var metric in Metrics)
        {
            if (run.Curve(metric) is not { Count: >= 2 } curve) continue;
            files.Add($"training_{metric}.png");
            Gram.Models.Checkpoints.AtomicFile.Write(Path.Combine(directory, files[^1]), stream => stream.Write(Draw(metric, curve)));
        }
        return files;
    }

    /// <summary>
    /// An exponential mean whose weight grows with the number of values: s₀ = v₀, s ← w·s + (1 − w)·v, w = 1.8·(σ(0.05·n) − ½).
    /// Source: LLaMA-Factory's extras/ploting.py.
    /// </summary>
    public static IReadOnlyList<double> Smooth(IReadOnlyList<double> values)
    {
        var weight = 1.8 * ((1 / (1 + Math.Exp(-0.05 * values.Count))) - 0.5);
        var smoothed = new double[values.Count];
        for (var i = 0; i < smoothed.Length; i++) smoothed[i] = i == 0 ? values[0] : (weight * smoothed[i - 1]) + ((1 - weight) * values[i]);
        return smoothed;
    }

    private static byte[] Draw(string metric, IReadOnlyList<(int Step, double Value)> curve)
    {
        using var plot = new Plot();
        var steps = curve.Select(point => (double)point.Step).ToArray();
        var values = curve.Select(point => point.Value).ToArray();
        Line(values, Colors.C0.WithAlpha(0.4), "original", width: 1);
        Line([.. Smooth(values)], Colors.C0, "smoothed", width: 2);
        plot.Title($"training {metric}");
        plot.XLabel("step");
        plot.YLabel(metric);
        plot.ShowLegend(Edge.Bottom); // beside the curves, not on them
        return plot.GetImageBytes(Width, Height, ImageFormat.Png);

        void Line(double[] ys, Color color, string name, float width)
        {
            var line = plot.Add.ScatterLine(steps, ys, color);
            (line.LegendText, line.LineWidth) = (name, width);
        }
    }
}
