//! Loop devices: a file as a block device (loop(4)). Made with one call (`LOOP_CONFIGURE`, Linux 5.8) and set to vanish with their last user, so that
//! a process that is killed between attaching and mounting leaves none.

#![expect(unsafe_code, reason = "ioctls that rustix does not wrap")]

use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};

use rustix::fs::{self, FlockOperation, Mode, OFlags};
use rustix::io::Errno;
use rustix::ioctl::{self, Opcode, Setter};

use crate::{Error, Result};

/// `LO_FLAGS_AUTOCLEAR`.
const AUTOCLEAR: u32 = 4;
/// `LO_FLAGS_DIRECT_IO`: the file's pages are not kept twice. The kernel goes on without where the file system below cannot.
const DIRECT_IO: u32 = 16;

/// `struct loop_info64`.
#[repr(C)]
struct Info {
    device: u64,
    inode: u64,
    rdevice: u64,
    offset: u64,
    sizelimit: u64,
    number: u32,
    encrypt_type: u32,
    encrypt_key_size: u32,
    flags: u32,
    file_name: [u8; 64],
    crypt_name: [u8; 64],
    encrypt_key: [u8; 32],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

const SET_CAPACITY: Opcode = 0x4C07;
const CONFIGURE: Opcode = 0x4C0A;
const GET_FREE: Opcode = 0x4C82;

/// A loop device that is held open: until it is mounted, dropping this detaches it.
#[derive(Debug)]
pub struct LoopDevice {
    /// Keeps it.
    _device: File,
    /// `/dev/loopN`.
    pub path: PathBuf,
}

/// Attaches an image file. One that is attached already gets no second device: two file systems of one file would not know of each other. That can be
/// though nobody here has it mounted: another mount namespace may have kept a copy of the mount.
///
/// # Errors
/// No loop driver, none free, or what the kernel says.
pub fn attach(image: &Path) -> Result<LoopDevice> {
    let file = fs::open(image, OFlags::RDWR | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK, Mode::empty())
        .map_err(|e| Error::new("open", image, e))?;
    // One at a time looks and attaches. The device keeps the very open file, and with it the lock: it has to be undone by name.
    fs::flock(&file, FlockOperation::LockExclusive).map_err(|e| Error::new("flock", image, e))?;
    let attached = match attached_already(image) {
        Some(device) => Ok(device),
        None => attach_anew(file.as_fd(), image),
    };
    fs::flock(&file, FlockOperation::Unlock).map_err(|e| Error::new("flock", image, e))?;
    attached
}

/// The device that the image has, held open: one that is about to be taken apart is none.
fn attached_already(image: &Path) -> Option<LoopDevice> {
    let path = of_image(image)?;
    let device = fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).ok()?;
    // What is open stays; it may have gone, or become another's, before it was.
    (of_image(image)? == path).then(|| LoopDevice { _device: File::from(device), path })
}

