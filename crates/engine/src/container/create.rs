//! Creating a container: everything is checked before anything is made, and the record is the one step that makes it true.

use stead_base::time::Time;
use stead_base::{Kind, names};
use stead_image::ImageRecord;
use stead_mount::MountPoint;

use super::check;
use super::config::{Config, HostConfig, NetworkingConfig};
use super::guard::{Gap, Guard, Scene};
use super::merge;
use super::mounts::Claimed;
use super::record::{Container, VOLUME_KIND};
use super::regain::Identity;
use super::remove::Fate;
use crate::volume::VolumeRemove;
use crate::{Engine, Failure, Result};

/// What a container shall be.
#[derive(Debug, Clone, Default)]
pub struct CreateRequest {
    /// Its name; a random one when `None`.
    pub name: Option<String>,
    /// What is independent of the host.
    pub config: Config,
    /// What depends on it.
    pub host: HostConfig,
    /// Its networks.
    pub networking: NetworkingConfig,
    /// `os/arch[/variant]` that the image must have.
    pub platform: Option<String>,
    /// What is done about data that would go to an anonymous volume; as the configuration says when `None`.
    pub guard: Option<Guard>,
    /// Anonymous volumes are new ones, also where a removed container of the same name left some.
    pub renew_anonymous: bool,
}

/// A created container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Full id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What was accepted but deserves a word.
    pub warnings: Vec<String>,
}

impl Engine {
    /// Creates a container and its volumes, and fills the new volumes from the image.
    ///
    /// # Errors
    /// `No such image: x` ([`Kind::NotFound`]); everything that is refused is refused before anything is made, and what a later
    /// failure had made already is taken back.
    pub fn container_create(&self, request: CreateRequest) -> Result<Created> {
        let CreateRequest { name, mut config, mut host, mut networking, platform, guard, renew_anonymous } = request;
        let mut warnings = check::request(&config, &host, &networking)?;
        self.pin_modes(&mut host)?;
        self.settle_networking(&mut config, &mut host, &mut networking)?;
        host.memory_swap = super::update::memory_swap(&host);
        if let Some(name) = &name {
            let bad = || Failure::invalid(format!("Invalid container name ({name}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed"));
            names::check_container(name.trim_start_matches('/')).map_err(|_short| bad())?;
        }
        let image = self.images.resolve_platform(&config.image, platform.as_deref())?;
        let asked: Vec<String> = config.volumes.iter().flatten().map(|(path, _)| path.clone()).collect();
        merge::with_image(&mut config, &image.config.config)?;
        let points = self.merge_mounts(&config, &host)?;
        let identity = Identity::of(name.as_deref(), &config, &host, renew_anonymous);
        let gaps = self.gaps(guard, name.as_deref(), &config, &host, &image, &asked, &points)?;
        let mut container = self.draft(name, config, host, networking, &image)?;
        super::start::log_config(&container)?;
        self.check_name(&container.name)?;
        // Until it is whole, nobody starts it or removes it.
        let held = self.hold_rootfs(&container.id)?;
        let made = match self.make(&mut container, &points, &identity, &mut warnings) {
            Ok(made) => made,
            Err(failure) => {
                held.remove()?;
                return Err(failure);
            }
        };
        let whole =
            stead_layer::writable::ensure(&self.root, &container.id).map_err(Failure::from).and_then(|_| self.populate_volumes(&container));
        if let Err(failure) = whole {
            drop(self.remove_held(&container, Fate::UNBORN, held));
            self.take_back(&made);
            return Err(failure);
        }
        self.emit_container(&container, "create", &[]);
        let is_regained =
            |gap: &Gap| container.mounts.iter().any(|point| point.destination == gap.destination && !made.contains(&point.name));
        warnings.extend(gaps.iter().filter(|gap| gap.is_missed || !is_regained(gap)).map(Gap::sentence));
        drop(held);
        Ok(Created { id: container.id, name: container.name, warnings })
    }

    /// Volumes and the record. Answers the volumes it made.
    fn make(
        &self,
        container: &mut Container,
        points: &[MountPoint],
        identity: &Identity,
        warnings: &mut Vec<String>,
    ) -> Result<Vec<String>> {
        let mut tries = 0;
        let said = warnings.len();
        loop {
            container.mounts.clear();
            warnings.truncate(said);
            let Claimed { made, regained } = self.claim_volumes(container, points.to_vec(), identity, warnings)?;
            match self.publish(container, &regained) {
                Ok(()) => {
                    self.tell_regained(container, &regained, warnings);
                    return Ok(made);
                }
                // A volume was removed between its claim and the record that keeps it: it is made again.
                Err(failure) if failure.kind == Kind::Unavailable && tries < 100 => tries += 1,
                Err(failure) => {
                    self.take_back(&made);
                    return Err(failure);
                }
            }
            self.take_back(&made);
        }
    }

