using Gram.Models.Kernels;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Models.Tests.Kernels;

public sealed class EightBitAdamWTests : IDisposable
{
    private static readonly AdamWStep First = new(Rate: 0.1, Beta1: 0.9, Beta2: 0.95, WeightDecay: 0.01, Epsilon: 1e-8, Step: 1);

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly RandomSource random = new(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Map_OfBothKinds_HasTheSourcesNumbers()
    {
        // Decade 0 of 7: 1e-6 · (0.1 + 0.9 · ½) signed, 1e-6 · (0.1 + 0.9 · ¼) and ¾ unsigned; decade 6: 64 and 128 parts of [0.1, 1].
        foreach (var map in (DynamicMap[])[DynamicMap.WithSign, DynamicMap.Positive]) map.Values.ToArray().Should().HaveCount(256).And.BeInAscendingOrder().And.OnlyHaveUniqueItems();
        var (signed, unsigned) = (DynamicMap.WithSign.Values.ToArray(), DynamicMap.Positive.Values.ToArray());
        signed[127..129].Should().Equal(0, 0.55e-6f);
        signed[^2..].Should().Equal(0.99296875f, 1);
        signed[0].Should().Be(-0.99296875f);
        unsigned[..3].Should().Equal(0, 0.325e-6f, 0.775e-6f);
        unsigned[^2..].Should().Equal(0.996484375f, 1);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Encode_AnyNumber_IsTheNearest(bool isSigned)
    {
        var map = isSigned ? DynamicMap.WithSign : DynamicMap.Positive;
        var values = map.Values.ToArray();
        for (var i = 0; i < 20_000; i++)
        {
            var number = (float)(Math.Pow(10, -8 * random.NextDouble()) * (isSigned && i % 2 == 0 ? -1 : 1));
            Math.Abs(values[map.Encode(number)] - number).Should().Be(values.Min(value => Math.Abs(value - number)));
        }
        foreach (var value in values) values[map.Encode(value)].Should().Be(value);
    }

    [Fact]
    public void Step_First_IsAdamWsOwn()
    {
        // Before anything is rounded: w ← w · (1 − lr · decay) − lr · g / (|g| + ε).
        using var state = new State(3);
        var (weight, gradient) = (tensor(new[] { 1f, -2, 3 }), tensor(new[] { 0.5f, -4, 0.01f }));

        EightBitAdamW.Step(weight, gradient, state.Mean, state.Square, First);

        weight.data<float>().ToArray().Should().Equal([0.899f, -1.898f, 2.897f], (a, b) => Math.Abs(a - b) < 1e-6f);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(255)]
    [InlineData(256)]
    [InlineData(257)]
    [InlineData(5000)]
    public void Step_ByKernelAndByOperators_IsTheSame(int numbers)
    {
        using var one = new State(numbers);
        using var other = new State(numbers);
        var (weight, same) = (Numbers(numbers), zeros(numbers));
        same.copy_(weight);
        for (var step = 1; step <= 4; step++)
        {
            var gradient = Numbers(numbers);
            EightBitAdamW.Step(weight, gradient, one.Mean, one.Square, First with { Step = step });
            EightBitAdamW.ByOperators(same, gradient, other.Mean, other.Square, First with { Step = step });
        }

        // A number that lies at the middle of two codes may get either, by rounding: a few in a thousand.
        foreach (var (a, b) in new[] { (one.Mean, other.Mean), (one.Square, other.Square) })
        {
            (a.Scales - b.Scales).abs().max().ToSingle().Should().BeLessThan(1e-3f);
            a.Codes.ne(b.Codes).sum().ToInt64().Should().BeLessOrEqualTo(numbers / 200);
        }
        (weight - same).abs().max().ToSingle().Should().BeLessThan(0.02f);
        (weight - same).abs().mean().ToSingle().Should().BeLessThan(1e-4f);
    }

    [Fact]
    public void Step_TinySecondMomentBesideALargeOne_StaysAboveZero()
    {
        // Fails where it is rounded to 0: the next step would divide the first moment by ε alone.
        using var state = new State(2);
        var weight = zeros(2);
        EightBitAdamW.Step(weight, tensor(new[] { 1000f, 0.1f }), state.Mean, state.Square, First);

        EightBitAdamW.Step(weight, zeros(2), state.Mean, state.Square, First with { Step = 2 });

        weight.abs().max().ToSingle().Should().BeLessThan(1);
    }

    [Fact]
    public void Step_NoGradient_ChangesNothing()
    {
        using var state = new State(300);
        var weight = Numbers(300);
        var before = weight.clone();

        EightBitAdamW.Step(weight, zeros(300), state.Mean, state.Square, First with { WeightDecay = 0 });

        weight.equal(before).all().item<bool>().Should().BeTrue();
    }

    private Tensor Numbers(int count) => tensor(Enumerable.Range(0, count).Select(_ => (float)random.NextGaussian()).ToArray());

    private sealed class State(int numbers) : IDisposable
    {
        public EightBitMoment Mean { get; } = EightBitMoment.Zeros(numbers, DynamicMap.WithSign, CPU);

        public EightBitMoment Square { get; } = EightBitMoment.Zeros(numbers, DynamicMap.Positive, CPU);

        public void Dispose()
        {
            Mean.Dispose();
            Square.Dispose();
        }
    }
}
