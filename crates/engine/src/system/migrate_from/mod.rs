//! `system migrate-from`: volumes, images and stopped containers of a Docker or Podman data root become ours. The source is only read.
//!
//! Each thing is taken over whole or not at all, and what is here already is left alone, so that the command may be interrupted and repeated.

mod adopting;
mod report;

use std::path::PathBuf;

use stead_base::Kind;
use stead_foreign::{Maker, Survey, survey};

pub use report::{Action, Item, Report, Watch};

use crate::failure::from_room;
use crate::{Engine, Failure, Result};

from_room!(stead_foreign::Error);

/// What is to be taken over, and how.
#[derive(Debug, Clone, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of the command")]
pub struct Request {
    /// `docker` or `podman`.
    pub from: String,
    /// Its data root; where it lies by default when `None`.
    pub source: Option<PathBuf>,
    /// Only say what would be done.
    pub dry_run: bool,
    /// Volumes stay where they are and are bound to their names here.
    pub by_reference: bool,
    /// Also while somebody works on the source.
    pub force: bool,
    /// Only volumes.
    pub volumes_only: bool,
    /// Only images.
    pub images_only: bool,
}

impl Engine {
    /// Takes over what lies in another engine's data root. `tell` hears of each thing when it is decided, `watch` how far the present one is.
    ///
    /// # Errors
    /// No such engine or data root; somebody works on it and `force` is not set. What is wrong with single things is an [`Item`].
    pub fn system_migrate_from(&self, request: &Request, watch: &Watch, tell: &mut dyn FnMut(&Item)) -> Result<Report> {
        let maker = Maker::named(&request.from)
            .ok_or_else(|| Failure::invalid(format!("cannot migrate from {:?}: it is docker or podman", request.from)))?;
        let path = request.source.clone().unwrap_or_else(|| maker.default_root().to_path_buf());
        watch.begin("looking at", &path.display().to_string(), 0);
        let found = survey(maker, &path).map_err(|error| {
            let hint = format!("name its data root with --source: `{}` says where it is", asks(maker));
            Failure::from(error).with_hint(hint)
        })?;
        if !found.users.is_empty() && !request.force && !request.dry_run {
            return Err(in_use(&found, &path.display().to_string()));
        }
        let mut report = Report { remarks: found.remarks.clone(), users: found.users.clone(), items: Vec::new() };
        let mut job = adopting::Job { engine: self, found: &found, request, watch, tell, report: &mut report };
        job.run();
        watch.end();
        Ok(report)
    }
}

fn asks(maker: Maker) -> &'static str {
    match maker {
        Maker::Docker => "docker info -f {{.DockerRootDir}}",
        Maker::Podman => "podman info -f {{.Store.GraphRoot}}",
    }
}

fn in_use(found: &Survey, path: &str) -> Failure {
    let name = found.maker.name();
    let hint = match found.maker {
        Maker::Docker => "stop it first, `systemctl stop docker.socket docker`, or take what is there with --force",
        Maker::Podman => "stop them first, `podman stop --all`, or take what is there with --force",
    };
    let who = found.users.join(", ");
    Failure::new(Kind::Conflict, format!("{path} is in use by {name}: {who}. What is written while it is copied may be torn"))
        .with_hint(hint)
}
