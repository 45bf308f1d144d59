using Gram.Reward.Judging;
using Gram.Reward.Serving;

var builder = WebApplication.CreateBuilder(args);
builder.Services.AddGramJudge(builder.Configuration["judge"] ?? "runs/judge");
var app = builder.Build();

app.MapPost("/judge", async (AnswerPair pair, IPairJudge judge, CancellationToken cancelled) =>
    (await judge.ScoreAsync([pair], cancelled))[0]);
await app.RunAsync();
