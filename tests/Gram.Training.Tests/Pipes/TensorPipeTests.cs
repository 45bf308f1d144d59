using Gram.Pipes;
using TorchSharp;
using static TorchSharp.torch;

namespace Gram.Training.Tests.Pipes;

/// <summary>Tensors through pipes: by ownership, never by copy.</summary>
public class TensorPipeTests
{
    private sealed record Batch(Tensor Values) : IDisposable
    {
        public void Dispose() => Values.Dispose();
    }

    [Fact]
    public async Task Tensor_ThroughAPipe_IsTheSameMemoryOnBothSides()
    {
        var (sent, received, live) = await DeviceThread.RunAsync(async () =>
        {
            using Pipe<Batch> pipe = new(capacity: 1);
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            List<nint> sent = [], received = [];
            await Task.WhenAll(Produce(), Consume());
            return (sent, received, DisposeScopeManager.Statistics.ThreadTotalLiveCount - before);

            async Task Produce()
            {
                for (var i = 0; i < 3; i++)
                {
                    Batch batch;
                    using (NewDisposeScope())
                    {
                        batch = new Batch((ones(4, 5) * i).DetachFromDisposeScope());
                        sent.Add(Address(batch.Values));
                    }
                    await pipe.WriteAsync(batch);
                }
                pipe.Complete();
            }

            async Task Consume()
            {
                await foreach (var batch in pipe.ReadAllAsync())
                {
                    using (batch)
                    {
                        received.Add(Address(batch.Values));
                        batch.Values.data<float>()[19].Should().Be(received.Count - 1);
                    }
                }
            }
        });

        received.Should().Equal(sent);
        live.Should().Be(0, "who receives a tensor disposes of it");
    }

    private static unsafe nint Address(Tensor tensor)
    {
        fixed (byte* first = tensor.bytes) return (nint)first;
    }
}
