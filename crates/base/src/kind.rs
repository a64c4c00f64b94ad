//! The universal kinds of failure; each face turns them into an exit code or an HTTP status in exactly one place.

/// What sort of failure an error is, whatever room it comes from.
///
/// Errors keep their own types per room; `Kind` is the only thing a face needs in order to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The thing named does not exist.
    NotFound,
    /// The request collides with the present state (a name taken, a second prune).
    Conflict,
    /// Somebody uses the thing.
    InUse,
    /// The request itself is wrong.
    Invalid,
    /// The caller or the configuration does not permit it.
    NotAllowed,
    /// Stead, this kernel or this file system cannot do it.
    Unsupported,
    /// The container is not running.
    NotRunning,
    /// The thing exists already.
    Exists,
    /// A disk or a quota is full.
    NoSpace,
    /// A peer (registry, driver, monitor) did not answer.
    Unavailable,
    /// A defect or a failed system call.
    Internal,
}
