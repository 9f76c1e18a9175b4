//! Keeps the library in memory until the process ends.

/// Godot unloads extensions when it quits. A thread of the library can still be waiting for the system's resolver then, and would
/// return into unmapped memory. So the library is marked as never unloadable.
#[cfg(unix)]
pub(crate) fn keep_loaded() {
    let mut info = std::mem::MaybeUninit::<libc::Dl_info>::zeroed();
    let address = keep_loaded as fn() as *const libc::c_void;
    // SAFETY: the address is that of a function in this library, and `info` has room for the result. The name in it is that of a
    // loaded library. With RTLD_NOLOAD, nothing is loaded, and the library is only marked.
    unsafe {
        if libc::dladdr(address, info.as_mut_ptr()) != 0 {
            let path = info.assume_init().dli_fname;
            libc::dlopen(path, libc::RTLD_NOW | libc::RTLD_NOLOAD | libc::RTLD_NODELETE);
        }
    }
}

/// See the Unix version.
#[cfg(windows)]
pub(crate) fn keep_loaded() {
    use windows_sys::Win32::System::LibraryLoader::{
        GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS, GET_MODULE_HANDLE_EX_FLAG_PIN, GetModuleHandleExW,
    };
    let mut module = std::ptr::null_mut();
    let address = keep_loaded as fn() as *const u16;
    let flags = GET_MODULE_HANDLE_EX_FLAG_FROM_ADDRESS | GET_MODULE_HANDLE_EX_FLAG_PIN;
    // SAFETY: with these flags, the second argument is an address in the module, and `module` has room for the result.
    unsafe { GetModuleHandleExW(flags, address, &mut module) };
}
