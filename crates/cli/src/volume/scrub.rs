//! `stead volume scrub`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use stead_base::size;
use stead_engine::volume::scrub::{ScrubRequest, ScrubView};
use stead_mount::names::split_snapshot;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::output;

/// What takes less needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks.
const TICK: Duration = Duration::from_millis(100);

pub(super) static SCRUB: Command = Command {
    name: "scrub",
    usage: "[OPTIONS] VOLUME[@SNAPSHOT] [VOLUME[@SNAPSHOT]...] | --all",
    about: "Check that snapshots still are what they were",
    long: "Reads everything in a snapshot from the disk and compares it with the checksums in its manifest. A snapshot made by copying has a manifest\n\
           from the beginning; for others the first scrub makes it, and the next one compares. Names what is damaged, and what cannot be read.\n\
           The exit code is 1 if anything is. A damaged file is had back from another snapshot or from the volume, e.g. by 'stead volume cp'.",
    flags: &[&[
        switch("all", Some('a'), "All snapshots of all volumes"),
        switch("record", None, "Only make the manifests that are missing, compare nothing"),
        text("format", None, "'json': one line a snapshot, with what is damaged in it"),
        switch("quiet", Some('q'), "Only tell what is damaged"),
    ]],
    arity: Arity::Any,
    completes: Completes::Volumes,
    examples: &[
        ("All snapshots of a volume", "stead volume scrub pgdata"),
        ("One, right after it was taken", "stead volume scrub --record pgdata@before-18"),
        ("Everything, every Sunday", "stead volume scrub --all --quiet"),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let json = match matches.filled("format") {
        None => false,
        Some("json") => true,
        Some(_) => return Err(Failure::error("--format: this command knows 'json' only")),
    };
    let engine = context.engine()?;
    let mut names = matches.args.clone();
    match (matches.on("all"), names.is_empty()) {
        (true, false) => return Err(Failure::error("--all and volumes by name exclude each other")),
        (false, true) => return Err(Failure::error("name volumes or snapshots to check, or use --all")),
        (true, true) => {
            names = engine.volume_list(&stead_base::filter::Filters::default())?.volumes.into_iter().map(|volume| volume.name).collect();
        }
        (false, false) => {}
    }
    let mut code = 0;
    for name in &names {
        let (volume, snapshot) = split_snapshot(name);
        let request = ScrubRequest { volume: volume.to_owned(), snapshot: snapshot.map(str::to_owned), record: matches.on("record") };
        let read = AtomicU64::new(0);
        let found = drawing(name, engine.volume_scrub_bytes(&request), &read, || engine.volume_scrub(&request, &read));
        let found = match found {
            Ok(found) => found,
            // Of all of them, one that was removed meanwhile hides no other.
            Err(failure) if matches.on("all") && failure.kind == stead_base::Kind::NotFound => continue,
            Err(failure) if names.len() > 1 => {
                output::warn(&format!("Error: {failure}"));
                code = 1;
                continue;
            }
            Err(failure) => return Err(failure.into()),
        };
        for view in &found {
            if !view.damage.is_empty() {
                code = 1;
            }
            if json {
                output::line(&serde_json::to_string(view).map_err(Failure::error)?)?;
            } else {
                print(view, matches.on("quiet"))?;
            }
        }
        if found.is_empty() && !json && !matches.on("quiet") && !matches.on("all") {
            output::line(&format!("{volume}: no snapshots"))?;
        }
    }
    Ok(code)
}

fn print(view: &ScrubView, quiet: bool) -> std::io::Result<()> {
    let clean = |text: &str| text.replace(char::is_control, "?");
    if !quiet || !view.damage.is_empty() {
        let names = if view.entries == 1 { "name" } else { "names" };
        output::line(&format!(
            "{}@{}: {} ({} {names}, {})",
            view.volume,
            view.snapshot,
            view.status,
            view.entries,
            size::human(view.bytes)
        ))?;
    }
    for damage in &view.damage {
        output::line(&format!("  {}: {}", clean(&damage.path), clean(&damage.problem)))?;
    }
    Ok(())
}

/// Works in this thread; another one draws a bar on standard error once it takes long.
fn drawing<T>(name: &str, total: u64, read: &AtomicU64, work: impl FnOnce() -> T) -> T {
    if !output::can_draw() {
        return work();
    }
    std::thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        scope.spawn(move || {
            let mut wait = PATIENCE;
            let bar = ProgressBar::new(total);
            let template = if total > 0 { "{msg} [{bar:40}] {bytes}/{total_bytes}" } else { "{msg} {spinner} {bytes}" };
            if let Ok(style) = ProgressStyle::with_template(template) {
                bar.set_style(style.progress_chars("=> "));
            }
            bar.set_message(name.to_owned());
            while is_done.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
                wait = TICK;
                let now = read.load(Ordering::Relaxed);
                bar.set_position(if total > 0 { now.min(total) } else { now });
            }
            bar.finish_and_clear();
        });
        let answer = work();
        drop(done);
        answer
    })
}
