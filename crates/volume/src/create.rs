//! `volume create`: aside, whole, then one rename.

use std::collections::BTreeMap;

use stead_base::ids::random_hex64;
use stead_base::time::Time;
use stead_mount::Access;
use stead_mount::names::check_volume_name;
use stead_store::Record;
use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::error::disk;
use crate::record::{ANONYMOUS_LABEL, LOCAL, LastHolder, Place, State, Volume};
use crate::sidecar::{self, Found};
use crate::snapshot::fresh_data;
use crate::staging::Staging;
use crate::{Error, Result, Volumes, driver};

/// What is asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CreateRequest {
    /// Empty: the engine makes one up, and the volume is anonymous.
    pub name: String,
    /// Empty: the existing volume's, else `local`.
    pub driver: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// The driver's options.
    pub options: BTreeMap<String, String>,
    /// Whether a given name was made up by the engine nevertheless.
    pub anonymous: bool,
    /// Who may use it at the same time.
    pub access: Access,
    /// The container it is made for, where it is anonymous.
    pub last_holder: Option<LastHolder>,
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The volume as it is.
    pub volume: Volume,
    /// Whether this call made it.
    pub is_new: bool,
    /// For an existing volume: what it has differently from what was asked, one sentence each.
    pub differs: Vec<String>,
}

impl Volumes {
    /// Makes a volume, or finds the one of that name. When it returns, the volume survives a power cut.
    ///
    /// # Errors
    /// A name, driver or option that can not be (nothing is left behind); another driver's volume of that name; the disk.
    pub fn create(&self, request: CreateRequest) -> Result<Created> {
        let request = named(request)?;
        match self.begin(&request)? {
            Begun::Exists(existing) => compare(*existing, &request),
            Begun::New { volume, lock: _lock } => {
                self.place(&volume)?;
                self.store.publish(|tx| tx.put(&*volume))?;
                Ok(Created { volume: *volume, is_new: true, differs: Vec::new() })
            }
        }
    }

    /// Everything before something is made: checks, the lock, the volume as it will be.
    pub(crate) fn begin(&self, request: &CreateRequest) -> Result<Begun> {
        let name = &request.name;
        check_volume_name(name).map_err(|source| Error::Name { name: name.clone(), source })?;
        if let Some(existing) = self.indexed(name)? {
            return Ok(Begun::Exists(Box::new(existing)));
        }
        let wanted = if request.driver.is_empty() { LOCAL } else { &request.driver };
        let driver = driver::named(wanted, self).ok_or_else(|| Error::Driver { name: name.clone(), driver: wanted.to_owned() })?;
        driver.check(name, &request.options)?;
        let lock = self.lock(name)?;
        if let Some(existing) = self.settled(name)? {
            return Ok(Begun::Exists(Box::new(existing)));
        }
        let (place, limits) = self.site(name, wanted, &request.options)?;
        let volume = Volume {
            name: name.clone(),
            driver: wanted.to_owned(),
            uuid: durable::unique_name()?,
            labels: request.labels.clone(),
            options: request.options.clone(),
            created_at: Time::now(),
            anonymous: request.anonymous,
            state: State::New,
            populated_from: None,
            protected: false,
            access: request.access,
            last_holder: request.last_holder.clone(),
            origin: None,
            place,
            limits,
        };
        Ok(Begun::New { volume: Box::new(volume), lock })
    }

    /// The quick way for a volume that is whole and known: no lock, nothing written.
    pub(crate) fn indexed(&self, name: &str) -> Result<Option<Volume>> {
        self.finish_renames()?;
        if !self.store.read(|tx| tx.exists(Volume::KIND, name))? || !self.path(name).is_dir() {
            return Ok(None);
        }
        self.find(name)
    }

