using Gram.Models.Native;

namespace Gram.Tests;

/// <summary>What an action takes in memory.</summary>
internal static class MemoryRise
{
    /// <summary>The most of three rises of the same action: a system short of memory takes back pages of the process's files meanwhile, and one rise shows too little.</summary>
    public static double MostOf(Action action) => Enumerable.Range(0, 3).Max(_ => ResidentMemory.Rise(action));
}
