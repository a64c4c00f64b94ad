//! The I/O limits of the volumes that a container uses, for its control group.

use stead_runtime::spec::{BlkioDevice, CgroupLimits};
use stead_volume::{IoLimit, Volume};

use super::record::Container;
use crate::{Engine, Failure, Result};

impl Engine {
    /// Adds the rates of the container's volumes, which are mounted by now. What `--device-read-bps` and its like say of the same device stays.
    ///
    /// # Errors
    /// A volume whose rates nothing here can hold: it is not started without them.
    pub(super) fn limit_io(&self, container: &Container, limits: &mut CgroupLimits) -> Result<()> {
        for name in container.volumes() {
            // One that is not there any more stops the start elsewhere.
            let Ok(volume) = self.volumes.get(name) else { continue };
            if volume.limits.io.is_none() {
                continue;
            }
            let device = self.volumes.device_of(&volume).ok_or_else(|| unlimited(&volume))?;
            add(limits, &device, &volume.limits.io);
        }
        Ok(())
    }
}

fn unlimited(volume: &Volume) -> Failure {
    Failure::new(
        stead_base::Kind::Unsupported,
        format!("volume {}: its io-limit cannot be held: it shares a file system with everything else there", volume.name),
    )
    .with_hint("a volume in the pool (-o pool) or with a file system of its own (--size with -o fs=ext4) has a device that can be limited")
}

fn add(limits: &mut CgroupLimits, device: &std::path::Path, io: &IoLimit) {
    let put = |list: &mut Vec<BlkioDevice>, rate: Option<u64>| {
        let Some(rate) = rate else { return };
        match list.iter_mut().find(|known| known.path == device) {
            // Two volumes of one device: both have to keep to the lower rate.
            Some(known) => known.rate = known.rate.min(rate),
            None => list.push(BlkioDevice { path: device.to_path_buf(), rate }),
        }
    };
    put(&mut limits.blkio_read_bps, io.read_bytes);
    put(&mut limits.blkio_write_bps, io.write_bytes);
    put(&mut limits.blkio_read_iops, io.read_ops);
    put(&mut limits.blkio_write_iops, io.write_ops);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lower_rate_of_one_device_holds() {
        let mut limits = CgroupLimits::default();
        let io = |read| IoLimit { read_bytes: Some(read), write_ops: Some(7), ..IoLimit::default() };
        for (device, read) in [("/dev/a", 30), ("/dev/a", 20), ("/dev/b", 50)] {
            add(&mut limits, device.as_ref(), &io(read));
        }
        let rates = |list: &[BlkioDevice]| list.iter().map(|d| (d.path.display().to_string(), d.rate)).collect::<Vec<_>>();
        assert_eq!(rates(&limits.blkio_read_bps), [("/dev/a".to_owned(), 20), ("/dev/b".to_owned(), 50)]);
        assert_eq!(rates(&limits.blkio_write_iops), [("/dev/a".to_owned(), 7), ("/dev/b".to_owned(), 7)]);
        assert!(limits.blkio_write_bps.is_empty() && limits.blkio_read_iops.is_empty());
    }
}
