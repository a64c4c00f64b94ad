//! The monitor's side of attach, exec and logs, for faces that carry the bytes themselves.

pub use stead_monitor::client::{ExecStreams, Frame};
pub use stead_monitor::log::{self, LogQuery, Stream};
pub use stead_monitor::protocol::{Attach, Attached, Condition, Credit, Exited, Kind as FrameKind, STDIN_CREDIT};
pub use stead_monitor::vigil::Call;
pub use stead_monitor::{Client, Error, Exit};
