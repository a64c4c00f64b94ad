//! `io-limit`: how fast a volume may be read and written. The kernel limits a group of processes on a block device, so it holds where the volume has
//! one: its own image or device, or that of the pool, which the volumes in it share.

use std::path::PathBuf;

use stead_base::size;
use stead_mount::local::LocalError;
use stead_sys::loop_device;

use crate::record::{IoLimit, Place, Volume};
use crate::{Error, Result, Volumes, place, pool};

/// The option.
const KEY: &str = "io-limit";

/// What the options of a volume ask for.
pub(crate) fn of_options(name: &str, options: &std::collections::BTreeMap<String, String>) -> Result<IoLimit> {
    let Some(text) = options.get(KEY) else { return Ok(IoLimit::default()) };
    parse(text).map_err(|reason| Error::Options { name: name.to_owned(), source: LocalError::Place(reason) })
}

/// `read=30m,write=1000iops`: bytes or operations a second.
fn parse(text: &str) -> Result<IoLimit, String> {
    let bad = |word: &str| format!("io-limit is like read=30m,write=1000iops, not '{word}'");
    let bytes = |rate: &str| size::parse_ram(rate).ok().and_then(|bytes| u64::try_from(bytes).ok());
    let mut limit = IoLimit::default();
    for word in text.split(',') {
        let (what, rate) = word.split_once('=').ok_or_else(|| bad(word))?;
        let (slot, rate) = match (what, rate.strip_suffix("iops")) {
            ("read", Some(ops)) => (&mut limit.read_ops, ops.parse().ok()),
            ("write", Some(ops)) => (&mut limit.write_ops, ops.parse().ok()),
            ("read", None) => (&mut limit.read_bytes, bytes(rate)),
            ("write", None) => (&mut limit.write_bytes, bytes(rate)),
            _ => return Err(bad(word)),
        };
        let rate = rate.filter(|rate| *rate > 0).ok_or_else(|| bad(word))?;
        if slot.replace(rate).is_some() {
            return Err(bad(word));
        }
    }
    Ok(limit)
}

impl Volumes {
    /// The block device that a mounted volume has to itself, or shares with the pool alone; `None` where its rates can not be told from those of
    /// everything else on the host's file system.
    #[must_use]
    pub fn device_of(&self, volume: &Volume) -> Option<PathBuf> {
        match volume.place {
            Place::Image => loop_device::of_image(&self.home(&volume.name).join(place::IMAGE)),
            Place::Pool => {
                let pool = pool::read(&self.root).ok().flatten()?;
                pool.device.or_else(|| loop_device::of_image(&self.root.pool_image()))
            }
            Place::Directory => {
                let device = place::options(&volume.name, &volume.options).ok()?.filesystem?.device;
                Some(PathBuf::from(device)).filter(|device| loop_device::is_block_device(device))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_read() {
        let limit = parse("read=30m,write=1000iops").unwrap();
        assert_eq!(limit, IoLimit { read_bytes: Some(30 << 20), write_ops: Some(1000), ..IoLimit::default() });
        assert_eq!(parse("write=1g").unwrap().write_bytes, Some(1 << 30));
        for bad in ["", "read", "read=0", "read=fast", "copy=1m", "read=1m,read=2m", "read=1m,", "write=0iops"] {
            assert!(parse(bad).unwrap_err().contains("io-limit is like"), "{bad}");
        }
    }
}
