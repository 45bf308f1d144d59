namespace Gram.Pipes;

/// <summary>One thread on which all stages of a device run, so that tensor scopes, OpenMP teams and order are the same in every run.</summary>
public static class DeviceThread
{
    /// <summary>Runs an asynchronous function, and everything that it awaits, on one new thread; rethrows what it throws.</summary>
    public static Task<T> RunAsync<T>(Func<Task<T>> function) => throw new NotImplementedException();
}
