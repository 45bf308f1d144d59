using System.Runtime.InteropServices;

namespace Gram.Models.Native;

/// <summary>What the CUDA driver says of a device and TorchSharp does not.</summary>
internal static unsafe class CudaDevice
{
    private const int ComputeCapabilityMajor = 75; // CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR

    /// <summary>Whether it multiplies bfloat16 at full speed: compute capability 8 (Ampere) and later.</summary>
    /// <param name="index">The device among those that are visible.</param>
    public static bool HasBFloat16(int index)
    {
        var driver = NativeLibrary.Load(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1");
        int device, major;
        Check(((delegate* unmanaged<uint, int>)NativeLibrary.GetExport(driver, "cuInit"))(0), "cuInit");
        Check(((delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGet"))(&device, index), "cuDeviceGet");
        Check(((delegate* unmanaged<int*, int, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGetAttribute"))(&major, ComputeCapabilityMajor, device), "cuDeviceGetAttribute");
        return major >= 8;
    }

    private static void Check(int code, string what)
    {
        if (code != 0) throw new InvalidOperationException($"the CUDA driver refused {what} (error {code})");
    }
}
