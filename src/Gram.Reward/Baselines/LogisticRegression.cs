namespace Gram.Reward.Baselines;

/// <summary>Logistic regression without an intercept on sparse rows that are all of the positive class: what differences of pairs are.</summary>
internal static class LogisticRegression
{
    private const int MostSteps = 50, MostInnerSteps = 200;
    private const double Tolerance = 1e-8, InnerTolerance = 1e-2, SufficientDecrease = 1e-4;

    /// <summary>The weights w that minimise Σ log(1 + exp(−w·x)) + ½·penalty·|w|², by Newton's method with conjugate gradients.</summary>
    /// <param name="rows">Indices and values of each row's features.</param>
    /// <param name="features">Number of features.</param>
    /// <param name="penalty">Above 0.</param>
    public static double[] Fit(IReadOnlyList<(int[] Indices, double[] Values)> rows, int features, double penalty)
    {
        var weights = new double[features];
        for (var step = 0; step < MostSteps; step++)
        {
            double[] wrong = [.. rows.Select(row => 1 / (1 + Math.Exp(Dot(row, weights))))]; // 1 − p
            var gradient = Combine(rows, row => -wrong[row], weights, penalty);
            if (Dot(gradient, gradient) < Tolerance * Tolerance * rows.Count) break;
            var direction = Solve(rows, [.. wrong.Select(q => q * (1 - q))], gradient, penalty);
            var (loss, slope) = (Loss(rows, weights, penalty), Dot(gradient, direction));
            var length = 1.0;
            while (length > Tolerance && Loss(rows, Moved(length), penalty) > loss + SufficientDecrease * length * slope) length /= 2;
            weights = Moved(length);

            double[] Moved(double by) => [.. weights.Zip(direction, (weight, d) => weight + by * d)];
        }
        return weights;
    }

    /// <summary>w·x of a sparse row.</summary>
    public static double Dot((int[] Indices, double[] Values) row, double[] weights)
    {
        var sum = 0.0;
        for (var i = 0; i < row.Indices.Length; i++) sum += row.Values[i] * weights[row.Indices[i]];
        return sum;
    }

    /// <summary>log(1 + exp(−w·x)) of a row.</summary>
    public static double Loss((int[], double[]) row, double[] weights)
    {
        var z = Dot(row, weights);
        return Math.Max(-z, 0) + Math.Log(1 + Math.Exp(-Math.Abs(z)));
    }

    /// <summary>d with (XᵀDX + penalty·I)·d = −gradient.</summary>
    private static double[] Solve(IReadOnlyList<(int[], double[])> rows, double[] curvatures, double[] gradient, double penalty)
    {
        var solution = new double[gradient.Length];
        double[] residual = [.. gradient.Select(g => -g)];
        double[] direction = [.. residual];
        var square = Dot(residual, residual);
        var least = InnerTolerance * InnerTolerance * square;
        for (var step = 0; step < MostInnerSteps && square > least; step++)
        {
            var image = Combine(rows, row => curvatures[row] * Dot(rows[row], direction), direction, penalty);
            var length = square / Dot(direction, image);
            for (var i = 0; i < solution.Length; i++) (solution[i], residual[i]) = (solution[i] + length * direction[i], residual[i] - length * image[i]);
            var before = square;
            square = Dot(residual, residual);
            for (var i = 0; i < direction.Length; i++) direction[i] = residual[i] + square / before * direction[i];
        }
        return solution;
    }

    /// <summary>Σ coefficient(row)·x + penalty·vector.</summary>
    private static double[] Combine(IReadOnlyList<(int[] Indices, double[] Values)> rows, Func<int, double> coefficient, double[] vector, double penalty)
    {
        double[] sum = [.. vector.Select(value => penalty * value)];
        for (var row = 0; row < rows.Count; row++)
        {
            var (scale, (indices, values)) = (coefficient(row), rows[row]);
            for (var i = 0; i < indices.Length; i++) sum[indices[i]] += scale * values[i];
        }
        return sum;
    }

    private static double Loss(IReadOnlyList<(int[], double[])> rows, double[] weights, double penalty) =>
        rows.Sum(row => Loss(row, weights)) + 0.5 * penalty * Dot(weights, weights);

    private static double Dot(double[] a, double[] b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++) sum += a[i] * b[i];
        return sum;
    }
}
