//! Who this process is and what it may do: user, groups, capability sets, no_new_privs, the system call filter.
//!
//! Every call acts on the calling thread only, which is what a freshly cloned child has.

#![expect(unsafe_code, reason = "system calls that rustix does not wrap")]

use rustix::io::Errno;
use rustix::process::{Gid, Uid};

use crate::{Error, Result};

/// Bit sets of capabilities; bit N is capability number N. Everything else (ambient) is cleared separately.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Capabilities {
    /// In force.
    pub effective: u64,
    /// May be put in force.
    pub permitted: u64,
    /// Kept across the execution of a file that asks for it.
    pub inheritable: u64,
}

/// The kernel's `struct __user_cap_header_struct`.
#[repr(C)]
struct CapHeader {
    version: u32,
    pid: i32,
}

/// The kernel's `struct __user_cap_data_struct`; two of them make 64 bits.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Version 3 of the capability calls (64 bits).
const CAP_VERSION_3: u32 = 0x2008_0522;

/// One instruction of a classic BPF program, the kernel's `struct sock_filter`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilterInstruction {
    /// Operation.
    pub code: u16,
    /// Instructions to skip when true.
    pub jump_true: u8,
    /// Instructions to skip when false.
    pub jump_false: u8,
    /// Operand.
    pub operand: u32,
}

/// The kernel's `struct sock_fprog`.
#[repr(C)]
struct FilterProgram {
    length: u16,
    instructions: *const FilterInstruction,
}

/// Replaces all supplementary groups.
pub fn set_groups(groups: &[u32]) -> Result<()> {
    let groups: Vec<Gid> = groups.iter().map(|gid| Gid::from_raw(*gid)).collect();
    rustix::thread::set_thread_groups(&groups).map_err(|errno| Error::new("setgroups", "self", errno))
}

/// Sets the real, effective and saved group.
pub fn set_gid(gid: u32) -> Result<()> {
    let gid = Gid::from_raw(gid);
    rustix::thread::set_thread_res_gid(gid, gid, gid).map_err(|errno| Error::new("setresgid", "self", errno))
}

/// Sets the real, effective and saved user. Permitted capabilities stay only after [`keep_capabilities`].
pub fn set_uid(uid: u32) -> Result<()> {
    let uid = Uid::from_raw(uid);
    rustix::thread::set_thread_res_uid(uid, uid, uid).map_err(|errno| Error::new("setresuid", "self", errno))
}

/// Whether permitted capabilities survive the next [`set_uid`] away from 0. Ends at exec.
pub fn keep_capabilities(yes: bool) -> Result<()> {
    rustix::thread::set_keep_capabilities(yes).map_err(|errno| Error::new("prctl(PR_SET_KEEPCAPS)", "self", errno))
}

/// Reads this process's sets.
pub fn capabilities() -> Result<Capabilities> {
    let mut header = CapHeader { version: CAP_VERSION_3, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: version 3 reads the header and writes exactly two data records.
    let done = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) };
    if done < 0 {
        return Err(Error::last("capget", "self"));
    }
    let join = |low: u32, high: u32| u64::from(high) << 32 | u64::from(low);
    Ok(Capabilities {
        effective: join(data[0].effective, data[1].effective),
        permitted: join(data[0].permitted, data[1].permitted),
        inheritable: join(data[0].inheritable, data[1].inheritable),
    })
}

/// Writes this process's sets.
pub fn set_capabilities(sets: Capabilities) -> Result<()> {
    let mut header = CapHeader { version: CAP_VERSION_3, pid: 0 };
    let half = |bits: u64, shift: u32| u32::try_from((bits >> shift) & u64::from(u32::MAX)).unwrap_or_default();
    let record = |shift: u32| CapData {
        effective: half(sets.effective, shift),
        permitted: half(sets.permitted, shift),
        inheritable: half(sets.inheritable, shift),
    };
    let data = [record(0), record(32)];
    // SAFETY: version 3 reads the header and exactly two data records.
    let done = unsafe { libc::syscall(libc::SYS_capset, &raw mut header, data.as_ptr()) };
    if done < 0 { Err(Error::last("capset", "self")) } else { Ok(()) }
}

/// Drops from the bounding set every capability this kernel knows that is not in `keep`.
pub fn limit_bounding(keep: u64) -> Result<()> {
    for number in 0..64 {
        if keep & (1 << number) != 0 {
            continue;
        }
        // SAFETY: integers only.
        let done = unsafe { libc::prctl(libc::PR_CAPBSET_DROP, number, 0, 0, 0) };
        if done < 0 {
            let error = std::io::Error::last_os_error();
            // The first number past the kernel's last capability.
            if error.raw_os_error() == Some(Errno::INVAL.raw_os_error()) {
                break;
            }
            return Err(Error::new("prctl(PR_CAPBSET_DROP)", format!("capability {number}"), error));
        }
    }
    Ok(())
}

/// The capabilities this process may still gain, as a bit set.
pub fn bounding() -> u64 {
    (0..64).fold(0, |set, number| {
        // SAFETY: integers only; numbers the kernel does not know answer with an error.
        let held = unsafe { libc::prctl(libc::PR_CAPBSET_READ, number, 0, 0, 0) };
        if held == 1 { set | 1 << number } else { set }
    })
}

/// Empties the ambient set.
pub fn clear_ambient() -> Result<()> {
    rustix::thread::clear_ambient_capability_set().map_err(|errno| Error::new("prctl(PR_CAP_AMBIENT)", "self", errno))
}

/// From now on no program gives more rights than its caller has.
pub fn set_no_new_privileges() -> Result<()> {
    rustix::thread::set_no_new_privs(true).map_err(|errno| Error::new("prctl(PR_SET_NO_NEW_PRIVS)", "self", errno))
}

/// Installs a system call filter, for good. Needs CAP_SYS_ADMIN in force, or no_new_privs.
pub fn install_filter(instructions: &[FilterInstruction], flags: u32) -> Result<()> {
    let length = u16::try_from(instructions.len()).map_err(|_too_long| Error::new("seccomp", "filter", Errno::TOOBIG))?;
    let program = FilterProgram { length, instructions: instructions.as_ptr() };
    // SAFETY: the program points to `length` instructions that outlive the call; the kernel copies and checks them.
    let done = unsafe { libc::syscall(libc::SYS_seccomp, libc::SECCOMP_SET_MODE_FILTER, flags, &raw const program) };
    if done < 0 { Err(Error::last("seccomp", "filter")) } else { Ok(()) }
}

/// Leaves the caller's key ring behind: a new, empty session ring. Kernels without key rings have nothing to leave.
pub fn new_session_keyring(name: &std::ffi::CStr) -> Result<()> {
    /// `KEYCTL_JOIN_SESSION_KEYRING` of linux/keyctl.h.
    const JOIN_SESSION: libc::c_long = 1;
    // SAFETY: passes an operation number and a string that outlives the call.
    let done = unsafe { libc::syscall(libc::SYS_keyctl, JOIN_SESSION, name.as_ptr()) };
    if done >= 0 {
        return Ok(());
    }
    let error = std::io::Error::last_os_error();
    match error.raw_os_error() {
        Some(libc::ENOSYS | libc::EPERM | libc::EACCES | libc::EDQUOT) => Ok(()),
        _ => Err(Error::new("keyctl", "session", error)),
    }
}

/// Sets the file mode mask.
pub fn set_umask(mask: u32) {
    // SAFETY: takes any bits and cannot fail.
    unsafe { libc::umask(mask & 0o777) };
}
