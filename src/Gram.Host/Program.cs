using Gram.Host.Hosting;

LibtorchChoice.Apply(args);
return await Application.RunAsync(args);
