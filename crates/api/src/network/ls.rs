//! `GET /networks`.

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let networks = ask.engine().network_list(&ask.query().filters()?)?;
    // Docker's list has an empty set where inspect names who is in the network.
    let shown: Vec<_> = networks
        .into_iter()
        .map(|mut network| {
            network.containers = Some(Default::default());
            network
        })
        .collect();
    Ok(Reply::json(200, &shown))
}
