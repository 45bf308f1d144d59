using Gram.Training.Parallel;
using Gram.Training.Runs;

namespace Gram.Host.Hosting;

/// <summary>How a run of several processes ends where one of them cannot go on.</summary>
internal static class MpiFailure
{
    private static readonly TimeSpan LeadersTime = TimeSpan.FromSeconds(5), LeadersWriting = TimeSpan.FromHours(1);

    /// <summary>
    /// Says what went wrong, once, and ends all processes, which would wait for this one. A guard's or the user's stop comes to all of them, and
    /// the leader, which may still be writing, ends it; other errors are mostly everyone's, and the leader is given time to say so.
    /// </summary>
    public static int End(OpenMpi group, Exception error)
    {
        var code = ExitCode.Of(error);
        if (group.Leads())
        {
            Application.Fail(error);
        }
        else
        {
            Thread.Sleep(error is OperationCanceledException or RunStoppedException ? LeadersWriting : LeadersTime); // the leader's end is this one's too
            Console.Error.WriteLine($"process {group.Rank} of {group.Size}: {ExitCode.Text(error)}");
        }
        group.Abort(code);
        return code;
    }
}
