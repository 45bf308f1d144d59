using Gram.Models;
using Gram.Models.Checkpoints;
using Gram.Models.Transformer;
using Gram.Reward.Encoding;
using Gram.Reward.Training;
using Gram.Training.Batches;
using TorchSharp;
using static TorchSharp.torch;
using F = TorchSharp.torch.nn.functional;

namespace Gram.Reward.Tests.Training;

public sealed class TrainingObjectiveTests : IDisposable
{
    private static readonly TrainingExample[] Rows =
    [
        new([1, 5, 9, 3, 7, 2], [(3, 6)], Label: 0),
        new([1, 8, 4], [(2, 3)], Label: 1),
        new([1, 6, 6, 10, 11, 12, 13, 14, 2], [(2, 4), (7, 9)], Label: 1),
        new([20, 21, 22, 23], [(0, 4)], Label: 0), // nothing predicts a first token
    ];

    private readonly DisposeScope scope = NewDisposeScope();
    private readonly CausalLM model = TinyModel.Create();

    public TrainingObjectiveTests() => model.SetTrainable(true);

    public void Dispose()
    {
        model.Dispose();
        scope.Dispose();
    }

    [Fact]
    public void NextToken_IsTheCrossEntropyOfTrainedTokensUnderEachRowAlone()
    {
        var expected = Rows.Sum(row =>
        {
            var logProbs = F.log_softmax(model.Logits(model.Hidden(tensor(row.Ids.Select(id => (long)id).ToArray()).unsqueeze(0)))[0], 1);
            return TrainingBatch.TrainedPositions(row).Sum(position => -logProbs[position - 1, row.Ids[position]].ToDouble());
        });
        NextTokenObjective objective = new();

        Rows.Sum(objective.Weight).Should().Be(3 + 1 + 4 + 3);
        objective.Backward(model, Rows, 1).ToDouble().Should().BeApproximately(expected, 1e-4);
        objective.Evaluate(model, Rows).Loss.Should().BeApproximately(expected, 1e-4);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Backward_OnTheMetaDevice_GivesEveryWeightItsGradient(bool stage2)
    {
        using var onMeta = CausalLM.Create(model.Config, new(1), device: META);
        onMeta.SetTrainable(true);
        TrainingObjective objective = stage2 ? new LabelObjective([3, 4], smoothing: 0.1) : new NextTokenObjective();

        objective.Backward(onMeta, Rows[..3], 0.5).device_type.Should().Be(DeviceType.META);

        onMeta.Parameters.Values.Should().OnlyContain(weight => weight.grad!.device_type == DeviceType.META && weight.grad!.shape.SequenceEqual(weight.shape));
    }

    [Fact]
    public void Label_LooksAtTheLabelLogitsBeforeTheFirstTrainedToken()
    {
        int[] labelIds = [3, 4];
        var rows = Rows[..3];
        var (expected, right) = (0.0, 0);
        foreach (var row in rows)
        {
            var logits = model.Logits(model.Hidden(tensor(row.Ids.Select(id => (long)id).ToArray()).unsqueeze(0)))[0, row.Trained[0].Start - 1];
            var z = logits[labelIds[row.Label]].ToDouble() - logits[labelIds[1 - row.Label]].ToDouble();
            expected += Math.Log(1 + Math.Exp(-z)) + 0.05 * z;
            right += z > 0 ? 1 : 0;
        }
        LabelObjective objective = new(labelIds, smoothing: 0.1);

        objective.Backward(model, rows, 1).ToDouble().Should().BeApproximately(expected, 1e-5);
        objective.Evaluate(model, rows).Should().Match<(double Loss, int Correct)>(result => Math.Abs(result.Loss - expected) < 1e-5 && result.Correct == right);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Backward_WhateverTheMicroBatches_GivesTheSameGradient(bool labels)
    {
        TrainingObjective objective = labels ? new LabelObjective([3, 4], 0.1) : new NextTokenObjective();
        var rows = Rows[..3];
        var whole = Gradients(3);

        foreach (var size in new[] { 1, 2 })
        {
            foreach (var (name, gradient) in Gradients(size))
            {
                (gradient - whole[name]).abs().max().ToDouble().Should().BeLessThan(1e-6, name);
            }
        }

        Dictionary<string, Tensor> Gradients(int size)
        {
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
            foreach (var micro in rows.Chunk(size)) objective.Backward(model, micro, 1.0 / rows.Sum(objective.Weight));
            return model.Parameters.ToDictionary(parameter => parameter.Key, parameter => parameter.Value.grad!.clone());
        }
    }

    public static IEnumerable<object[]> Packings =>
        from labels in (bool[])[false, true]
        from seed in Enumerable.Range(1, 10)
        select new object[] { labels, (ulong)seed };

    [Theory, MemberData(nameof(Packings))]
    public void Backward_PackedRows_GivesTheLossAndGradientsOfPlainOnes(bool labels, ulong seed)
    {
        var random = new RandomSource(seed);
        TrainingExample[] examples = [.. Enumerable.Range(0, 2 + random.Next(6)).Select(_ => Example())];
        TrainingExample[][] packed = [.. GreedyKnapsack.Pack([.. examples.Select(example => example.Ids.Length)], 40).Select(row => Array.ConvertAll(row, index => examples[index]))];
        TrainingObjective objective = labels ? new LabelObjective([3, 4], 0.1) : new NextTokenObjective();
        var (loss, gradients) = Backward(() => objective.Backward(model, examples, 0.5));

        var (packedLoss, packedGradients) = Backward(() => objective.Backward(model, packed, 0.5));

        packedLoss.Should().BeApproximately(loss, 1e-5 * Math.Abs(loss));
        packedGradients.Keys.Should().BeEquivalentTo(gradients.Keys);
        foreach (var (name, gradient) in gradients)
        {
            (packedGradients[name] - gradient).abs().max().ToDouble().Should().BeLessThan(1e-5 * (1e-3 + gradient.abs().max().ToDouble()), name);
        }

        TrainingExample Example()
        {
            var length = 2 + random.Next(18);
            var trained = 1 + random.Next(length - 1);
            // The first token, trained or not, is predicted by nothing: not by the example before it either.
            (int, int)[] ranges = labels || random.Next(2) == 0 ? [(trained, length)] : [(0, 1), (trained, length)];
            return new([.. Enumerable.Range(0, length).Select(_ => random.Next(32))], ranges, random.Next(2));
        }

        (double Loss, Dictionary<string, Tensor> Gradients) Backward(Func<Tensor> backward)
        {
            foreach (var parameter in model.Parameters.Values) parameter.grad = null;
            return (backward().ToDouble(), model.Parameters.Where(parameter => parameter.Value.grad is not null).ToDictionary(parameter => parameter.Key, parameter => parameter.Value.grad!.clone()));
        }
    }

    [Fact]
    public void Backward_RowsWithoutTargets_IsZero()
    {
        NextTokenObjective objective = new();
        TrainingExample[] rows = [new([1, 2, 3], [])];

        objective.Weight(rows[0]).Should().Be(0);
        objective.Backward(model, rows, 1).ToDouble().Should().Be(0);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Backward_Repeated_LeaksNoTensors(bool labels)
    {
        TrainingObjective objective = labels ? new LabelObjective([3, 4], 0.1) : new NextTokenObjective();
        objective.Backward(model, Rows[..3], 1).Dispose();
        var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;

        objective.Backward(model, Rows[..3], 1).Dispose();

        DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
    }

    public static IEnumerable<object[]> GoldenModels => Goldens.Folders("models", "golden.json");

    [SkippableTheory, MemberData(nameof(GoldenModels)), Trait("Category", Goldens.Category)]
    public void NextToken_GoldenBatch_HasTheGoldenLossAndGradients(string name)
    {
        using var golden = CausalLM.Load(Goldens.PathOf("models", name));
        golden.SetTrainable(true);
        var loss = Goldens.Json("models", name, "golden.json")["loss"]!;
        var rows = loss["input_ids"]!.AsArray().Select((ids, row) =>
        {
            var labels = loss["labels"]![row]!.AsArray().Select(label => (int)label!).ToArray();
            var length = loss["attention_mask"]![row]!.AsArray().Count(bit => (int)bit! == 1);
            return new TrainingExample(
                [.. ids!.AsArray().Take(length).Select(id => (int)id!)],
                [.. Enumerable.Range(0, length).Where(position => labels[position] != -100).Select(position => (position, position + 1))]);
        }).ToArray();
        NextTokenObjective objective = new();
        var weight = rows.Sum(objective.Weight);

        var mean = rows.Chunk(2).Sum(micro => objective.Backward(golden, micro, 1.0 / weight).ToDouble()) / weight;

        mean.Should().BeApproximately((double)loss["value"]!, 1e-5);
        using var store = TensorStore.OpenFile(Goldens.PathOf("models", name, "golden.safetensors"));
        foreach (var (parameter, norm) in loss["grad_norm_by_parameter"]!.AsObject())
        {
            golden.Parameters[parameter].grad!.norm().ToDouble().Should().BeApproximately((double)norm!, 1e-5 * (double)norm!, parameter);
        }
        foreach (var (parameter, tensor) in loss["gradients"]!.AsObject())
        {
            var expected = store.Load((string)tensor!);
            (golden.Parameters[parameter].grad! - expected).abs().max().ToDouble().Should().BeLessThan(1e-5 * expected.abs().max().ToDouble(), parameter);
        }
    }
}
