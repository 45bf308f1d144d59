using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Options;

namespace Gram.Training.Configuration;

/// <summary>Options records as an application's options.</summary>
public static class OptionServices
{
    /// <summary>
    /// Adds an options record, made whole by a function, as <see cref="IOptions{TOptions}"/>. What does not go together in it stops the
    /// application's start, with a line that names the keys. The first one that is added counts.
    /// </summary>
    public static IServiceCollection AddRecord<T>(this IServiceCollection services, Func<IServiceProvider, T> make) where T : class
    {
        services.TryAddSingleton<IOptionsFactory<T>>(provider => new Factory<T>(
            () => make(provider), provider.GetServices<IConfigureOptions<T>>(), provider.GetServices<IPostConfigureOptions<T>>(), provider.GetServices<IValidateOptions<T>>()));
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<T>, Validation<T>>());
        services.AddOptions<T>().ValidateOnStart();
        return services;
    }

    /// <summary>Records have init-only properties: they are made, and not configured.</summary>
    private sealed class Factory<T>(Func<T> make, IEnumerable<IConfigureOptions<T>> setups, IEnumerable<IPostConfigureOptions<T>> postConfigures, IEnumerable<IValidateOptions<T>> validations)
        : OptionsFactory<T>(setups, postConfigures, validations) where T : class
    {
        protected override T CreateInstance(string name) => make();
    }

    private sealed class Validation<T> : IValidateOptions<T> where T : class
    {
        public ValidateOptionsResult Validate(string? name, T options) =>
            OptionSection.Problems(options) is { Count: > 0 } problems ? ValidateOptionsResult.Fail(problems) : ValidateOptionsResult.Success;
    }
}
