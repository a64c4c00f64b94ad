//! `PUT /volumes/{name}`: for volumes of a cluster, which there is not.

use crate::ask::Ask;
use crate::failure;
use crate::route::Answer;

pub(super) fn put(_ask: &mut Ask) -> Answer {
    Ok(failure::message(503, "volume update only valid for cluster volumes, but swarm is unavailable"))
}
