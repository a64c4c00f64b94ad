//! Thing by thing: volumes first, then the images, then the containers that need both.

use std::io::{self, Read};
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicU64, Ordering};

use stead_base::{Digest, Kind};
use stead_foreign::{Container, Image, Layer, Survey, Volume};
use stead_volume::{Adopt, Adopted, CreateRequest};

use super::Request;
use super::report::{Action, Item, Report, Watch};
use crate::container::adopt::Adoption;
use crate::{Engine, Failure, Result};

/// Room that must stay on the disk.
const FREE_MIN: u64 = 64 << 20;

/// One migration.
pub(super) struct Job<'a> {
    pub(super) engine: &'a Engine,
    pub(super) found: &'a Survey,
    pub(super) request: &'a Request,
    pub(super) watch: &'a Watch,
    pub(super) tell: &'a mut dyn FnMut(&Item),
    pub(super) report: &'a mut Report,
}

/// What came of one thing, and a word about it.
type Outcome = Result<(Action, String)>;

impl Job<'_> {
    pub(super) fn run(&mut self) {
        let found = self.found;
        let wants = |kind: &str| match kind {
            "volume" => !self.request.images_only,
            "image" => !self.request.volumes_only,
            _ => !self.request.volumes_only && !self.request.images_only,
        };
        let (volumes, images, containers) = (wants("volume"), wants("image"), wants("container"));
        for problem in found.problems.iter().filter(|problem| wants(problem.kind)) {
            let item =
                Item { kind: problem.kind, name: problem.name.clone(), size: None, action: Action::Failed, note: problem.why.clone() };
            (self.tell)(&item);
            self.report.items.push(item);
        }
        for volume in found.volumes.iter().filter(|_| volumes) {
            let size = volume.options.is_empty().then(|| found.volume_size(volume).ok()).flatten();
            self.watch.begin("volume", &volume.name, size.unwrap_or(0));
            let outcome = self.volume(volume, size);
            self.decide("volume", &volume.name, size, outcome);
        }
        for image in found.images.iter().filter(|_| images) {
            let name = image.names.first().cloned().unwrap_or_else(|| image.id.to_string());
            let size = image.layers.iter().map(|layer| layer.size).sum();
            self.watch.begin("image", &name, size);
            let outcome = self.image(image);
            self.decide("image", &name, Some(size), outcome);
        }
        if containers {
            self.containers();
        }
    }

    fn decide(&mut self, kind: &'static str, name: &str, size: Option<u64>, outcome: Outcome) {
        let (action, note) = outcome.unwrap_or_else(|failure| (Action::Failed, failure.message));
        let item = Item { kind, name: name.to_owned(), size, action, note };
        (self.tell)(&item);
        self.report.items.push(item);
    }

    fn volume(&self, volume: &Volume, size: Option<u64>) -> Outcome {
        let name = &volume.name;
        match self.engine.volumes.get(name) {
            Ok(_) => return Ok((Action::Exists, "left as it is".to_owned())),
            Err(error) if error.kind() == Kind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
        let (options, mut notes) = self.options(volume);
        let content = if options.is_empty() { Some(self.found.open_volume(volume)?) } else { None };
        if let Some(device) = options.get("device").filter(|_| content.is_none()) {
            notes.push(format!("its content stays in {}", stead_mount::local::masked(device)));
        }
        if content.is_some() {
            self.room(size.unwrap_or(0))?;
        }
        if self.request.dry_run {
            return Ok((Action::Adopt, notes.join("; ")));
        }
        let request = CreateRequest {
            name: name.clone(),
            driver: volume.driver.clone(),
            labels: volume.labels.clone(),
            options,
            anonymous: volume.anonymous,
            ..CreateRequest::default()
        };
        let what = Adopt {
            request,
            created: volume.created,
            content: content.as_ref().map(|content| content.as_fd()),
            is_live: !self.found.users.is_empty(),
            copied: &self.watch.done,
        };
        match self.engine.volumes.adopt(&what)? {
            Adopted::Exists => Ok((Action::Exists, "left as it is".to_owned())),
            Adopted::Done { is_torn, .. } => {
                if is_torn {
                    notes.push("it was written to while it was copied: what is in it may be torn".to_owned());
                }
                self.engine.emit_volume(name, "create", &[("driver", "local")]);
                Ok((Action::Adopted, notes.join("; ")))
            }
        }
    }

    /// The options it gets here, and what is lost of them.
    fn options(&self, volume: &Volume) -> (std::collections::BTreeMap<String, String>, Vec<String>) {
        let mut options = volume.options.clone();
        let mut notes = Vec::new();
        if !options.contains_key("device") && !options.is_empty() {
            let lost: Vec<String> = options.iter().map(|(key, value)| format!("{key}={value}")).collect();
            notes.push(format!("without its limit {}", lost.join(",")));
            options.clear();
        }
        if self.request.by_reference && options.is_empty() {
            let place = self.found.volume_path(volume).display().to_string();
            options = [("type", "none".to_owned()), ("o", "bind".to_owned()), ("device", place)].map(|(k, v)| (k.to_owned(), v)).into();
        }
        (options, notes)
    }

    /// Refuses what cannot fit before it is begun. Cloning needs less, but nobody knows that before.
    fn room(&self, size: u64) -> Result<()> {
        let free = stead_volume::free_bytes(self.engine.root.path()).unwrap_or(u64::MAX);
        if size.saturating_add(FREE_MIN) <= free {
            return Ok(());
        }
        let root = self.engine.root.path().display();
        Err(Failure::new(Kind::NoSpace, format!("no space left on device: {size} bytes do not fit below {root} ({free} bytes free)")))
    }

    fn image(&self, image: &Image) -> Outcome {
        let has = self.engine.images.has(&image.id)?;
        if self.request.dry_run {
            if has {
                return Ok((Action::Exists, String::new()));
            }
            self.room(self.missing(image)?)?;
            return Ok((Action::Adopt, others(image)));
        }
        if !has {
            self.room(self.missing(image)?)?;
        }
        // One that is here may still lack a name.
        let mut layer = |diff_id: &Digest| self.layer(image, diff_id);
        let adopted = self.engine.images.adopt(&image.config, &image.names, &mut layer)?;
        let mut notes: Vec<String> = Some(others(image)).filter(|text| !text.is_empty()).into_iter().collect();
        if !adopted.taken.is_empty() {
            notes.push(format!("another image here keeps the name {}", adopted.taken.join(", ")));
        }
        if !adopted.is_new {
            return Ok((Action::Exists, notes.join("; ")));
        }
        for name in &adopted.names {
            self.engine.emit_image(&Default::default(), "load", &adopted.id, name);
        }
        Ok((Action::Adopted, notes.join("; ")))
    }

    /// Bytes of the layers that are not here.
    fn missing(&self, image: &Image) -> Result<u64> {
        let mut bytes: u64 = 0;
        for layer in &image.layers {
            if self.engine.layers.get(&layer.diff_id)?.is_none() {
                bytes = bytes.saturating_add(layer.size);
            }
        }
        Ok(bytes)
    }

    fn layer(&self, image: &Image, diff_id: &Digest) -> io::Result<Box<dyn Read + Send>> {
        let kept: &Layer = image
            .layers
            .iter()
            .find(|layer| layer.diff_id == *diff_id)
            .ok_or_else(|| io::Error::other(format!("layer {diff_id} is not there")))?;
        let tar = self.found.layer(kept).map_err(io::Error::other)?;
        let free = stead_volume::free_bytes(self.engine.root.path()).unwrap_or(u64::MAX);
        self.watch.begin("layer", diff_id.short(), kept.size);
        Ok(Box::new(Bounded { tar, left: free.saturating_sub(FREE_MIN), done: std::sync::Arc::clone(&self.watch.done) }))
    }

    /// Containers may name one another (`--volumes-from`), so what fails is tried again as long as others succeed.
    fn containers(&mut self) {
        let mut waiting: Vec<&Container> = self.found.containers.iter().collect();
        waiting.sort_by_key(|container| container.created);
        loop {
            let before = waiting.len();
            let mut failed = Vec::new();
            for container in waiting {
                let size = container.changes.as_ref().and_then(|_| self.found.changes_size(container).ok());
                self.watch.begin("container", &container.name, size.unwrap_or(0));
                match self.container(container) {
                    Err(failure) => failed.push((container, size, failure)),
                    outcome => self.decide("container", &container.name, size, outcome),
                }
            }
            if failed.is_empty() || failed.len() == before {
                for (container, size, failure) in failed {
                    self.decide("container", &container.name, size, Err(failure));
                }
                return;
            }
            waiting = failed.into_iter().map(|(container, ..)| container).collect();
        }
    }

    fn container(&self, container: &Container) -> Outcome {
        if let Some((id, name)) = self.engine.container_known(&container.id, &container.name)? {
            if id == container.id {
                stead_layer::writable::adopted(&self.engine.root, &id).ok();
            }
            return Ok(if id == container.id {
                (Action::Exists, String::new())
            } else {
                (Action::Skipped, format!("another container here has the name {name}"))
            });
        }
        if container.running {
            return Ok((Action::Skipped, format!("it is running: `{} stop {}` first", self.request.from, container.name)));
        }
        if self.request.dry_run {
            return Ok((Action::Adopt, container.notes.join("; ")));
        }
        let read = |what: &str, error: serde_json::Error| Failure::invalid(format!("{what}: {error}"));
        let notes = self.engine.container_adopt(Adoption {
            id: container.id.clone(),
            name: container.name.clone(),
            created: container.created,
            image: container.image.clone(),
            config: serde_json::from_value(container.config.clone()).map_err(|error| read("its Config", error))?,
            host: serde_json::from_value(container.host.clone()).map_err(|error| read("its HostConfig", error))?,
            anonymous: container.anonymous.clone(),
            changes: self.found.open_changes(container)?,
            copied: &self.watch.done,
        })?;
        let all: Vec<String> = container.notes.iter().cloned().chain(notes).collect();
        Ok((Action::Adopted, all.join("; ")))
    }
}

/// `also busybox:1, busybox:2`: one image is one line.
fn others(image: &Image) -> String {
    match image.names.get(1..) {
        Some([]) | None => String::new(),
        Some(more) => format!("also {}", more.join(", ")),
    }
}

/// A tar that ends with an error before it fills the disk: a hostile source can name more bytes than it has.
struct Bounded {
    tar: Box<dyn Read + Send>,
    left: u64,
    done: std::sync::Arc<AtomicU64>,
}

impl Read for Bounded {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let n = self.tar.read(buf)?;
        let read = u64::try_from(n).unwrap_or(u64::MAX);
        self.done.fetch_add(read, Ordering::Relaxed);
        self.left = self.left.checked_sub(read).ok_or(io::ErrorKind::StorageFull)?;
        Ok(n)
    }
}
