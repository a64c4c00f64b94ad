//! How full volumes are: a word at 80, 90 and 100 percent, and growing those that may.

use stead_base::size;
use stead_volume::Pressure;

use crate::{Engine, Result};

impl Engine {
    /// Looks at every volume with a size: an event for each that came to 80, 90 or 100 percent since the last look, and those with `auto-extend` that
    /// are nearly full grow. Answers what could not be done, a sentence each. Anybody may call it as often as he likes.
    ///
    /// # Errors
    /// The volumes cannot be listed.
    pub fn volume_watch_space(&self) -> Result<Vec<String>> {
        let mut failures = Vec::new();
        for news in self.volumes.watch_space()? {
            match news {
                Pressure::Level { name, level, space } => {
                    let (level, used, limit) = (level.to_string(), space.used.to_string(), space.limit.to_string());
                    self.emit_volume(&name, "space", &[("level", &level), ("used", &used), ("size", &limit)]);
                }
                Pressure::Extended { name, from, to } => {
                    self.emit_volume(
                        &name,
                        "resize",
                        &[("by", "auto-extend"), ("oldSize", &size::human_binary(from)), ("size", &size::human_binary(to))],
                    );
                }
                Pressure::Stuck { name, reason } => failures.push(format!("{name} is nearly full and does not grow: {reason}")),
            }
        }
        Ok(failures)
    }
}
