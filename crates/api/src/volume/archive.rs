//! `HEAD`, `GET` and `PUT /stead/volumes/{name}/archive`: what `volume cp` is made of, as Docker has it for containers.

use std::io;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use stead_base::Kind;
use stead_engine::Failure;
use stead_engine::volume::VolumePut;

use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;

const STAT_HEADER: &str = "x-docker-container-path-stat";

/// The path, which must be said.
pub(super) fn path(ask: &Ask) -> Result<String, Failure> {
    let path = ask.query().filled("path").ok_or_else(|| Failure::invalid("bad parameter: path cannot be empty"))?;
    Ok(path.to_owned())
}

fn stat(ask: &Ask, path: &str) -> Result<String, Failure> {
    let stat = ask.engine().volume_stat(ask.param("name"), path)?;
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
    let (engine, name) = (Arc::clone(ask.engine()), ask.param("name").to_owned());
    Ok(Reply::stream(200, "application/x-tar", vec![(STAT_HEADER, stat)], move |out| {
        let (_, mut archive) = engine.volume_archive_get(&name, &path, None).map_err(io::Error::other)?;
        pour(&mut *archive, out)
    }))
}

pub(super) fn put(ask: &mut Ask) -> Answer {
    let path = path(ask)?;
    let put = VolumePut { no_overwrite_dir_non_dir: ask.query().flag("noOverwriteDirNonDir"), ..VolumePut::default() };
    let (engine, name) = (Arc::clone(ask.engine()), ask.param("name").to_owned());
    let written = engine.volume_archive_put(&name, &path, &put, ask.body().be_quick())?;
    Ok(Reply::json(200, &json!({ "Members": written.members, "Bytes": written.bytes })))
}

/// Moves a stream into an answer.
pub(super) fn pour(from: &mut dyn io::Read, out: &mut dyn io::Write) -> io::Result<()> {
    let mut buffer = vec![0u8; 64 << 10];
    loop {
        match from.read(&mut buffer)? {
            0 => return Ok(()),
            count => out.write_all(&buffer[..count])?,
        }
    }
}
