//! The verbs of images: the room's own, told which containers run and where the registries' files are.

use std::io::{Read, Write};
use std::path::Path;

use serde_json::Value;
use stead_base::filter::Filters;
use stead_image::{Access, Format, ImportOptions, Input, Loaded, Progress, PullOptions, Pulled, Removed};

use crate::{Engine, Failure, Result};

/// Filters that choose what a prune leaves alone.
const PRUNE_FILTERS: [&str; 4] = ["dangling", "label", "label!", "until"];

impl Engine {
    /// Pulls an image.
    ///
    /// # Errors
    /// Docker's texts of a registry that refuses, lies or does not answer.
    pub fn image_pull(&self, reference: &str, platform: Option<&str>, progress: &dyn Progress) -> Result<Pulled> {
        let options = PullOptions { platform: platform.map(str::to_owned), access: self.access()? };
        Ok(self.images.pull(reference, &options, progress)?)
    }

    /// Loads an archive.
    ///
    /// # Errors
    /// It is none, or lies about its digests.
    pub fn image_load(&self, input: Input<'_>, progress: &dyn Progress) -> Result<Vec<Loaded>> {
        Ok(self.images.load(input, progress)?)
    }

    /// Writes images as one archive.
    ///
    /// # Errors
    /// No such image; what the writer says.
    pub fn image_save(&self, names: &[String], format: Format, out: &mut dyn Write) -> Result<()> {
        Ok(self.images.save(names, out, format)?)
    }

    /// Makes an image of a root file system's tar; answers its id.
    ///
    /// # Errors
    /// A change that cannot be; a tar that cannot be read.
    pub fn image_import(&self, stream: &mut (dyn Read + Send), options: &ImportOptions) -> Result<String> {
        Ok(self.images.import(stream, options)?)
    }

    /// Lists images as Docker's `GET /images/json` does. Layers between are no images here, so `_all` shows nothing more.
    ///
    /// # Errors
    /// A filter that is not known.
    pub fn image_list(&self, filters: &Filters, _all: bool) -> Result<Vec<Value>> {
        let list = self.images.list(filters)?;
        Ok(list.into_iter().filter_map(|image| serde_json::to_value(image).ok()).collect())
    }

    /// One image in Docker's shape.
    ///
    /// # Errors
    /// `No such image: x`.
    pub fn image_inspect(&self, name: &str) -> Result<Value> {
        Ok(self.images.inspect(name)?)
    }

    /// Gives an image one more name.
    ///
    /// # Errors
    /// No such image; a name that cannot be.
    pub fn image_tag(&self, source: &str, target: &str) -> Result<()> {
        Ok(self.images.tag(source, target)?)
    }

    /// Takes a name away, and the image with its last one. Images have no parents here, so `_no_prune` changes nothing.
    ///
    /// # Errors
    /// No such image; a container uses it.
    pub fn image_remove(&self, name: &str, force: bool, _no_prune: bool) -> Result<Vec<Removed>> {
        Ok(self.images.remove(name, force, &|id| self.now(id).is_alive())?)
    }

    /// Removes images without a name, or with `all` every image that no container uses.
    ///
    /// # Errors
    /// A filter that is not known.
    pub fn image_prune(&self, filters: &Filters, all: bool) -> Result<(Vec<Removed>, u64)> {
        filters.check(&PRUNE_FILTERS)?;
        // `--filter dangling=false` is how the API says `-a`.
        let all = all || filters.flag("dangling")? == Some(false);
        let kept = if filters.is_empty() { Vec::new() } else { self.kept_by(filters)? };
        Ok(self.images.prune(all, &|image| kept.contains(&image.id))?)
    }

    /// Ids of images that a prune with these filters leaves alone.
    fn kept_by(&self, filters: &Filters) -> Result<Vec<String>> {
        let chosen = filters.clone().without("dangling");
        let going: Vec<String> = self.images.list(&chosen)?.into_iter().map(|image| image.id).collect();
        Ok(self.images.list_records()?.into_iter().map(|image| image.id).filter(|id| !going.contains(id)).collect())
    }

    /// Mirrors and credentials, from the files the face named. A file that is not there says nothing.
    fn access(&self) -> Result<Access> {
        let read = |path: Option<&Path>| match path.map(std::fs::read) {
            None => Ok(None),
            Some(Ok(bytes)) => Ok(Some(bytes)),
            Some(Err(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Some(Err(error)) => Err(Failure::invalid(format!("{}: {error}", path.unwrap_or(Path::new("")).display()))),
        };
        let (registries, docker) = (read(self.options.registries.as_deref())?, read(self.options.docker_config.as_deref())?);
        Access::parse(registries.as_deref(), docker.as_deref()).map_err(|error| Failure::invalid(error.to_string()))
    }
}
