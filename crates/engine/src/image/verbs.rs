//! What can be done to images, for both faces.

use std::io::{Read, Write};

use serde_json::Value;
use stead_base::Kind;
use stead_base::filter::Filters;
use stead_image::{Format, ImportOptions, Input, Loaded, Progress, Reference, Removed, Summary};

use crate::emit::owned;
use crate::failure::from_room;
use crate::{Engine, Failure, Result};

/// The filters `image prune` knows.
const PRUNE_FILTERS: [&str; 4] = ["label", "label!", "until", "dangling"];

from_room!(stead_image::Error, stead_layer::Error);

impl Engine {
    /// Loads every image of an archive.
    ///
    /// # Errors
    /// An archive that is refused; the images before it stay.
    pub fn image_load(&self, input: Input<'_>, progress: &dyn Progress) -> Result<Vec<Loaded>> {
        let loaded = self.images.load(input, progress)?;
        let ids: std::collections::BTreeSet<&str> = loaded.iter().map(|image| image.id.as_str()).collect();
        for id in ids {
            self.tell_image("load", id, id);
        }
        Ok(loaded)
    }

    /// Writes images to an archive.
    ///
    /// # Errors
    /// No such image, before anything is written.
    pub fn image_save(&self, names: &[String], format: Format, out: &mut dyn Write) -> Result<()> {
        self.images.save(names, out, format)?;
        for name in names {
            if let Ok(image) = self.images.resolve(name) {
                self.emit_image(&image.config.config.labels, "save", &image.id, &image.id);
            }
        }
        Ok(())
    }

    /// Makes an image of a root file system; answers its id.
    ///
    /// # Errors
    /// A name or a change that is refused, a tar that is.
    pub fn image_import(&self, input: &mut (dyn Read + Send), options: &ImportOptions) -> Result<String> {
        let id = self.images.import(input, options)?;
        self.tell_image("import", &id, &id);
        Ok(id)
    }

    /// The same from an address.
    ///
    /// # Errors
    /// As [`Engine::image_import`]; the address gives nothing.
    pub fn image_import_from(&self, address: &str, options: &ImportOptions, progress: &dyn Progress) -> Result<String> {
        let id = self.images.import_from(address, options, progress)?;
        self.tell_image("import", &id, &id);
        Ok(id)
    }

    /// The images as `GET /images/json` shows them, newest first; with `all` also those that others were committed on.
    ///
    /// # Errors
    /// A filter that is refused.
    pub fn image_list(&self, filters: &Filters, all: bool) -> Result<Vec<Value>> {
        json(self.images.list(filters, all)?)
    }

    /// The same, with containers and shared bytes counted.
    ///
    /// # Errors
    /// The records or a layer cannot be read.
    pub fn image_usage(&self) -> Result<Vec<Value>> {
        json(self.images.list_with_usage()?)
    }

    /// One image as `inspect` shows it.
    ///
    /// # Errors
    /// `No such image: x`.
    pub fn image_inspect(&self, name: &str) -> Result<Value> {
        Ok(self.images.inspect(name)?)
    }

    /// The same for a platform (`os/arch[/variant]`).
    ///
    /// # Errors
    /// As [`Engine::image_inspect`]; the image is there for another platform.
    pub fn image_inspect_platform(&self, name: &str, platform: Option<&str>) -> Result<Value> {
        let image = self.images.resolve_platform(name, platform)?;
        Ok(self.images.inspect_record(&image))
    }

    /// The container an image was committed from, and its `Config`: what clients before API 1.45 see.
    ///
    /// # Errors
    /// No such image.
    pub fn image_origin(&self, name: &str) -> Result<(Value, Value)> {
        Ok(self.images.origin(&self.images.resolve(name)?))
    }

    /// Gives an image one more name.
    ///
    /// # Errors
    /// No such image, no such name.
    pub fn image_tag(&self, source: &str, target: &str) -> Result<()> {
        self.images.tag(source, target)?;
        if let Ok(target) = Reference::parse(target).map(Reference::or_latest) {
            self.tell_image("tag", &target.familiar(), &target.familiar());
        }
        Ok(())
    }

    /// Takes a name away, and the image with its last one; with it, unless `no_prune`, the nameless ones it was committed on.
    ///
    /// # Errors
    /// No such image; Docker's conflicts.
    #[expect(clippy::fn_params_excessive_bools, reason = "the two flags of Docker's request")]
    pub fn image_remove(&self, name: &str, force: bool, no_prune: bool) -> Result<Vec<Removed>> {
        let mut before = vec![self.images.resolve(name)?];
        // Those it was committed on may go with it.
        while let Some(Ok(parent)) = before.last().filter(|i| !i.parent.is_empty()).map(|i| self.images.resolve(&i.parent)) {
            before.push(parent);
        }
        let removed = self.images.remove(name, force, no_prune, &|id| self.has_monitor(id))?;
        self.tell_removed(&before, &removed);
        // Whatever earlier removals had to leave may go now.
        self.images.sweep()?;
        Ok(removed)
    }

    /// Removes images no container uses: those without a name, or all. Answers what went and the bytes that became free.
    ///
    /// # Errors
    /// A filter that is refused.
    pub fn image_prune(&self, filters: &Filters, all: bool) -> Result<(Vec<Removed>, u64)> {
        filters.check(&PRUNE_FILTERS).map_err(|e| Failure::invalid(e.to_string()))?;
        let all = all || filters.flag("dangling").map_err(|e| Failure::invalid(e.to_string()))? == Some(false);
        let listed = self.images.list(&without_dangling(filters), true)?;
        let chosen: std::collections::BTreeSet<&str> = listed.iter().map(|image| image.id.as_str()).collect();
        let before = self.images.list_records()?;
        let answer = self.images.prune(all, &|image| !chosen.contains(image.id.as_str()))?;
        self.tell_removed(&before, &answer.0);
        self.emit("image", "prune", "", owned(&[("reclaimed", &answer.1.to_string())]));
        self.images.sweep()?;
        Ok(answer)
    }

    /// Whether a monitor looks after the container: it runs, or will run again.
    fn has_monitor(&self, id: &str) -> bool {
        use stead_monitor::{State, Status};
        State::read(&self.run_root, id).is_some_and(|s| matches!(s.status, Status::Running | Status::Paused | Status::Restarting))
    }
}

fn json(list: Vec<Summary>) -> Result<Vec<Value>> {
    let value = |image| serde_json::to_value(image).map_err(|e| Failure::new(Kind::Internal, e.to_string()));
    list.into_iter().map(value).collect()
}

/// `dangling` chooses between the two kinds of prune; it is not one more condition.
fn without_dangling(filters: &Filters) -> Filters {
    let mut rest = Filters::default();
    for key in PRUNE_FILTERS.iter().filter(|key| **key != "dangling") {
        filters.get(key).iter().for_each(|value| rest.add(key, value));
    }
    rest
}
