//! `export`: the whole root file system of a container as one archive, without what is mounted in it.

use std::io::Read;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

use stead_archive::{ReadOptions, TreeReader};
use stead_base::Kind;
use stead_layer::writable;
use stead_mount::Mount;
use stead_runtime::view::{self, ViewError};

use super::plan::diff_ids;
use super::record::Container;
use crate::{Engine, Failure, Result};

/// How often a container that is between two states is looked at again, and how long in between.
const LOOKS_MAX: u32 = 100;
const LOOK_PAUSE: Duration = Duration::from_millis(20);

impl Engine {
    /// The container's files as a tar stream, produced while it is read. However slowly that is, it keeps nobody from starting the container.
    ///
    /// # Errors
    /// No such container; its root file system cannot be opened.
    pub fn container_export(&self, typed: &str) -> Result<Box<dyn Read + Send>> {
        let container = self.container(typed)?;
        let root = self.rootfs_of(&container)?;
        let options = ReadOptions { name: Some(String::new()), ..ReadOptions::default() };
        let (_, stream) = stead_archive::read(root.as_fd(), Path::new("/"), &options)?;
        self.emit_container(&container, "export", &[]);
        Ok(Box::new(Exported { stream, _root: root }))
    }

    /// The root file system by one descriptor.
    fn rootfs_of(&self, container: &Container) -> Result<OwnedFd> {
        for _ in 0..LOOKS_MAX {
            let now = self.now(&container.id);
            if !now.is_running() {
                return self.resting_rootfs(container);
            }
            let pid = now.pid();
            match view::open_rootfs(pid) {
                // Still its process after the root was opened: then it was when it was opened.
                Ok(root) if self.now(&container.id).pid() == pid => return Ok(root),
                Ok(_) | Err(ViewError::Gone { .. }) => {}
                Err(error) => return Err(error.into()),
            }
            std::thread::sleep(LOOK_PAUSE);
        }
        let text = format!("Container {} is restarting, wait until the container is running", container.id);
        Err(Failure::new(Kind::Conflict, text))
    }

    /// The writable layer on top of the image's, read-only: nothing of it is claimed, so that a start may come at any time.
    fn resting_rootfs(&self, container: &Container) -> Result<OwnedFd> {
        let mut layers = vec![writable::ensure(&self.root, &container.id)?.upper];
        layers.extend(stead_layer::lower_dirs(&self.root, &diff_ids(container)?));
        let tree = stead_mount::prepare(&Mount::rootfs(layers, None, None))?.into_tree();
        tree.ok_or_else(|| Failure::new(Kind::Internal, "the container's tree could not be opened"))
    }
}

/// An archive on its way out, and the tree it is read from.
struct Exported {
    stream: TreeReader,
    _root: OwnedFd,
}

impl Read for Exported {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        self.stream.read(buffer)
    }
}
