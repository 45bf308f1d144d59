using Gram.BestOfN;
using Gram.Ppo;
using Gram.Rl;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;

var builder = Host.CreateApplicationBuilder(args);
builder.Services.AddGramRl(builder.Configuration.GetSection("Gram")).AddHostedService<Alignment>();
await builder.Build().RunAsync();

/// <summary>Aligns the policy of the configuration, then ranks two answers with the same judge.</summary>
internal sealed partial class Alignment(PpoRunner ppo, AnswerRanker ranker, IHostApplicationLifetime lifetime, ILogger<Alignment> logger) : BackgroundService
{
    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await ppo.RunAsync(stoppingToken);
        var ranked = await ranker.RankAsync("My router is broken.", ["Please restart it.", "No."], stoppingToken);
        LogBest(ranked.Best, ranked.Scores[ranked.Best]);
        lifetime.StopApplication();
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "answer {Best} is best, score {Score:0.000}")]
    private partial void LogBest(int best, double score);
}
