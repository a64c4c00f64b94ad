//! Watching how full volumes with a size are, and growing those that may grow.

use std::collections::BTreeMap;

use stead_sys::durable;
use stead_sys::lock::Lock;

use crate::resize::Space;
use crate::{Result, Volumes, staging};

/// What each volume was told of already; a memory that may be lost.
const TOLD: &str = "volume-levels.json";

/// Something about a volume's space that is worth a word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pressure {
    /// It came to a level.
    Level {
        /// The volume.
        name: String,
        /// 80, 90 or 100 percent.
        level: u32,
        /// How full it is.
        space: Space,
    },
    /// It grew by itself.
    Extended {
        /// The volume.
        name: String,
        /// Bytes before.
        from: u64,
        /// Bytes now.
        to: u64,
    },
    /// It should have grown and could not.
    Stuck {
        /// The volume.
        name: String,
        /// Why.
        reason: String,
    },
}

impl Space {
    /// 0, 80, 90 or 100 percent. 100 is where nothing of any use fits any more.
    #[must_use]
    pub fn level(self) -> u32 {
        let free = self.limit.saturating_sub(self.used);
        if free < (64 << 10).max(self.limit / 1000) {
            return 100;
        }
        let percent = u128::from(self.used) * 100 / u128::from(self.limit.max(1));
        [90, 80].into_iter().find(|level| percent >= u128::from(*level)).unwrap_or(0)
    }
}

impl Volumes {
    /// Looks at every volume with a size; grows those that may and are nearly full. Answers what is new since the last look. Of two who look at once
    /// one does.
    ///
    /// # Errors
    /// The volumes can not be listed. One that can not be looked at is left out.
    pub fn watch_space(&self) -> Result<Vec<Pressure>> {
        let mut news = Vec::new();
        staging::make(&self.run_root.locks(), 0o711)?;
        let Some(_turn) = Lock::try_exclusive(&self.run_root.locks().join("volumes-space"))? else { return Ok(news) };
        let path = self.run_root.path().join(TOLD);
        let told: BTreeMap<String, u32> =
            std::fs::read(&path).ok().and_then(|bytes| serde_json::from_slice(&bytes).ok()).unwrap_or_default();
        let mut now = BTreeMap::new();
        for volume in self.list()?.into_iter().flatten() {
            let Some(size) = volume.limits.size else { continue };
            let before = told.get(&volume.uuid).copied().unwrap_or(0);
            // Of an image that nobody uses nobody can tell; nobody writes to it either.
            let Ok(Some(space)) = self.space_of(&volume) else {
                now.insert(volume.uuid, before);
                continue;
            };
            let level = space.level();
            if level > before {
                news.push(Pressure::Level { name: volume.name.clone(), level, space });
            }
            now.insert(volume.uuid, level);
            let name = volume.name;
            match self.extend(&name) {
                Ok(Some(to)) => news.push(Pressure::Extended { name, from: size, to }),
                Ok(None) => {}
                Err(e) => news.push(Pressure::Stuck { name, reason: e.to_string() }),
            }
        }
        now.retain(|_, level| *level > 0);
        if now != told {
            // Lost, it is told once more.
            durable::replace_unflushed(&path, &serde_json::to_vec(&now).unwrap_or_default(), 0o600).ok();
        }
        Ok(news)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn levels() {
        let level = |used: u64| Space { used, limit: 1000 << 20 }.level();
        let used = [0, 799 << 20, 800 << 20, 899 << 20, 900 << 20, 998 << 20, (999 << 20) + 1, 2000 << 20];
        assert_eq!(used.map(level), [0, 0, 80, 80, 90, 90, 100, 100]);
    }
}
