using Gram.Serving.Requests;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Gram.Serving.Protocols;

/// <summary>What all protocols' paths have in common.</summary>
internal static class Answer
{
    /// <summary>An answer in the server's JSON.</summary>
    public static IResult Of<T>(T value) => Results.Json(value, ServingJson.Options);

    /// <summary>Says in the OpenAPI document what a path takes and gives.</summary>
    public static RouteHandlerBuilder Described<TRequest, TResponse>(this RouteHandlerBuilder route, string name, string summary)
        where TRequest : notnull => route
        .WithName(name).WithSummary(summary)
        .Accepts<TRequest>("application/json")
        .Produces<TResponse>()
        .Produces<Problem>(StatusCodes.Status400BadRequest, Problem.MediaType)
        .Produces<Problem>(StatusCodes.Status413PayloadTooLarge, Problem.MediaType)
        .Produces<Problem>(StatusCodes.Status429TooManyRequests, Problem.MediaType);
}
