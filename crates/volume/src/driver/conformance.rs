//! What every driver must do, as a suite that tells which rules a driver breaks. A new driver passes it before it is listed.

use std::path::Path;

use super::{Driver, Storage};
use crate::record::Volume;

/// Takes one volume of the driver, which nobody holds, through its life. Returns the rules that were broken, in words.
#[must_use]
pub fn broken_rules(driver: &dyn Driver, volume: &Volume) -> Vec<String> {
    let mut broken = Vec::new();
    let mut rule = |holds: bool, words: &str| {
        if !holds {
            broken.push(words.to_owned());
        }
    };
    let storage = driver.storage(volume).ok();
    rule(storage.is_some(), "the storage of a created volume is known");
    rule(driver.name() == volume.driver, "a driver answers to the name in the record");
    rule(matches!(driver.scope(), "local" | "global"), "the scope is local or global");
    rule(driver.path(volume).is_absolute(), "the path is absolute");
    rule(driver.is_idle(volume).unwrap_or(false), "a volume nobody mounted is idle");
    rule(driver.unmount(volume, "nobody").is_ok(), "unmounting for a stranger is no error");

    let first = driver.mount(volume, "holder-1");
    rule(first.as_ref().is_ok_and(|p| p.is_dir()), "a mounted volume is a directory");
    rule(first.as_ref().is_ok_and(|p| *p == driver.path(volume)), "it is mounted where path says");
    let Ok(path) = first else { return broken };
    rule(mark(&path), "a mounted volume can be written");
    rule(driver.mount(volume, "holder-1").is_ok(), "the same holder may mount twice");
    rule(driver.mount(volume, "holder-2").is_ok(), "a second holder may mount");
    let held = storage == Some(Storage::Directory) || driver.is_idle(volume).is_ok_and(|idle| !idle);
    rule(held, "a held volume of a device is not idle");
    rule(driver.unmount(volume, "holder-1").is_ok(), "the first holder may go");
    rule(has_mark(&path), "what one holder wrote the other sees after the first went: holders are a set, not a count");
    rule(driver.unmount(volume, "holder-2").is_ok(), "the last holder may go");
    rule(driver.unmount(volume, "holder-2").is_ok(), "going twice is no error");
    rule(driver.is_idle(volume).unwrap_or(false), "a volume everybody left is idle");

    rule(driver.mount(volume, "holder-3").is_ok(), "it can be mounted again");
    let kept = has_mark(&path);
    rule(kept == (storage != Some(Storage::Memory)), "the content is kept exactly when the storage says so");
    std::fs::remove_file(path.join(MARK)).ok();
    rule(driver.unmount(volume, "holder-3").is_ok(), "and left again");
    broken
}

const MARK: &str = "conformance-mark";

fn mark(path: &Path) -> bool {
    stead_sys::durable::write_new(&path.join(MARK), b"mark", 0o600).is_ok()
}

fn has_mark(path: &Path) -> bool {
    std::fs::read(path.join(MARK)).is_ok_and(|bytes| bytes == b"mark")
}
