using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.Extensions.DependencyInjection;

namespace Gram.Serving.Tests;

/// <summary>ASP.NET Core with routes and nothing else, on a free port of this machine.</summary>
internal static class LocalApplication
{
    /// <summary>Starts one.</summary>
    /// <param name="map">Adds its routes.</param>
    /// <param name="configure">Adds its services.</param>
    public static async Task<WebApplication> StartAsync(Action<WebApplication> map, Action<IServiceCollection>? configure = null)
    {
        var builder = WebApplication.CreateEmptyBuilder(new WebApplicationOptions());
        builder.WebHost.UseKestrelCore().UseUrls("http://127.0.0.1:0");
        builder.Services.AddRoutingCore();
        configure?.Invoke(builder.Services);
        var app = builder.Build();
        map(app);
        await app.StartAsync();
        return app;
    }
}
