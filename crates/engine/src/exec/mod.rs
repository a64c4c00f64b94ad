//! Exec sessions of the API: made by one request, started by another, asked about by a third. One verb a file.

mod create;
mod inspect;
mod record;
mod resize;
mod start;

pub use create::ExecCreate;
pub use start::{ExecStart, Started};
