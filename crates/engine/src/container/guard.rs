//! The anonymous-volume guard: where an image says that it keeps data and nothing with a name is mounted exactly there, data goes where a new container
//! does not find it. Said once, when the container is created, with the flag that mends it.
//!
//! Quiet where nothing can be lost or nothing is meant to stay: `--rm` with nothing mounted near, an anonymous volume that was asked for (`-v /path`), a
//! tmpfs, and whatever is only read.

use std::path::Path;

use stead_base::Kind;
use stead_mount::{MountPoint, MountType, Origin};

use super::config::HostConfig;
use crate::system::config::{Config, GUARD};
use crate::{Engine, Failure, Result};

/// What is done about data that would go to an anonymous volume.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// It is said.
    Warn,
    /// The container is not created.
    Refuse,
    /// Nothing.
    Off,
}

impl Guard {
    /// What a word of `--volume-guard` means.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Some(match word {
            "warn" => Self::Warn,
            "refuse" => Self::Refuse,
            "off" => Self::Off,
            _ => return None,
        })
    }
}

/// A place of an image's data that nothing with a name covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Gap {
    /// Where in the container.
    pub(super) destination: String,
    /// Whether something with a name is mounted above or below it, so that somebody believes the data to be there.
    pub(super) is_missed: bool,
    /// What happens, in a sentence.
    said: String,
    /// The flag that mends it.
    flag: String,
}

impl Gap {
    pub(super) fn sentence(&self) -> String {
        format!("{}; {} keeps it", self.said, self.flag)
    }
}

/// What the guard looks at.
pub(super) struct Scene<'a> {
    /// The image as people call it.
    pub(super) image: &'a str,
    /// Its `VOLUME`s.
    pub(super) volumes: &'a [String],
    /// `-v /path`: anonymous because somebody wants it so.
    pub(super) asked: &'a [String],
    /// All mounts.
    pub(super) points: &'a [MountPoint],
    /// What a volume is to be called after.
    pub(super) name: &'a str,
}

impl Engine {
    /// Finds the gaps, and refuses where that is wanted.
    ///
    /// # Errors
    /// A gap where the guard refuses; a setting that cannot be understood.
    pub(super) fn guard_volumes(&self, wanted: Option<Guard>, host: &HostConfig, scene: &Scene<'_>) -> Result<Vec<Gap>> {
        let mut gaps = gaps(scene);
        // The data of a container of --rm goes with it, and everybody knows: only what is mounted beside the place is a mistake.
        gaps.retain(|gap| gap.is_missed || !host.auto_remove);
        if gaps.is_empty() {
            return Ok(gaps);
        }
        let guard = match wanted {
            Some(guard) => guard,
            None => Guard::from_word(&Config::read(&self.root)?.value(GUARD)?).unwrap_or(Guard::Warn),
        };
        match (guard, gaps.first()) {
            (Guard::Refuse, Some(gap)) => Err(Failure::new(Kind::NotAllowed, format!("refused by the volume guard: {}", gap.said))
                .with_hint(format!("{} keeps it; --volume-guard=warn creates the container nevertheless", gap.flag))),
            (Guard::Off, _) => Ok(Vec::new()),
            _ => Ok(gaps),
        }
    }
}

fn gaps(scene: &Scene<'_>) -> Vec<Gap> {
    let is_asked = |place: &str| scene.asked.iter().any(|path| Path::new(path) == Path::new(place));
    let is_of_image = |place: &str| scene.volumes.iter().any(|path| Path::new(path) == Path::new(place));
    let open: Vec<&str> = scene
        .points
        .iter()
        .filter(|point| point.origin == Origin::Anonymous && is_of_image(&point.destination) && !is_asked(&point.destination))
        .map(|point| point.destination.as_str())
        .collect();
    open.iter().map(|place| gap(scene, place, open.len() == 1)).collect()
}

fn gap(scene: &Scene<'_>, place: &str, is_only: bool) -> Gap {
    let image = scene.image;
    let below = scene.points.iter().find(|point| keeps(point) && is_below(&point.destination, place));
    let above = scene.points.iter().find(|point| keeps(point) && is_below(place, &point.destination));
    let suggested = suggestion(scene.name, place);
    let (said, source) = match (below, above) {
        (Some(point), _) => (
            format!(
                "{image} keeps its data in {place}, and {} is mounted below that, at {}: what is written beside it goes to an anonymous volume",
                shown(point),
                point.destination
            ),
            source(point),
        ),
        (None, Some(point)) => (
            format!(
                "{image} keeps its data in {place}, which an anonymous volume covers: nothing of it goes to {}, mounted above that, at {}",
                shown(point),
                point.destination
            ),
            // One volume at two places would mix their data.
            if is_only { source(point) } else { suggested },
        ),
        (None, None) => (format!("{image} keeps its data in {place}, and that goes to an anonymous volume"), suggested),
    };
    Gap { destination: place.to_owned(), is_missed: below.or(above).is_some(), said, flag: format!("-v {source}:{place}") }
}

