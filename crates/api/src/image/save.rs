//! `GET /images/get?names=` and `GET /images/{name}/get`.

use std::io::{BufWriter, Write as _};
use std::sync::Arc;

use stead_base::Kind;
use stead_engine::Failure;
use stead_engine::image::Format;

use super::{job, platform};
use crate::ask::Ask;
use crate::route::Answer;
use crate::version::Version;

/// Bytes that are sent together.
const CHUNK: usize = 128 << 10;
const SHAPE: job::Shape = job::Shape { content_type: "application/x-tar", with_progress: false, fails_early: true, fails_in_words: false };

pub(super) fn one(ask: &mut Ask) -> Answer {
    let names = vec![ask.param("name").to_owned()];
    save(ask, names)
}

pub(super) fn several(ask: &mut Ask) -> Answer {
    let names = ask.query().all("names").into_iter().filter(|name| !name.is_empty()).map(str::to_owned).collect();
    save(ask, names)
}

fn save(ask: &Ask, names: Vec<String>) -> Answer {
    if let Some(platform) = platform::json(ask, Version(1, 48))? {
        for name in &names {
            ask.engine().image_inspect_platform(name, Some(&platform))?;
        }
    }
    let engine = Arc::clone(ask.engine());
    job::run(ask, SHAPE, move |told| {
        let mut out = BufWriter::with_capacity(CHUNK, told);
        engine.image_save(&names, Format::DockerArchive, &mut out)?;
        out.flush().map_err(|e| Failure::new(Kind::Unavailable, e.to_string()))
    })
}
