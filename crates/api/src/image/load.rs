//! `POST /images/load`.

use std::sync::Arc;

use serde_json::json;
use stead_engine::image::Input;

use super::{job, platform};
use crate::ask::Ask;
use crate::route::Answer;
use crate::version::Version;

pub(super) fn post(ask: &mut Ask) -> Answer {
    // One platform of an image is kept; which one is the archive's affair.
    platform::json(ask, Version(1, 48))?;
    let shape = job::Shape { with_progress: !ask.query().flag_or("quiet", true), fails_early: false, ..job::LINES };
    let engine = Arc::clone(ask.engine());
    let mut body = ask.take_body();
    job::run(ask, shape, move |told| {
        for loaded in engine.image_load(Input::Stream(&mut body), told)? {
            for line in loaded.lines() {
                told.line(&json!({ "stream": format!("{line}\n") }));
            }
        }
        Ok(())
    })
}
