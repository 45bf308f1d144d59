using System.Globalization;
using System.Text;

namespace Gram.Reward.Benchmarks;

/// <summary>The reliability plot of a calibration as an SVG picture: a bar of accuracy for each bin, its count, and the line on which confidence and accuracy are the same.</summary>
public static class ReliabilityPlot
{
    private const double Left = 60, Top = 40, Side = 400, Low = 0.5;
    private const int Ticks = 5;

    /// <summary>The picture.</summary>
    public static string Svg(string title, Calibration calibration)
    {
        var svg = new StringBuilder();
        Line($"""<svg xmlns="http://www.w3.org/2000/svg" width="{Left + Side + 30}" height="{Top + Side + 60}" font-family="sans-serif" font-size="12">""");
        Line($"""<rect width="100%" height="100%" fill="white"/>""");
        Text(Left + Side / 2, Top - 16, $"{System.Security.SecurityElement.Escape(title)}", "middle");
        for (var tick = 0; tick <= Ticks; tick++)
        {
            var (confidence, accuracy) = (Low + tick * (1 - Low) / Ticks, (double)tick / Ticks);
            Line($"""<line x1="{Left}" x2="{Left + Side}" y1="{Y(accuracy)}" y2="{Y(accuracy)}" stroke="#dddddd"/>""");
            Text(X(confidence), Top + Side + 18, $"{confidence:0.0}", "middle");
            Text(Left - 8, Y(accuracy) + 4, $"{accuracy:0.0}", "end");
        }
        foreach (var bin in calibration.Bins.Where(bin => bin.Count > 0))
        {
            Line($"""<rect x="{X(bin.Low) + 1}" y="{Y(bin.Accuracy)}" width="{X(bin.High) - X(bin.Low) - 2}" height="{Y(0) - Y(bin.Accuracy)}" fill="#4878a8"/>""");
            Text(X((bin.Low + bin.High) / 2), Y(bin.Accuracy) - 4, $"{bin.Count}", "middle");
        }
        Line($"""<line x1="{X(Low)}" y1="{Y(Low)}" x2="{X(1)}" y2="{Y(1)}" stroke="#c04040" stroke-dasharray="6 4"/>""");
        Line($"""<rect x="{Left}" y="{Top}" width="{Side}" height="{Side}" fill="none" stroke="black"/>""");
        Text(Left + Side / 2, Top + Side + 40, $"confidence in the preferred answer (expected calibration error {calibration.ExpectedError:0.000})", "middle");
        Line($"""<text transform="translate(18 {Top + Side / 2}) rotate(-90)" text-anchor="middle">accuracy (above a bar: comparisons)</text>""");
        Line($"</svg>");
        return svg.ToString();

        static double X(double confidence) => Math.Round(Left + (confidence - Low) / (1 - Low) * Side, 2);
        static double Y(double accuracy) => Math.Round(Top + (1 - accuracy) * Side, 2);
        void Text(double x, double y, FormattableString text, string anchor) => Line($"""<text x="{x}" y="{y}" text-anchor="{anchor}">{text.ToString(CultureInfo.InvariantCulture)}</text>""");
        void Line(FormattableString line) => svg.AppendLine(line.ToString(CultureInfo.InvariantCulture));
    }
}
