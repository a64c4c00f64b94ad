//! Removing names and images, by Docker's rules (moby `daemon/images/image_delete.go`).

use stead_base::Digest;
use stead_base::ids::short;
use stead_store::Tx;

use crate::error::Conflict;
use crate::images::{find, names_of, stored_name};
use crate::record::{ImageRecord, LAYER_KIND, NameRecord};
use crate::{Error, Images, Reference, Result};

/// One line of `docker rmi`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// A name was taken away.
    Untagged(String),
    /// An image or a layer (`sha256:…`) is gone.
    Deleted(String),
}

/// Tells whether a container runs; the caller knows containers, this room does not.
pub type Running<'a> = &'a dyn Fn(&str) -> bool;

/// What one removal decided inside its transaction.
#[derive(Default)]
struct Decision {
    lines: Vec<Removed>,
    gone: Vec<ImageRecord>,
}

impl Images {
    /// Removes a name, and the image when it was its last one; or an image by id with all its names.
    ///
    /// With `force`, an image that only stopped containers use loses its names and is not found any more; its files stay until the
    /// last of these containers is removed ([`Images::sweep`]). Images without a name that it was committed on go with it, unless `no_prune`.
    ///
    /// # Errors
    /// No such image; Docker's conflicts.
    #[expect(clippy::fn_params_excessive_bools, reason = "the two flags of Docker's request")]
    pub fn remove(&self, text: &str, force: bool, no_prune: bool, running: Running<'_>) -> Result<Vec<Removed>> {
        let mut decision = self.store.publish(|tx| {
            let mut decision = decide(tx, text, force, running)?;
            if !no_prune {
                prune_parents(tx, &mut decision)?;
            }
            Ok::<_, Error>(decision)
        })?;
        self.drop_contents(&mut decision)?;
        Ok(decision.lines)
    }

    /// Removes images without a name that no container uses; `all` those with names too. Those younger than `until` or refused by
    /// `keep` stay. Answers the lines and the bytes that became free.
    ///
    /// # Errors
    /// The store's; one image that cannot be removed does not stop the others.
    pub fn prune(&self, all: bool, keep: &dyn Fn(&ImageRecord) -> bool) -> Result<(Vec<Removed>, u64)> {
        let (mut lines, mut freed) = (Vec::new(), 0);
        for image in self.list_records()? {
            if keep(&image) || (!all && !image.tags.is_empty()) {
                continue;
            }
            let mut decision = self.store.publish(|tx| {
                let mut decision = Decision::default();
                if containers(tx, &image.id)?.is_empty() && !has_children(tx, &image.id)? {
                    for name in names_of(tx, &image.id)? {
                        untag(tx, &name, &mut decision)?;
                    }
                    delete(tx, &image.id, &mut decision)?;
                    prune_parents(tx, &mut decision)?;
                }
                Ok::<_, Error>(decision)
            })?;
            freed += self.drop_contents(&mut decision)?;
            lines.extend(decision.lines);
        }
        Ok((lines, freed))
    }

    /// Finishes what removals had to leave: images removed by force whose containers are gone now, layers and blobs nobody refers to.
    /// Answers what was removed.
    ///
    /// # Errors
    /// The store's and the disk's.
    pub fn sweep(&self) -> Result<Vec<Removed>> {
        let removed = self.store.publish(|tx| {
            let mut gone = Vec::new();
            for image in tx.list::<ImageRecord>()?.into_iter().flatten().filter(|image| image.removed) {
                if containers(tx, &image.id)?.is_empty() {
                    tx.delete::<ImageRecord>(&image.id)?;
                    gone.push(image);
                }
            }
            Ok::<_, Error>(gone)
        })?;
        let mut lines = Vec::new();
        for image in removed {
            lines.extend(self.drop_content(&image)?);
        }
        for layer in self.layers.list()? {
            if self.unused(LAYER_KIND, layer.as_str()) && self.layers.remove(&layer, &|| self.unused(LAYER_KIND, layer.as_str()))? {
                self.forget_sources(&layer);
                lines.push(Removed::Deleted(layer.to_string()));
            }
        }
        Ok(lines)
    }

    /// Removes what the images that are gone had for themselves, says so in the decision, and answers the bytes that became free.
    fn drop_contents(&self, decision: &mut Decision) -> Result<u64> {
        let mut freed = 0;
        for image in std::mem::take(&mut decision.gone) {
            let before = self.present_size(&image);
            decision.lines.extend(self.drop_content(&image)?);
            freed += before.saturating_sub(self.present_size(&image));
        }
        Ok(freed)
    }

    /// Removes the config and those layers that no other image has.
    fn drop_content(&self, image: &ImageRecord) -> Result<Vec<Removed>> {
        let mut lines = Vec::new();
        if let Ok(id) = Digest::parse(&image.id)
            && !self.store.read(|tx| tx.exists(<ImageRecord as stead_store::Record>::KIND, &image.id))?
        {
            self.remove_blob(&id)?;
        }
        for layer in image.diff_ids().iter().rev() {
            let unused = || self.unused(LAYER_KIND, layer.as_str());
            if unused() && self.layers.remove(layer, &unused)? {
                self.forget_sources(layer);
                lines.push(Removed::Deleted(layer.to_string()));
            }
        }
        Ok(lines)
    }