/// Whether somebody may believe that data stays in it: it has a name, can be written, and is no file.
fn keeps(point: &MountPoint) -> bool {
    match point.kind {
        MountType::Volume => point.rw && !point.is_anonymous_volume(),
        MountType::Bind => point.rw && !std::fs::metadata(&point.source).is_ok_and(|found| !found.is_dir()),
        _ => false,
    }
}

fn source(point: &MountPoint) -> String {
    if point.kind == MountType::Bind { point.source.clone() } else { point.spec.source.clone() }
}

fn shown(point: &MountPoint) -> String {
    if point.kind == MountType::Bind { point.source.clone() } else { format!("volume {}", point.spec.source) }
}

fn is_below(path: &str, other: &str) -> bool {
    path != other && Path::new(path).starts_with(other)
}

/// A name for the volume that is missing: after the container or the image, and the last word of the place.
fn suggestion(name: &str, place: &str) -> String {
    let last = Path::new(place).file_name().map_or("data".into(), |word| word.to_string_lossy());
    let word = |text: &str| -> String { text.chars().filter(|c| c.is_ascii_alphanumeric() || "_.-".contains(*c)).collect() };
    let (name, last) = (word(name), word(&last));
    if name == last { name } else { format!("{name}-{last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLACE: &str = "/var/lib/postgresql";

    fn point(kind: MountType, source: &str, destination: &str) -> MountPoint {
        let mut point = MountPoint { kind, destination: destination.into(), rw: true, source: source.into(), ..MountPoint::default() };
        source.clone_into(&mut point.spec.source);
        point.origin = if source.is_empty() { Origin::Anonymous } else { Origin::Bind };
        point
    }

    fn found(volumes: &[&str], asked: &[&str], points: &[MountPoint]) -> Vec<Gap> {
        let (volumes, asked): (Vec<String>, Vec<String>) =
            (volumes.iter().map(|v| (*v).to_owned()).collect(), asked.iter().map(|v| (*v).to_owned()).collect());
        gaps(&Scene { image: "postgres:18", volumes: &volumes, asked: &asked, points, name: "db" })
    }

    #[test]
    fn the_move_of_postgres_18_and_the_way_round() {
        let at = |place: &str| point(MountType::Volume, "pgdata", place);
        let anonymous = |place: &str| point(MountType::Volume, "", place);
        let below = found(&[PLACE], &[], &[anonymous(PLACE), at("/var/lib/postgresql/data")]);
        assert_eq!(below[0].flag, "-v pgdata:/var/lib/postgresql");
        assert!(below[0].is_missed && below[0].said.contains("mounted below"), "{below:?}");
        let data = "/var/lib/postgresql/data";
        let above = found(&[data], &[], &[at(PLACE), anonymous(data)]);
        assert_eq!(above[0].flag, "-v pgdata:/var/lib/postgresql/data");
        assert!(above[0].is_missed && above[0].said.contains("mounted above"), "{above:?}");
        assert!(found(&[PLACE], &[], &[at(PLACE)]).is_empty(), "covered");
        assert_eq!(
            found(&[PLACE], &[], &[at("/var/lib/postgresql-other"), anonymous(PLACE)])[0].flag,
            "-v db-postgresql:/var/lib/postgresql"
        );
    }

    #[test]
    fn what_is_no_mistake_is_not_called_one() {
        let anonymous = point(MountType::Volume, "", "/data");
        assert!(found(&["/data"], &["/data"], std::slice::from_ref(&anonymous)).is_empty(), "asked for");
        assert!(found(&[], &[], std::slice::from_ref(&anonymous)).is_empty(), "not the image's");
        let plain = found(&["/data/"], &[], std::slice::from_ref(&anonymous));
        assert_eq!((plain[0].is_missed, plain[0].flag.as_str()), (false, "-v db-data:/data"));
        // A configuration in the middle of the data: a file, or only read.
        let file = point(MountType::Bind, "/etc/hostname", "/data/redis.conf");
        let read = MountPoint { rw: false, ..point(MountType::Volume, "conf", "/data/conf") };
        for beside in [file, read] {
            assert!(!found(&["/data"], &[], &[anonymous.clone(), beside])[0].is_missed);
        }
    }

    #[test]
    fn one_volume_is_not_proposed_for_two_places() {
        let points =
            [point(MountType::Volume, "all", "/srv"), point(MountType::Volume, "", "/srv/a"), point(MountType::Volume, "", "/srv/b")];
        let flags: Vec<String> = found(&["/srv/a", "/srv/b"], &[], &points).into_iter().map(|gap| gap.flag).collect();
        assert_eq!(flags, ["-v db-a:/srv/a", "-v db-b:/srv/b"]);
    }
}
