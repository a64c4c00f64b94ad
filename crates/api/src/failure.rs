//! Where a kind of failure becomes an HTTP status: here and nowhere else.

use stead_base::Kind;
use stead_engine::Failure;

use crate::reply::Reply;

/// The status of a failure.
pub(crate) fn status(failure: &Failure) -> u16 {
    match failure.kind {
        Kind::NotFound => 404,
        Kind::Conflict | Kind::InUse | Kind::Exists | Kind::NotRunning => 409,
        Kind::Invalid => 400,
        Kind::NotAllowed => 403,
        Kind::Unsupported => 501,
        Kind::NoSpace | Kind::Unavailable | Kind::Internal => 500,
    }
}

/// `{"message": …}` under the failure's status.
pub(crate) fn reply(failure: &Failure) -> Reply {
    message(status(failure), &failure.message)
}

/// `{"message": …}` under any status, for what no kind names (a swarm that is not there: 503).
pub(crate) fn message(status: u16, message: &str) -> Reply {
    Reply::json(status, &serde_json::json!({ "message": message }))
}
