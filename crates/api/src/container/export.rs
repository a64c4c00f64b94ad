//! `GET /containers/{id}/export`.

use std::io;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

/// Bytes that are sent at once.
const CHUNK: usize = 256 << 10;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let mut archive = ask.engine().container_export(ask.param("id"))?;
    Ok(Reply::stream(200, "application/octet-stream", Vec::new(), move |out| {
        let mut out = io::BufWriter::with_capacity(CHUNK, out);
        io::copy(&mut archive, &mut out)?;
        io::Write::flush(&mut out)
    }))
}
