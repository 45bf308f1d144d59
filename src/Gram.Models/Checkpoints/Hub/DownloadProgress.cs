namespace Gram.Models.Checkpoints.Hub;

/// <summary>How far the download of a model is.</summary>
/// <param name="Received">Bytes that are on disk, of <paramref name="Total"/>.</param>
/// <param name="Total">Bytes of the files that the cache lacked.</param>
/// <param name="Before">Bytes among these that an earlier, interrupted download had received.</param>
/// <param name="Elapsed">Time since the first byte was asked for.</param>
public sealed record DownloadProgress(long Received, long Total, long Before, TimeSpan Elapsed);
