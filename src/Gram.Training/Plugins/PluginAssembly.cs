using System.Reflection;
using System.Runtime.Loader;
using Gram.Models;

namespace Gram.Training.Plugins;

/// <summary>Classes of one's own, from an assembly that a key names.</summary>
public static class PluginAssembly
{
    /// <summary>An instance of every public class of an assembly that fits and can be made without arguments, by name.</summary>
    /// <param name="path">The assembly's file; what it needs beside this program lies next to it.</param>
    /// <param name="key">The key that names it, for messages.</param>
    /// <param name="contract">What its classes implement, for messages.</param>
    /// <param name="fits">Whether a class does.</param>
    /// <exception cref="GramException">There is no such file, it is no assembly, or it has no such class.</exception>
    public static IReadOnlyList<object> Create(string path, string key, string contract, Func<Type, bool> fits)
    {
        if (!File.Exists(path)) throw new GramException($"{key}: {path}: no such file; name an assembly (.dll) with a class that implements {contract}");
        Type[] types;
        try
        {
            var file = Path.GetFullPath(path);
            types = [.. new PluginContext(file).LoadFromAssemblyPath(file).GetExportedTypes().Where(type => IsMade(type) && fits(type)).OrderBy(type => type.FullName, StringComparer.Ordinal)];
        }
        catch (Exception error) when (error is BadImageFormatException or FileLoadException or FileNotFoundException or TypeLoadException or ReflectionTypeLoadException)
        {
            throw new GramException($"{key}: {path} cannot be loaded ({error.Message.ReplaceLineEndings(" ")}): build it against this version of Gram.Ppo, with what else it needs beside it", error);
        }
        if (types.Length == 0) throw new GramException($"{key}: {path} has no public class that implements {contract} and can be made without arguments");
        return [.. types.Select(Make)];

        object Make(Type type)
        {
            try
            {
                return Activator.CreateInstance(type)!;
            }
            catch (TargetInvocationException error)
            {
                throw new GramException($"{key}: {path}: {type.FullName} could not be made: {error.InnerException!.Message.ReplaceLineEndings(" ")}", error);
            }
        }
    }

    private static bool IsMade(Type type) => type is { IsClass: true, IsAbstract: false } && type.GetConstructor(Type.EmptyTypes) is not null;

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
