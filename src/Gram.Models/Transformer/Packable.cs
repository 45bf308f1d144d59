namespace Gram.Models.Transformer;

/// <summary>Weights and, from its first use on, their packed copy: one of each for a model and all views over it.</summary>
internal sealed class Packable<TPlain, TPacked>(TPlain plain, Func<TPlain, TPacked> pack) where TPacked : class, IDisposable
{
    private TPacked? packed;

    public TPlain Plain => plain;

    public TPacked Packed => packed ??= pack(plain);

    /// <summary>Drops the packed copy: the weights changed, or are no longer used.</summary>
    public void Unpack()
    {
        packed?.Dispose();
        packed = null;
    }
}
