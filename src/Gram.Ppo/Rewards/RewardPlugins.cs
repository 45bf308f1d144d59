using System.Reflection;
using System.Runtime.Loader;
using Gram.Models;

namespace Gram.Ppo.Rewards;

/// <summary>Reward terms of one's own, from assemblies.</summary>
internal static class RewardPlugins
{
    /// <summary>An instance of every public class of an assembly that implements <see cref="IReward"/> and can be made without arguments.</summary>
    /// <param name="path">The assembly's file; what it needs beside this program lies next to it.</param>
    /// <exception cref="GramException">There is no such file, it is no assembly, or it has no such class.</exception>
    public static IReadOnlyList<IReward> Load(string path)
    {
        if (!File.Exists(path)) throw new GramException($"reward_plugins: {path}: no such file; name an assembly (.dll) with a class that implements {typeof(IReward)}");
        Type[] rewards;
        try
        {
            var file = Path.GetFullPath(path);
            rewards = [.. new PluginContext(file).LoadFromAssemblyPath(file).GetExportedTypes().Where(IsReward).OrderBy(type => type.FullName, StringComparer.Ordinal)];
        }
        catch (Exception error) when (error is BadImageFormatException or FileLoadException or FileNotFoundException or TypeLoadException or ReflectionTypeLoadException)
        {
            throw new GramException($"reward_plugins: {path} cannot be loaded ({error.Message.ReplaceLineEndings(" ")}): build it against this version of Gram.Ppo, with what else it needs beside it", error);
        }
        if (rewards.Length == 0) throw new GramException($"reward_plugins: {path} has no public class that implements {typeof(IReward)} and can be made without arguments");
        return [.. rewards.Select(Make)];

        IReward Make(Type type)
        {
            try
            {
                return (IReward)Activator.CreateInstance(type)!;
            }
            catch (TargetInvocationException error)
            {
                throw new GramException($"reward_plugins: {path}: {type.FullName} could not be made: {error.InnerException!.Message.ReplaceLineEndings(" ")}", error);
            }
        }
    }

    private static bool IsReward(Type type) => type is { IsClass: true, IsAbstract: false } && typeof(IReward).IsAssignableFrom(type) && type.GetConstructor(Type.EmptyTypes) is not null;

    /// <summary>A plug-in's own assemblies, beside its file; those that the program has are shared, so that both mean the same types.</summary>
    private sealed class PluginContext(string file) : AssemblyLoadContext(Path.GetFileNameWithoutExtension(file))
    {
        private readonly AssemblyDependencyResolver resolver = new(file);

        protected override Assembly? Load(AssemblyName assemblyName)
        {
            try
            {
                return Default.LoadFromAssemblyName(assemblyName);
            }
            catch (Exception error) when (error is FileNotFoundException or FileLoadException)
            {
                return resolver.ResolveAssemblyToPath(assemblyName) is { } path ? LoadFromAssemblyPath(path) : null;
            }
        }
    }
}
