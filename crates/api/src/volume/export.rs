//! `GET /stead/volumes/{name}/export`: all of a volume as one archive.

use std::io;
use std::sync::Arc;

use stead_engine::Failure;
use stead_engine::volume::Compression;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

pub(super) fn get(ask: &mut Ask) -> Answer {
    let query = ask.query();
    let asked = query.get("compression").unwrap_or_default();
    let how =
        Compression::named(asked).ok_or_else(|| Failure::invalid(format!("invalid compression {asked:?}: it is none, gzip or zstd")))?;
    let of_instant = query.flag("snapshot");
    let content_type = match how {
        Compression::None => "application/x-tar",
        Compression::Gzip => "application/gzip",
        Compression::Zstd => "application/zstd",
    };
    let (engine, name) = (Arc::clone(ask.engine()), ask.param("name").to_owned());
    // What is not there is a status, not a broken stream.
    engine.volume_stat(&name, "/")?;
    Ok(Reply::stream(200, content_type, Vec::new(), move |out| {
        let mut archive = engine.volume_export(&name, of_instant, how).map_err(io::Error::other)?;
        super::archive::pour(&mut *archive, out)
    }))
}
