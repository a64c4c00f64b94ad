//! File systems in files: the option `loop` of mount(8). The device is made at each mount and vanishes with it.

use std::path::{Path, PathBuf};

use stead_sys::loop_device::{self, LoopDevice};

use crate::value::{FilesystemSpec, Mount, Source};

/// The word among the options; the kernel does not know it.
pub(crate) const LOOP: &str = "loop";

/// The mount with a loop device in place of its file, and the device, which has to be kept until it is mounted.
pub(super) fn attached(mut mount: Mount) -> Result<(Mount, Option<LoopDevice>), stead_sys::Error> {
    let Source::Filesystem(spec) = &mut mount.source else { return Ok((mount, None)) };
    if !is_image(spec) {
        return Ok((mount, None));
    }
    let device = loop_device::attach(Path::new(&spec.device))?;
    spec.options.retain(|word| word != LOOP);
    spec.device = device.path.display().to_string();
    Ok((mount, Some(device)))
}

/// The loop device of the file at this moment; none where the device is no file.
pub(super) fn device_of(spec: &FilesystemSpec) -> Option<PathBuf> {
    is_image(spec).then(|| loop_device::of_image(Path::new(&spec.device))).flatten()
}

fn is_image(spec: &FilesystemSpec) -> bool {
    spec.options.iter().any(|word| word == LOOP)
}
