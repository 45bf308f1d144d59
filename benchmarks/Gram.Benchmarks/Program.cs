using BenchmarkDotNet.Running;
using Gram.Models.Native;

Libtorch.Load();
// In this process: a project generated for each benchmark would copy libtorch each time.
string[] always = args.Contains("--inProcess") || args.Contains("-i") ? [] : ["--inProcess"];
BenchmarkSwitcher.FromAssembly(typeof(Program).Assembly).Run([.. args, .. always]);
