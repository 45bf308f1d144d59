using System.Globalization;
using System.Text;

namespace Gram.Reward.Benchmarks;

/// <summary>
/// The reliability plot of a calibration as an SVG picture: a bar of accuracy for each bin, its count, and the line on which confidence and
/// accuracy are the same. It brings its own colours, for light and dark; in a page they are the page's.
/// </summary>
public static class ReliabilityPlot
{
    private const double Left = 52, Top = 56, Side = 330, Low = 0.5;
    private const int Ticks = 5;

    /// <summary>The colours: the page's, where it has names for them. Viewers that are no browsers take those of the shapes' own attributes.</summary>
    private const string Style = """
        .reliability{color-scheme:light dark;font-family:sans-serif;background:var(--panel,light-dark(#fff,#0d1117))}
        .reliability text{font-size:12px;fill:var(--faint,light-dark(#59636e,#9198a1))}
        .reliability .grid{stroke:var(--line,light-dark(#d1d9e0,#3d444d))} .reliability .bar{fill:var(--c0,light-dark(#0969da,#58a6ff))}
        .reliability .rule{stroke:var(--c1,light-dark(#bc4c00,#f0883e));stroke-width:1.6;stroke-dasharray:6 4}
        """;

    /// <summary>The picture.</summary>
    public static string Svg(string title, Calibration calibration)
    {
        var svg = new StringBuilder();
        var name = System.Security.SecurityElement.Escape(title);
        var (right, bottom, middle) = (Left + Side, Top + Side, Left + (Side / 2));
        Line($"""<svg xmlns="http://www.w3.org/2000/svg" class="reliability" viewBox="0 0 {right + 18} {bottom + 46}" width="{right + 18}" height="{bottom + 46}" role="img" aria-label="{name}: accuracy against confidence, expected calibration error {calibration.ExpectedError:0.000}">""");
        Line($"<style>{Style}</style>");
        Text(middle, Top - 40, $"{name}", "middle");
        Text(4, Top - 20, $"accuracy, share (above a bar: comparisons)", "start");
        for (var tick = 0; tick <= Ticks; tick++)
        {
            var (confidence, accuracy) = (Low + (tick * (1 - Low) / Ticks), (double)tick / Ticks);
            Line($"""<line class="grid" stroke="#d1d9e0" x1="{Left}" x2="{right}" y1="{Y(accuracy)}" y2="{Y(accuracy)}"/>""");
            Text(X(confidence), bottom + 18, $"{confidence:0.0}", "middle");
            Text(Left - 8, Y(accuracy) + 4, $"{accuracy:0.0}", "end");
        }
        foreach (var bin in calibration.Bins.Where(bin => bin.Count > 0))
        {
            Line($"""<rect class="bar" fill="#0969da" x="{X(bin.Low) + 1}" y="{Y(bin.Accuracy)}" width="{Math.Round(X(bin.High) - X(bin.Low) - 2, 2)}" height="{Math.Round(Y(0) - Y(bin.Accuracy), 2)}"><title>confidence {bin.Confidence:0.000}: accuracy {bin.Accuracy:0.000} of {bin.Count}</title></rect>""");
            Text(X((bin.Low + bin.High) / 2), Y(bin.Accuracy) - 4, $"{bin.Count}", "middle");
        }
        Line($"""<line class="rule" stroke="#bc4c00" x1="{X(Low)}" y1="{Y(Low)}" x2="{X(1)}" y2="{Y(1)}"/>""");
        Text(middle, bottom + 38, $"confidence in the preferred answer, probability", "middle");
        Line($"</svg>");
        return svg.ToString();

        static double X(double confidence) => Math.Round(Left + ((confidence - Low) / (1 - Low) * Side), 2);
        static double Y(double accuracy) => Math.Round(Top + ((1 - accuracy) * Side), 2);
        void Text(double x, double y, FormattableString text, string anchor) => Line($"""<text x="{x}" y="{y}" text-anchor="{anchor}">{text.ToString(CultureInfo.InvariantCulture)}</text>""");
        void Line(FormattableString line) => svg.AppendLine(line.ToString(CultureInfo.InvariantCulture));
    }
}