    /// Whether nothing refers to it; in doubt somebody does.
    fn unused(&self, kind: &str, id: &str) -> bool {
        self.store.read(|tx| tx.referrers(kind, id)).is_ok_and(|users| users.is_empty())
    }

    fn present_size(&self, image: &ImageRecord) -> u64 {
        image.diff_ids().iter().filter_map(|id| self.layers.get(id).ok().flatten()).map(|layer| layer.size).sum()
    }
}

fn decide(tx: &Tx<'_>, text: &str, force: bool, running: Running<'_>) -> Result<Decision> {
    let mut decision = Decision::default();
    let (image, by_id) = find(tx, text)?;
    let names = names_of(tx, &image.id)?;
    let users = containers(tx, &image.id)?;
    if !by_id {
        if !force
            && single_reference(&names)
            && let Some(user) = users.first()
        {
            return Err(conflict(Conflict::LastReference {
                reference: text.to_owned(),
                container: short(user).to_owned(),
                image: image.short().to_owned(),
            }));
        }
        let name = stored_name(&Reference::parse(text)?);
        untag(tx, &name, &mut decision)?;
        let mut rest: Vec<Reference> = names.into_iter().filter(|n| *n != name).collect();
        let same = |n: &Reference| n.name() == name.name();
        if name.digest().is_none() && !rest.iter().any(|n| n.digest().is_none() && same(n)) {
            // The digests of a repository go with its last tag.
            for digest in rest.extract_if(.., |n| n.digest().is_some() && same(n)) {
                untag(tx, &digest, &mut decision)?;
            }
        }
        if !rest.is_empty() {
            return Ok(decision);
        }
        if has_children(tx, &image.id)? || check_users(&image, &users, force, running).is_err() {
            // The name is gone as asked; Docker then keeps the used image without a word.
            return Ok(decision);
        }
    } else {
        if has_children(tx, &image.id)? {
            return Err(conflict(Conflict::Children { image: image.short().to_owned() }));
        }
        if !single_reference(&names) && !force {
            return Err(conflict(Conflict::Repositories { image: image.short().to_owned() }));
        }
        check_users(&image, &users, force, running)?;
        for name in &names {
            untag(tx, name, &mut decision)?;
        }
    }
    if users.is_empty() {
        delete(tx, &image.id, &mut decision)?;
    } else {
        decision.lines.push(Removed::Deleted(image.id.clone()));
        tx.put(&ImageRecord { removed: true, ..image })?;
    }
    Ok(decision)
}

/// Running containers cannot be overruled, stopped ones can.
fn check_users(image: &ImageRecord, users: &[String], force: bool, running: Running<'_>) -> Result<()> {
    let image = image.short().to_owned();
    if let Some(user) = users.iter().find(|user| running(user)) {
        return Err(conflict(Conflict::Running { image, container: short(user).to_owned() }));
    }
    match users.first() {
        Some(user) if !force => Err(conflict(Conflict::Stopped { image, container: short(user).to_owned() })),
        _ => Ok(()),
    }
}

/// moby's `isSingleReference`: at most one name, or one tag with digests of the same repository.
fn single_reference(names: &[Reference]) -> bool {
    if names.len() <= 1 {
        return true;
    }
    let tags = names.iter().filter(|n| n.digest().is_none()).count();
    tags <= 1 && names.iter().all(|n| n.name() == names[0].name())
}

/// Whoever uses an image besides its names.
pub(crate) fn containers(tx: &Tx<'_>, id: &str) -> Result<Vec<String>> {
    let users = tx.referrers(<ImageRecord as stead_store::Record>::KIND, id)?;
    let own = [<NameRecord as stead_store::Record>::KIND, <ImageRecord as stead_store::Record>::KIND];
    Ok(users.into_iter().filter(|(kind, _)| !own.contains(&kind.as_str())).map(|(_, id)| id).collect())
}

/// Whether another image was committed on this one.
fn has_children(tx: &Tx<'_>, id: &str) -> Result<bool> {
    let kind = <ImageRecord as stead_store::Record>::KIND;
    Ok(tx.referrers(kind, id)?.iter().any(|(from, _)| from == kind))
}

/// With an image go those it was committed on, as far as they have no name and nobody else needs them.
fn prune_parents(tx: &Tx<'_>, decision: &mut Decision) -> Result<()> {
    while let Some(parent) = decision.gone.last().map(|image| image.parent.clone()).filter(|id| !id.is_empty()) {
        let known = tx.get::<ImageRecord>(&parent)?.is_some_and(|image| !image.removed);
        let needed = !names_of(tx, &parent)?.is_empty() || !containers(tx, &parent)?.is_empty() || has_children(tx, &parent)?;
        if !known || needed {
            break;
        }
        delete(tx, &parent, decision)?;
    }
    Ok(())
}

fn untag(tx: &Tx<'_>, name: &Reference, decision: &mut Decision) -> Result<()> {
    tx.delete::<NameRecord>(&name.canonical())?;
    decision.lines.push(Removed::Untagged(name.familiar()));
    Ok(())
}

fn delete(tx: &Tx<'_>, id: &str, decision: &mut Decision) -> Result<()> {
    decision.gone.extend(tx.get::<ImageRecord>(id)?);
    tx.delete::<ImageRecord>(id)?;
    decision.lines.push(Removed::Deleted(id.to_owned()));
    Ok(())
}

fn conflict(conflict: Conflict) -> Error {
    Error::Conflict(conflict)
}
