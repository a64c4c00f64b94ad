//! Managed plugins: there are none, which is what every question about them is answered with.

use hyper::Method;
use serde_json::json;
use stead_base::Kind;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::{Answer, Route, route};
use crate::version::Version;

const SINCE: Version = Version(1, 25);

/// The routes of this noun; literal paths before `{name*}`.
pub(crate) const ROUTES: &[Route] = &[
    route(Method::GET, "/plugins", list).since(SINCE),
    route(Method::GET, "/plugins/privileges", refuse).since(SINCE),
    route(Method::GET, "/plugins/{name*}/json", missing).since(SINCE),
    route(Method::POST, "/plugins/pull", refuse).since(SINCE),
    route(Method::POST, "/plugins/create", refuse).since(SINCE),
    route(Method::POST, "/plugins/{name*}/enable", missing).since(SINCE),
    route(Method::POST, "/plugins/{name*}/disable", missing).since(SINCE),
    route(Method::POST, "/plugins/{name*}/upgrade", missing).since(Version(1, 26)),
    route(Method::POST, "/plugins/{name*}/push", missing).since(SINCE),
    route(Method::POST, "/plugins/{name*}/set", missing).since(SINCE),
    route(Method::DELETE, "/plugins/{name*}", missing).since(SINCE),
];

fn list(ask: &mut Ask) -> Answer {
    ask.query().filters()?.check(&["capability", "enabled"])?;
    Ok(Reply::json(200, &json!([])))
}

fn missing(ask: &mut Ask) -> Answer {
    Err(Failure::new(Kind::NotFound, format!("plugin \"{}\" not found", ask.param("name"))))
}

fn refuse(ask: &mut Ask) -> Answer {
    drop(std::io::copy(ask.body(), &mut std::io::sink()));
    Err(Failure::new(Kind::Unsupported, "this engine has no managed plugins"))
}
