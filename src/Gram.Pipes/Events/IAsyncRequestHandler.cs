namespace Gram.Pipes.Events;

/// <summary>Answers requests; MessagePipe's signature.</summary>
/// <typeparam name="TRequest">What is asked.</typeparam>
/// <typeparam name="TResponse">What is answered.</typeparam>
public interface IAsyncRequestHandler<in TRequest, TResponse>
{
    /// <summary>Answers one request.</summary>
    ValueTask<TResponse> InvokeAsync(TRequest request, CancellationToken cancellationToken = default);
}