fn attach_anew(file: BorrowedFd<'_>, image: &Path) -> Result<LoopDevice> {
    let control = Path::new("/dev/loop-control");
    let control_fd = fs::open(control, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(|e| Error::new("open", control, e))?;
    // Somebody else may take the free one first.
    for _ in 0..64 {
        let number = free(control_fd.as_fd()).map_err(|e| Error::new("LOOP_CTL_GET_FREE", control, e))?;
        let path = PathBuf::from(format!("/dev/loop{number}"));
        let device = match fs::open(&path, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
            Ok(device) => device,
            Err(Errno::NOENT | Errno::NXIO) => {
                std::thread::sleep(std::time::Duration::from_millis(5));
                continue;
            }
            Err(e) => return Err(Error::new("open", &path, e)),
        };
        match configure(device.as_fd(), file, image) {
            Ok(()) => return Ok(LoopDevice { _device: File::from(device), path }),
            Err(Errno::BUSY) => {}
            Err(e) => return Err(Error::new("LOOP_CONFIGURE", image, e)),
        }
    }
    Err(Error::new("LOOP_CONFIGURE", image, Errno::BUSY))
}

/// Tells a loop device that its file has grown.
///
/// # Errors
/// It is no loop device, or what the kernel says.
pub fn grow(device: &Path) -> Result<()> {
    let fd = fs::open(device, OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()).map_err(|e| Error::new("open", device, e))?;
    // SAFETY: the call takes no argument.
    let call = unsafe { ioctl::NoArg::<SET_CAPACITY>::new() };
    // SAFETY: as above.
    unsafe { ioctl::ioctl(&fd, call) }.map_err(|e| Error::new("LOOP_SET_CAPACITY", device, e))
}

/// The device that `image` is attached to, if any: as the kernel tells in /sys, by device and inode, not by name.
#[must_use]
pub fn of_image(image: &Path) -> Option<PathBuf> {
    let wanted = image.metadata().ok()?;
    let listing = std::fs::read_dir("/sys/block").ok()?;
    listing.flatten().map(|entry| entry.file_name()).filter(|name| name.as_encoded_bytes().starts_with(b"loop")).find_map(|name| {
        let backing = std::fs::read_to_string(Path::new("/sys/block").join(&name).join("loop/backing_file")).ok()?;
        let found = Path::new(backing.trim_end()).metadata().ok()?;
        ((found.dev(), found.ino()) == (wanted.dev(), wanted.ino())).then(|| Path::new("/dev").join(&name))
    })
}

/// Whether a path is a block device.
#[must_use]
pub fn is_block_device(path: &Path) -> bool {
    path.metadata().is_ok_and(|found| found.file_type().is_block_device())
}

fn configure(device: BorrowedFd<'_>, file: BorrowedFd<'_>, image: &Path) -> rustix::io::Result<()> {
    let mut name = [0; 64];
    // For people only: `losetup` shows it.
    let shown = image.as_os_str().as_encoded_bytes();
    let shown = &shown[shown.len().saturating_sub(63)..];
    name[..shown.len()].copy_from_slice(shown);
    let info = Info {
        device: 0,
        inode: 0,
        rdevice: 0,
        offset: 0,
        sizelimit: 0,
        number: 0,
        encrypt_type: 0,
        encrypt_key_size: 0,
        flags: AUTOCLEAR | DIRECT_IO,
        file_name: name,
        crypt_name: [0; 64],
        encrypt_key: [0; 32],
        init: [0; 2],
    };
    let fd = u32::try_from(file.as_raw_fd()).map_err(|_negative| Errno::BADF)?;
    let config = Config { fd, block_size: 0, info, reserved: [0; 8] };
    // SAFETY: the opcode takes this structure, which lives through the call, as does the descriptor in it.
    let call = unsafe { Setter::<CONFIGURE, _>::new(config) };
    // SAFETY: as above.
    unsafe { ioctl::ioctl(device, call) }
}

fn free(control: BorrowedFd<'_>) -> rustix::io::Result<u32> {
    struct GetFree;
    // SAFETY: the opcode takes nothing and answers a number.
    unsafe impl ioctl::Ioctl for GetFree {
        type Output = u32;
        const IS_MUTATING: bool = false;
        fn opcode(&self) -> Opcode {
            GET_FREE
        }
        fn as_ptr(&mut self) -> *mut rustix::ffi::c_void {
            std::ptr::null_mut()
        }
        unsafe fn output_from_ptr(out: ioctl::IoctlOutput, _: *mut rustix::ffi::c_void) -> rustix::io::Result<u32> {
            u32::try_from(out).map_err(|_negative| Errno::INVAL)
        }
    }
    // SAFETY: as above.
    unsafe { ioctl::ioctl(control, GetFree) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[test]
    fn a_device_is_there_while_it_is_held_and_grows_with_its_file() {
        let dir = TestDir::new();
        let image = dir.path().join("disk.img");
        File::create(&image).unwrap().set_len(4 << 20).unwrap();
        assert_eq!(of_image(&image), None);
        let device = attach(&image).unwrap();
        assert!(is_block_device(&device.path));
        assert_eq!(of_image(&image).as_ref(), Some(&device.path));
        assert_eq!(attach(&image).unwrap().path, device.path, "one file, one device");
        let sectors = || std::fs::read_to_string(Path::new("/sys/block").join(device.path.file_name().unwrap()).join("size")).unwrap();
        assert_eq!(sectors().trim(), "8192");
        File::options().write(true).open(&image).unwrap().set_len(8 << 20).unwrap();
        grow(&device.path).unwrap();
        assert_eq!(sectors().trim(), "16384");
        drop(device);
        for _ in 0..200 {
            if of_image(&image).is_none() {
                return;
            }
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        panic!("the device stayed");
    }
}
