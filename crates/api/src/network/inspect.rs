//! `GET /networks/{id}`.

use stead_base::Kind;
use stead_engine::Failure;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let (name, scope) = (ask.param("id"), ask.query().get("scope").unwrap_or_default());
    if let Some(verbose) = ask.query().filled("verbose")
        && !["0", "1", "t", "f", "T", "F", "true", "false", "True", "False", "TRUE", "FALSE"].contains(&verbose)
    {
        return Err(Failure::invalid(format!("invalid value for verbose: strconv.ParseBool: parsing {verbose:?}: invalid syntax")));
    }
    // Every network here is local: another scope has none of that name.
    if !matches!(scope, "" | "local") {
        return Err(Failure::new(Kind::NotFound, format!("network {name} not found")));
    }
    Ok(Reply::json(200, &ask.engine().network_inspect(name)?))
}
