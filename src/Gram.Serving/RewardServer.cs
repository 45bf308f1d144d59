using System.Net;
using Gram.Reward.Serving;
using Gram.Serving.Keys;
using Gram.Serving.Protocols;
using Gram.Serving.Requests;
using Gram.Serving.Telemetry;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;

namespace Gram.Serving;

/// <summary>A judge over HTTP, in the protocols of OpenRLHF, LLaMA-Factory, vLLM and NeMo Gym, and in its own. The judge itself is added by AddGramJudge.</summary>
public static class RewardServer
{
    /// <summary>Where the OpenAPI document is.</summary>
    public const string OpenApiPath = "/openapi.json";

    /// <summary>Adds what the server's paths need beside a <see cref="ServedJudge"/>.</summary>
    /// <param name="services">The application's services.</param>
    /// <param name="options">What it accepts, and how it answers.</param>
    /// <param name="keys">The keys that open it; null: it is open.</param>
    public static IServiceCollection AddRewardServer(this IServiceCollection services, RewardServerOptions options, ApiKeys? keys = null)
    {
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(options).AddSingleton(keys ?? ApiKeys.None).AddSingleton<Scoring>().AddSingleton<ServingTelemetry>().AddSingleton<PrometheusText>();
        services.ConfigureHttpJsonOptions(json => ServingJson.Configure(json.SerializerOptions));
        services.Configure<KestrelServerOptions>(kestrel =>
        {
            kestrel.Limits.MaxRequestBodySize = options.MaxBodyBytes;
            kestrel.AddServerHeader = false;
        });
        return services.AddOpenApi(document => document.AddDocumentTransformer((page, _, _) =>
        {
            page.Info.Title = "GRAM reward server";
            page.Info.Description = "A pairwise judge for trainers: scores of answers against a reference, comparisons and rankings.";
            page.Servers?.Clear();
            return Task.CompletedTask;
        }));
    }

    /// <summary>Maps the server's paths and what surrounds them.</summary>
    public static void MapRewardServer(this WebApplication app)
    {
        app.Services.GetRequiredService<PrometheusText>(); // from the first request on
        app.UseRouting();
        app.UseMiddleware<RequestMiddleware>();
        app.UseMiddleware<KeyMiddleware>();
        OwnProtocol.Map(app);
        OpenRlhf.Map(app);
        LlamaFactory.Map(app);
        VllmClassify.Map(app);
        NemoGym.Map(app);
        app.MapGet("/health", () => Answer.Of(new HealthResponse("ok"))).WithName("health").WithSummary("Whether the server lives.").Produces<HealthResponse>();
        app.MapGet("/ready", Ready).WithName("ready").WithSummary("Whether the server can judge: 503 while it loads or stops.").Produces<HealthResponse>().Produces<HealthResponse>(StatusCodes.Status503ServiceUnavailable);
        app.MapGet("/metrics", (PrometheusText metrics) => Results.Text(metrics.Write(), PrometheusText.MediaType)).WithName("metrics").WithSummary("Figures for Prometheus.").Produces<string>(contentType: "text/plain");
        app.MapPost("/v1/reload", ReloadAsync).WithName("reload").WithSummary("Loads the judge anew from where it is; until it is there the old one judges.").Produces<HealthResponse>().Produces<Problem>(StatusCodes.Status403Forbidden, Problem.MediaType);
        app.MapOpenApi(OpenApiPath);
    }

    private static IResult Ready(ServedJudge judge, IHostApplicationLifetime lifetime)
    {
        var status = lifetime.ApplicationStopping.IsCancellationRequested ? "stopping" : judge.IsReady ? "ok" : "loading";
        return Results.Json(new HealthResponse(status), ServingJson.Options, statusCode: status == "ok" ? StatusCodes.Status200OK : StatusCodes.Status503ServiceUnavailable);
    }

    private static async Task<IResult> ReloadAsync(HttpContext context, ServedJudge judge, ApiKeys keys)
    {
        if (!keys.AreNeeded && context.Connection.RemoteIpAddress is { } from && !IPAddress.IsLoopback(from))
            throw new RefusedException(StatusCodes.Status403Forbidden, "without keys (api_keys), only this machine may reload the judge");
        await judge.ReloadAsync(context.RequestAborted);
        return Answer.Of(new HealthResponse("ok"));
    }
}
