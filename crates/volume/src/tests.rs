//! Volumes on a real disk: what is acknowledged stays, what is refused leaves nothing.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use serde::{Deserialize, Serialize};
use stead_base::Kind;
use stead_base::layout::{Root, RunRoot};
use stead_store::{Record, Ref, Store};

use crate::*;

mod collecting;
mod crash;
mod device;
mod held;
mod lifecycle;
mod placing;
mod populating;
mod renaming;
mod repairing;
mod scheduling;
mod undo_crash;
mod undoing;

/// A stand-in for a container: something that refers to volumes.
#[derive(Debug, Serialize, Deserialize)]
struct User {
    id: String,
    volumes: Vec<String>,
}

impl Record for User {
    const KIND: &'static str = "container";
    const VERSION: u32 = 1;
    fn id(&self) -> &str {
        &self.id
    }
    fn name(&self) -> Option<&str> {
        None
    }
    fn refs(&self) -> Vec<Ref> {
        self.volumes.iter().map(|id| Ref { kind: "volume", id: id.clone() }).collect()
    }
}

/// A root, a run root and an image tree in one directory.
struct Sandbox(PathBuf);

impl Sandbox {
    fn new() -> Self {
        static COUNTER: AtomicU32 = AtomicU32::new(0);
        let path = PathBuf::from(format!("/var/tmp/stead-volume-{}-{}", std::process::id(), COUNTER.fetch_add(1, Ordering::Relaxed)));
        for dir in ["root", "run", "image"] {
            std::fs::create_dir_all(path.join(dir)).unwrap();
        }
        Self(path)
    }

    /// The sandbox of the parent, in a child process.
    fn of_parent() -> Self {
        let dir = std::env::current_dir().unwrap();
        assert!(dir.starts_with("/var/tmp"), "only run by its parent");
        Self(dir)
    }

    fn root(&self) -> Root {
        Root::new(self.0.join("root"))
    }

    fn volumes(&self) -> Volumes {
        let store = Arc::new(Store::open(&self.root()).unwrap());
        Volumes::open(&self.root(), &RunRoot::new(self.0.join("run")), store)
    }

    fn image(&self, rel: &str) -> PathBuf {
        self.0.join("image").join(rel)
    }

    fn data(&self, name: &str, rel: &str) -> PathBuf {
        self.root().volume_data(name).join(rel)
    }

    fn populate(&self, volumes: &Volumes, name: &str, destination: &str) -> Result<Populated> {
        self.populate_part(volumes, name, destination, None, When::Start)
    }

    fn populate_part(&self, volumes: &Volumes, name: &str, destination: &str, subpath: Option<&str>, when: When) -> Result<Populated> {
        let image = File::open(self.image("")).unwrap();
        let what = Populate {
            image: image.as_fd(),
            destination: Path::new(destination),
            subpath: subpath.map(Path::new),
            holder: "c1",
            when,
            from: "image",
        };
        volumes.populate(name, &what)
    }

    fn child(&self, test: &str, tracer: &[&str]) -> Child {
        let own = std::env::current_exe().unwrap();
        let (program, before) = match tracer.split_first() {
            Some((program, before)) => (PathBuf::from(program), before.to_vec()),
            None => (own.clone(), Vec::new()),
        };
        #[expect(clippy::disallowed_methods, reason = "the test runs itself as a second process")]
        let mut command = Command::new(program);
        command.args(before);
        if !tracer.is_empty() {
            command.arg(own);
        }
        command.args(["--exact", test, "--ignored", "--quiet", "--test-threads=1"]).current_dir(&self.0);
        command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        if std::env::current_dir().is_ok_and(|dir| dir == self.0) {
            return;
        }
        stead_sys::tree::remove_tree(File::open("/var/tmp").unwrap(), self.0.file_name().unwrap()).unwrap();
    }
}

fn named(name: &str) -> CreateRequest {
    CreateRequest { name: name.to_owned(), ..CreateRequest::default() }
}

fn map(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
}

fn write(path: &Path, data: &[u8]) {
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::io::Write::write_all(&mut File::create(path).unwrap(), data).unwrap();
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).into_iter().flatten().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

/// Runs a program of the distribution.
fn sh(program: &str, args: &[&str]) {
    #[expect(clippy::disallowed_methods, reason = "mount and umount for the test's own directories")]
    let status = Command::new(program).args(args).status().unwrap();
    assert!(status.success(), "{program} {args:?}");
}

/// Empties the trash of the root's own area.
fn sweep(root: &Root) -> Result<u64> {
    trash::sweep(root, &root.volumes())
}