    /// Under the lock: the volume that is there, with whatever a crash or a hand left out put right.
    pub(crate) fn settled(&self, name: &str) -> Result<Option<Volume>> {
        let Some(mut volume) = self.find(name)? else { return Ok(None) };
        let data = self.path(name);
        if !data.is_dir() {
            // Deleted by hand: the volume is empty now, and an image may fill it again.
            let home = self.home(name);
            fresh_data(&home).and_then(|_data| durable::sync_dir(&home)).map_err(disk("create", name))?;
            // The content of one with an image lies in that.
            if volume.place != Place::Image {
                self.limit_content(&home, &volume)?;
                volume.state = State::New;
            }
            sidecar::write(&self.home(name), &volume)?;
        } else if matches!(sidecar::look(&self.area_of(name), name)?, Found::Adopted(_)) {
            sidecar::write(&self.home(name), &volume)?;
        }
        if self.record(name).is_none() {
            self.store.publish(|tx| tx.put(&volume))?;
        }
        Ok(Some(volume))
    }

    /// Puts the whole directory in place.
    fn place(&self, volume: &Volume) -> Result<()> {
        let stage = self.stage_new(volume)?;
        self.publish_new(volume, stage)
    }

    /// A new volume's directory in the making, with its empty content, in the area it is for.
    pub(crate) fn stage_new(&self, volume: &Volume) -> Result<Staging> {
        let stage = Staging::new(&self.area_for(volume.place, &volume.name)?, &self.run_root)?;
        self.make_content(stage.path(), volume)?;
        Ok(stage)
    }

    /// Gives it its sidecar and its name. What is in `_data` is durable already.
    pub(crate) fn publish_new(&self, volume: &Volume, stage: Staging) -> Result<()> {
        sidecar::write(stage.path(), volume)?;
        stage.publish_as(&volume.name).map_err(disk("create", &volume.name))
    }
}

/// What [`Volumes::begin`] found.
pub(crate) enum Begun {
    /// There is one.
    Exists(Box<Volume>),
    /// There is none, and nobody else makes it while the lock is held.
    New {
        /// As it will be.
        volume: Box<Volume>,
        /// The name's lock.
        lock: Lock,
    },
}

/// Fills in the name of a volume that has none.
pub(crate) fn named(mut request: CreateRequest) -> Result<CreateRequest> {
    if request.name.is_empty() {
        request.name = random_hex64(durable::random_bytes()?);
        request.anonymous = true;
    }
    if request.anonymous {
        request.labels.entry(ANONYMOUS_LABEL.to_owned()).or_default();
    }
    Ok(request)
}

fn compare(volume: Volume, request: &CreateRequest) -> Result<Created> {
    if !request.driver.is_empty() && request.driver != volume.driver {
        return Err(Error::OtherDriver { name: volume.name, driver: volume.driver });
    }
    let mut differs = differences(&volume, request);
    if request.access != Access::Shared && request.access != volume.access {
        let (name, has, asked) = (&volume.name, volume.access, request.access);
        differs.push(format!(
            "volume {name:?} already exists and was left as it is: its access is {has}, asked was {asked}; 'stead volume update --access {asked} {name}' changes it"
        ));
    }
    Ok(Created { volume, is_new: false, differs })
}

/// Where an existing volume is not what was asked for. Asking for nothing asks for no difference.
fn differences(volume: &Volume, request: &CreateRequest) -> Vec<String> {
    let mut found = Vec::new();
    let mut say = |what: &str, key: &str, has: Option<&String>, asked: Option<&String>| {
        let has = has.map_or_else(|| "not set".to_owned(), |v| format!("{v:?}"));
        let asked = asked.map_or_else(|| "not set".to_owned(), |v| format!("{v:?}"));
        found
            .push(format!("volume {:?} already exists and was left as it is: its {what} {key:?} is {has}, asked was {asked}", volume.name));
    };
    if !request.options.is_empty() {
        for key in volume.options.keys().chain(request.options.keys().filter(|k| !volume.options.contains_key(*k))) {
            let (has, asked) = (volume.options.get(key), request.options.get(key));
            if has != asked {
                // An option may hold a password.
                let hidden = |v: Option<&String>| v.map(|v| stead_mount::local::masked(v));
                say("option", key, hidden(has).as_ref(), hidden(asked).as_ref());
            }
        }
    }
    for (key, asked) in &request.labels {
        let has = volume.labels.get(key);
        if has != Some(asked) && key != ANONYMOUS_LABEL {
            say("label", key, has, Some(asked));
        }
    }
    found
}
