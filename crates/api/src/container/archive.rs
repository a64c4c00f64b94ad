//! `HEAD`, `GET` and `PUT /containers/{id}/archive`: what `docker cp` is made of.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use stead_base::Kind;
use stead_engine::Failure;
use stead_engine::container::copy::ArchivePut;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

const STAT_HEADER: &str = "x-docker-container-path-stat";

/// The path, which must be said; Docker's words lack the space, too.
fn path(ask: &Ask) -> Result<String, Failure> {
    let path = ask.query().filled("path").ok_or_else(|| Failure::invalid("bad parameter: pathcannot be empty"))?;
    Ok(path.to_owned())
}

fn stat(ask: &Ask, path: &str) -> Result<String, Failure> {
    let stat = ask.engine().container_stat(ask.param("id"), path)?;
    let text = serde_json::to_vec(&stat).map_err(|error| Failure::new(Kind::Internal, error.to_string()))?;
    Ok(STANDARD.encode(text))
}

pub(super) fn head(ask: &mut Ask) -> Answer {
    let path = path(ask)?;
    Ok(Reply::empty(200).with_header(STAT_HEADER, stat(ask, &path)?))
}

pub(super) fn get(ask: &mut Ask) -> Answer {
    let path = path(ask)?;
    let stat = stat(ask, &path)?;
    let engine = Arc::clone(ask.engine());
    let id = ask.param("id").to_owned();
    Ok(Reply::stream(200, "application/x-tar", vec![(STAT_HEADER, stat)], move |out| {
        let (_, mut archive) = engine.container_archive_get(&id, &path).map_err(io::Error::other)?;
        let mut buffer = vec![0u8; 64 << 10];
        loop {
            match archive.read(&mut buffer)? {
                0 => return Ok(()),
                count => out.write_all(&buffer[..count])?,
            }
        }
    }))
}

pub(super) fn put(ask: &mut Ask) -> Answer {
    let path = path(ask)?;
    let query = ask.query();
    let put = ArchivePut { no_overwrite_dir_non_dir: query.flag("noOverwriteDirNonDir"), copy_uid_gid: query.flag("copyUIDGID") };
    let (engine, id) = (Arc::clone(ask.engine()), ask.param("id").to_owned());
    engine.container_archive_put(&id, &path, put, ask.body().be_quick())?;
    Ok(Reply::empty(200))
}
