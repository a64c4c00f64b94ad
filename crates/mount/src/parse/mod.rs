//! The grammars of `--mount`, `-v`, `--tmpfs` and `--volumes-from`, for Linux, Windows and Linux-on-Windows. Pure: no I/O at all.

mod csv;
mod extra;
pub mod lcow;
mod long;
mod mode;
pub mod short;
pub mod tmpfs;
mod volumes_from;
pub mod windows;

pub use csv::CsvError;
pub use long::{LongError, long, long_warning};
pub use mode::Mode;
pub use short::{Short, ShortError, client};
pub use tmpfs::tmpfs;
pub use volumes_from::{VolumesFrom, volumes_from};
