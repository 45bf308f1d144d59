using System.Runtime.InteropServices;

namespace Gram.Models.Native;

/// <summary>What the CUDA driver says of a device and TorchSharp does not.</summary>
public static unsafe class CudaDevice
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

    /// <summary>Bytes of its memory that nothing holds, as this process may take them; null where the driver does not say.</summary>
    /// <param name="index">The device among those that are visible.</param>
    public static long? FreeBytes(int index)
    {
        if (!NativeLibrary.TryLoad(OperatingSystem.IsWindows() ? "nvcuda.dll" : "libcuda.so.1", out var driver)) return null;
        int device;
        nint context;
        nuint free, total;
        if (((delegate* unmanaged<uint, int>)NativeLibrary.GetExport(driver, "cuInit"))(0) != 0) return null;
        if (((delegate* unmanaged<int*, int, int>)NativeLibrary.GetExport(driver, "cuDeviceGet"))(&device, index) != 0) return null;
        // The context that libtorch works in; memory is told of the current one's device.
        if (((delegate* unmanaged<nint*, int, int>)NativeLibrary.GetExport(driver, "cuDevicePrimaryCtxRetain"))(&context, device) != 0) return null;
        try
        {
            if (((delegate* unmanaged<nint, int>)NativeLibrary.GetExport(driver, "cuCtxPushCurrent_v2"))(context) != 0) return null;
            var code = ((delegate* unmanaged<nuint*, nuint*, int>)NativeLibrary.GetExport(driver, "cuMemGetInfo_v2"))(&free, &total);
            _ = ((delegate* unmanaged<nint*, int>)NativeLibrary.GetExport(driver, "cuCtxPopCurrent_v2"))(&context);
            return code == 0 ? (long)free : null;
        }
        finally
        {
            _ = ((delegate* unmanaged<int, int>)NativeLibrary.GetExport(driver, "cuDevicePrimaryCtxRelease_v2"))(device);
        }
    }

    private static void Check(int code, string what)
    {
        if (code != 0) throw new InvalidOperationException($"the CUDA driver refused {what} (error {code})");
    }
}
