//! The other lives of this binary: words that people do not type and help does not show.
//!
//! `monitor` stays with a container, `reap` cleans up after one, `sweep` deletes what removals moved to the trash, `measure` looks
//! at all files of a volume. They speak to
//! nobody: what fails is left on disk for the next command and `system check`.

use std::os::unix::process::CommandExt as _;
use std::path::Path;

use stead_engine::Engine;

use crate::command::Outcome;
use crate::context::Context;
use crate::failure::Failure;

/// Becomes a container's monitor if that is what we were started as.
pub(crate) fn monitor() -> Option<u8> {
    let mut words = std::env::args_os().skip(1);
    // The words after it are for people who look at the machine's processes.
    let is_monitor = words.next().is_some_and(|w| w == stead_monitor::spawn::ROLE);
    is_monitor.then(|| u8::try_from(stead_monitor::serve::run()).unwrap_or(1))
}

/// Runs a role, if `name` is one.
pub(crate) fn play(name: &str, context: &Context, rest: &[String]) -> Option<Outcome> {
    match name {
        "reap" => Some(reap(context, rest)),
        stead_volume::MEASURE_ROLE => Some(measure(context, rest)),
        "sweep" => Some(context.engine().and_then(|e| e.sweep()).map(|()| 0).map_err(Failure::from)),
        _ => None,
    }
}

/// Lets what removals moved to the trash be deleted after this command has answered. A sweep that cannot be started is made up for by the
/// next removal or by `system check --repair`.
pub(crate) fn sweep_later(engine: &Engine) {
    if engine.has_trash() {
        later(engine, "sweep");
    }
}

/// Lets the sizes that nobody knows, or has known for long, be measured after this command has answered.
pub(crate) fn measure_later(engine: &Engine) {
    if engine.has_stale_sizes().unwrap_or(false) {
        later(engine, stead_volume::MEASURE_ROLE);
    }
}

fn later(engine: &Engine, role: &str) {
    use std::process::Stdio;
    let own = Path::new("/proc/self/exe");
    let mut own_role = stead_sys::process::command(own);
    own_role.arg("--root").arg(engine.root().path()).arg("--run-root").arg(engine.run_root().path()).arg(role);
    own_role.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).current_dir("/").process_group(0);
    drop(own_role.spawn());
}

fn measure(context: &Context, rest: &[String]) -> Outcome {
    match rest {
        [] => context.engine()?.volume_measure_stale()?,
        [name] => drop(context.engine()?.volume_measure(name)?),
        _ => return Err(Failure::plain(2, "usage: stead measure [VOLUME]")),
    }
    Ok(0)
}

fn reap(context: &Context, rest: &[String]) -> Outcome {
    let [id] = rest else { return Err(Failure::plain(2, "usage: stead reap ID")) };
    let engine = context.engine()?;
    engine.container_reap(id)?;
    sweep_later(&engine);
    Ok(0)
}
