//! What a container keeps others from, as far as it or what it mounts asks for that: taken before its monitor is born, held by the monitor for the
//! container's whole life, restarts included, and given back by the kernel however that ends.
//!
//! Every use of a thing takes part, also one that asks for nothing: two shares for each thing, "used" and "written". An exclusive use has the first for
//! itself, a single writer the second.

use std::os::fd::{AsFd, BorrowedFd};

use stead_base::layout::RunRoot;
use stead_sys::lease::{Lease, Want, place};

/// One thing that a container uses.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Use {
    /// Its name among all things on this machine.
    pub key: String,
    /// Nobody else uses it at all.
    pub is_exclusive: bool,
    /// It is written.
    pub is_written: bool,
    /// Nobody else writes it.
    pub is_single_writer: bool,
}

/// Why something cannot be had now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Which of the uses that were asked for.
    pub index: usize,
    /// It may be used, but not written.
    pub is_about_writing: bool,
}

/// Held uses. Dropped, they are given back, unless a monitor has them too.
#[derive(Debug)]
pub struct Leases(Lease);

impl Leases {
    /// All of the uses or, where somebody keeps us from one, none.
    ///
    /// # Errors
    /// The run root's file cannot be opened or locked.
    pub fn take(run_root: &RunRoot, uses: &[Use]) -> stead_sys::Result<Result<Self, Refused>> {
        let mut wanted: Vec<(Want, Refused)> = Vec::new();
        for (index, one) in uses.iter().enumerate() {
            let at = place(&one.key) << 1;
            wanted.push((Want { at, exclusive: one.is_exclusive }, Refused { index, is_about_writing: false }));
            if one.is_written {
                let want = Want { at: at | 1, exclusive: one.is_single_writer || one.is_exclusive };
                wanted.push((want, Refused { index, is_about_writing: true }));
            }
        }
        // In one order for everybody: of several who want the same things one gets them all.
        wanted.sort_by_key(|(want, _)| want.at);
        let plain: Vec<Want> = wanted.iter().map(|(want, _)| *want).collect();
        Ok(Lease::take(&run_root.leases(), &plain)?.map(Self).map_err(|index| wanted[index].1))
    }
}

impl AsFd for Leases {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testdir::TestDir;

    #[expect(clippy::fn_params_excessive_bools, reason = "the rows of the table below")]
    fn used(written: bool, single: bool, exclusive: bool) -> [Use; 1] {
        [Use { key: "volume-1".into(), is_exclusive: exclusive, is_written: written, is_single_writer: single }]
    }

    #[test]
    fn who_may_come_beside_whom() {
        let dir = TestDir::new("lease");
        let run_root = RunRoot::new(dir.path());
        let (reader, writer) = (used(false, false, false), used(true, false, false));
        let (single, alone, alone_reading) = (used(true, true, false), used(true, false, true), used(false, false, true));
        let refused = |about_writing| Some(Refused { index: 0, is_about_writing: about_writing });
        let table = [
            (&reader, &writer, None),
            (&writer, &writer, None),
            (&single, &reader, None),
            (&reader, &single, None),
            (&single, &writer, refused(true)),
            (&writer, &single, refused(true)),
            (&single, &single, refused(true)),
            (&alone, &reader, refused(false)),
            (&reader, &alone, refused(false)),
            (&alone_reading, &reader, refused(false)),
            (&alone, &alone, refused(false)),
        ];
        for (first, second, wanted) in table {
            let held = Leases::take(&run_root, first).unwrap().unwrap();
            let outcome = Leases::take(&run_root, second).unwrap();
            assert_eq!(outcome.as_ref().err().copied(), wanted, "{first:?} then {second:?}");
            drop((held, outcome));
        }
    }
}