    pub(super) fn draft(
        &self,
        name: Option<String>,
        config: Config,
        host: HostConfig,
        networking: NetworkingConfig,
        image: &ImageRecord,
    ) -> Result<Container> {
        let id = stead_store::new_id()?;
        let name = name.map_or_else(|| names::random(seed(&id)), |n| n.strip_prefix('/').unwrap_or(&n).to_owned());
        Ok(Container {
            name,
            created: Time::now(),
            image: image.id.to_string(),
            layers: image.diff_ids().iter().map(ToString::to_string).collect(),
            platform: image.platform(),
            config,
            host,
            networking,
            mounts: Vec::new(),
            id,
        })
    }

    pub(super) fn check_name(&self, name: &str) -> Result<()> {
        match self.store.read(|tx| tx.by_name::<Container>(name))? {
            Some(other) => Err(name_taken(name, &other.id)),
            None => Ok(()),
        }
    }

    fn tell_regained(&self, container: &Container, regained: &[String], warnings: &mut Vec<String>) {
        for point in container.mounts.iter().filter(|point| regained.contains(&point.name)) {
            let short = point.name.get(..12).unwrap_or(&point.name);
            let place = &point.destination;
            warnings.push(format!(
                "{place} has the anonymous volume {short} of the container whose place this one takes; --renew-anon-volumes makes a new one"
            ));
            self.emit_volume(&point.name, "regain", &[("driver", &point.driver), ("container", &container.id), ("destination", place)]);
        }
    }

    /// Where data would go to an anonymous volume.
    #[expect(clippy::too_many_arguments, reason = "everything that was asked, looked at once")]
    fn gaps(
        &self,
        guard: Option<Guard>,
        name: Option<&str>,
        config: &Config,
        host: &HostConfig,
        image: &ImageRecord,
        asked: &[String],
        points: &[MountPoint],
    ) -> Result<Vec<Gap>> {
        let volumes: Vec<String> = image.config.config.volumes.keys().cloned().collect();
        if volumes.is_empty() || guard == Some(Guard::Off) {
            return Ok(Vec::new());
        }
        let repository = config.image.rsplit('/').next().and_then(|last| last.split([':', '@']).next()).unwrap_or_default();
        let called = name.map_or(repository, |name| name.trim_start_matches('/'));
        let scene = Scene { image: &config.image, volumes: &volumes, asked, points, name: called };
        self.guard_volumes(guard, host, &scene)
    }

    /// The record makes the container true. In the same step it is checked that its volumes are still there: from here on nobody can remove them.
    /// Those in `regained` nobody else may have got back meanwhile.
    pub(super) fn publish(&self, container: &mut Container, regained: &[String]) -> Result<()> {
        let asked_name = container.name.clone();
        self.store.publish(|tx| {
            for volume in container.volumes() {
                if !tx.exists(VOLUME_KIND, volume)? {
                    return Err(Failure::new(Kind::Unavailable, format!("volume {volume} was removed while the container was created")));
                }
            }
            for (volume, snapshot) in container.snapshots() {
                self.volumes.snapshot(volume, snapshot)?;
            }
            for volume in regained {
                if !tx.referrers(VOLUME_KIND, volume)?.is_empty() {
                    return Err(Failure::new(Kind::Unavailable, format!("volume {volume} was taken while the container was created")));
                }
            }
            if let Some(other) = tx.by_name::<Container>(&asked_name)? {
                return Err(name_taken(&asked_name, &other.id));
            }
            tx.put(container)?;
            Ok(())
        })
    }

    /// Removes volumes that a failed create had made. One that somebody else uses by now stays.
    pub(super) fn take_back(&self, made: &[String]) {
        for name in made {
            drop(self.remove_volume(name, VolumeRemove { force: false, now: true }, "create"));
        }
    }
}

pub(super) fn name_taken(name: &str, id: &str) -> Failure {
    Failure::new(
        Kind::Conflict,
        format!(
            "Conflict. The container name \"/{name}\" is already in use by container \"{id}\". You have to remove (or rename) that container to be able to reuse that name."
        ),
    )
}

/// The id is random; its first digits seed the name.
fn seed(id: &str) -> u64 {
    id.get(..16).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or_default()
}
