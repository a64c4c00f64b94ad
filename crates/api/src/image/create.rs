//! `POST /images/create`: pull, and import.

use std::io::{self, Read as _};
use std::sync::Arc;

use serde_json::json;
use stead_engine::Failure;
use stead_engine::image::pull::PullRequest;
use stead_engine::image::{ImportOptions, Reference};

use super::{job, login_of, name};
use crate::ask::Ask;
use crate::route::Answer;
use crate::version::Version;

/// What is read of a body that is refused, so that its client hears why.
const REFUSED_MAX: u64 = 256 << 20;

pub(super) fn post(ask: &mut Ask) -> Answer {
    let platform = ask.query().filled("platform").filter(|_| ask.version() >= Version(1, 32)).map(str::to_owned);
    if let Some(image) = ask.query().filled("fromImage") {
        let reference = name::joined(image, ask.query().get("tag").unwrap_or_default())?;
        return pull(ask, &reference, platform);
    }
    match ask.query().get("fromSrc") {
        Some(source) if !source.is_empty() => {
            let source = source.to_owned();
            import(ask, source, platform)
        }
        _ => Err(Failure::invalid("invalid reference format")),
    }
}

fn pull(ask: &Ask, reference: &Reference, platform: Option<String>) -> Answer {
    // Without a tag it is every tag: Docker's clients say `latest` themselves.
    let all_tags = reference.tag().is_none() && reference.digest().is_none();
    let request = PullRequest { platform, all_tags, auth: login_of(ask) };
    let (engine, reference) = (Arc::clone(ask.engine()), reference.canonical());
    job::run(ask, job::LINES, move |told| engine.image_pull_as(&reference, &request, told).map(drop))
}

fn import(ask: &mut Ask, source: String, platform: Option<String>) -> Answer {
    let query = ask.query();
    let reference = match query.filled("repo") {
        Some(repo) => Some(name::joined(repo, query.get("tag").unwrap_or_default())?.or_latest().canonical()),
        None => None,
    };
    let options = ImportOptions {
        reference,
        changes: query.all("changes").into_iter().filter(|change| !change.is_empty()).map(str::to_owned).collect(),
        message: query.get("message").unwrap_or_default().to_owned(),
        source: source.clone(),
        platform,
    };
    let engine = Arc::clone(ask.engine());
    let mut body = ask.take_body();
    job::run(ask, job::LINES, move |told| {
        let id = match source.as_str() {
            "-" => engine.image_import(&mut body, &options).inspect_err(|_| {
                // A client that is still sending would take the closed connection for the answer.
                drop(io::copy(&mut body.by_ref().take(REFUSED_MAX), &mut io::sink()));
            })?,
            address => engine.image_import_from(address, &options, told)?,
        };
        told.line(&json!({ "status": id }));
        Ok(())
    })
}
