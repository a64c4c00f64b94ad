//! `stead system migrate-from`.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use stead_base::size;
use stead_engine::system::migrate_from::{Action, Item, Report, Request, Watch};

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, switch, text};
use crate::context::{Context, absolute};
use crate::failure::Failure;
use crate::format::rows::{self, Layout, Row, Wish, ellipsis};
use crate::listing::FORMAT_LIST;
use crate::output;

/// A job that ends before this needs no bar.
const PATIENCE: Duration = Duration::from_secs(1);
/// Between two looks at how far it is.
const TICK: Duration = Duration::from_millis(120);
/// Characters of a volume's name in the table; nameless ones have 64.
const NAME_WIDTH: usize = 40;

pub(super) static MIGRATE_FROM: Command = Command {
    name: "migrate-from",
    usage: "[OPTIONS] docker|podman",
    about: "Adopt the volumes, images and containers of Docker or Podman",
    long: "Volumes are copied with all their attributes, labels, options and times; images become the same images, byte for byte; stopped\n\
           containers become created ones with their definition and what they had written. The other engine's data root is only read, so it\n\
           goes on working with it. What is here already under the same name is left alone: the command can be interrupted and repeated.\n\n\
           With --reference the content of volumes stays where it is, and both engines see it: the other engine must not remove it then.\n\
           Stop the other engine first. With --force its data is copied while it may be written to, and what is torn is named.\n\
           Networks, plugins, swarm and build caches are not adopted. Exit status 1 means that something could not be adopted.",
    flags: &[&[
        switch("copy", None, "Copy the content of volumes (the default)"),
        switch("dry-run", None, "Only show what would be done"),
        switch("force", None, "Also while the other engine is running"),
        FORMAT_LIST,
        switch("images-only", None, "Adopt images only"),
        switch("no-trunc", None, "Don't truncate output"),
        switch("reference", None, "Leave the content of volumes where it is"),
        text("source", None, "Data root of the other engine")
            .or("\"/var/lib/docker\" or \"/var/lib/containers/storage\"")
            .offers(Completes::Files),
        switch("volumes-only", None, "Adopt volumes only"),
    ]],
    arity: Arity::Exactly(1),
    completes: Completes::Words(&["docker", "podman"]),
    examples: &[
        ("See what would be done", "stead system migrate-from --dry-run docker"),
        (
            "A rootless Podman's volumes",
            "stead system migrate-from --volumes-only --source /home/me/.local/share/containers/storage podman",
        ),
    ],
    act: Act::Run(run),
    ..Command::NEW
};

const LAYOUT: Layout = Layout {
    headers: &[("Kind", "KIND"), ("Name", "NAME"), ("Size", "SIZE"), ("Action", "ACTION"), ("Note", "NOTE")],
    table: "{{.Kind}}\\t{{.Name}}\\t{{.Size}}\\t{{.Action}}\\t{{.Note}}",
    raw: "kind: {{.Kind}}\\nname: {{.Name}}\\nsize: {{.Size}}\\naction: {{.Action}}\\nnote: {{.Note}}\\n",
    quiet: "{{.Name}}",
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    for (one, other) in [("copy", "reference"), ("volumes-only", "images-only"), ("reference", "images-only")] {
        if matches.on(one) && matches.on(other) {
            return Err(Failure::plain(1, format!("conflicting options: cannot specify both --{one} and --{other}")));
        }
    }
    let request = Request {
        from: matches.args.first().cloned().unwrap_or_default(),
        source: matches.filled("source").map(|path| absolute(Path::new(path))).transpose()?,
        dry_run: matches.on("dry-run"),
        by_reference: matches.on("reference"),
        force: matches.on("force"),
        volumes_only: matches.on("volumes-only"),
        images_only: matches.on("images-only"),
    };
    let engine = context.engine()?;
    let watch = Watch::default();
    let report = drawing(&watch, || engine.system_migrate_from(&request, &watch, &mut |_item| {}))?;
    for user in &report.users {
        output::warn(&format!("WARNING: in use by {user}: what is written while it is copied may be torn"));
    }
    for remark in &report.remarks {
        output::warn(&format!("WARNING: {remark}"));
    }
    let format = matches.filled("format");
    let is_table = format.is_none_or(|format| format.starts_with("table"));
    let lines: Vec<Row> = report.items.iter().map(|item| row(item, !is_table || matches.on("no-trunc"))).collect();
    output::text(&rows::render(&LAYOUT, Wish { format, quiet: false }, &lines)?)?;
    if is_table {
        output::line("")?;
        output::line(&summary(&report, request.dry_run))?;
    }
    Ok(u8::from(report.count("", Action::Failed) > 0))
}

fn row(item: &Item, full: bool) -> Row {
    let name = if full { item.name.clone() } else { ellipsis(&item.name, NAME_WIDTH) };
    // What comes from the source may hold anything; a line is a line, and a terminal is told nothing.
    let plain = |text: &str| text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>();
    let fields = vec![
        ("Kind", item.kind.to_owned()),
        ("Name", plain(&name)),
        ("Size", item.size.map_or_else(|| "-".to_owned(), size::human)),
        ("Action", item.action.as_str().to_owned()),
        ("Note", plain(&item.note)),
    ];
    Row::new(fields, Default::default())
}

fn summary(report: &Report, dry_run: bool) -> String {
    let (action, verb) = if dry_run { (Action::Adopt, "would be adopted") } else { (Action::Adopted, "adopted") };
    let plural = |n: usize, kind: &str| format!("{n} {kind}{}", if n == 1 { "" } else { "s" });
    let counts = ["volume", "image", "container"].map(|kind| plural(report.count(kind, action), kind));
    let bytes = report.items.iter().filter(|item| item.action == action).filter_map(|item| item.size).fold(0, u64::saturating_add);
    let mut text = format!("{} {verb} ({})", counts.join(", "), size::human(bytes));
    for (action, word) in [(Action::Exists, "already here"), (Action::Skipped, "skipped"), (Action::Failed, "failed")] {
        match report.count("", action) {
            0 => {}
            n => text.push_str(&format!("; {n} {word}")),
        }
    }
    text + "."
}

/// Works in this thread; another one draws a bar on standard error once it takes long.
fn drawing<T>(watch: &Watch, work: impl FnOnce() -> T) -> T {
    if !output::can_draw() {
        return work();
    }
    std::thread::scope(|scope| {
        let (done, is_done) = mpsc::channel::<()>();
        scope.spawn(move || {
            let mut wait = PATIENCE;
            let bar = ProgressBar::new(0);
            while is_done.recv_timeout(wait) == Err(mpsc::RecvTimeoutError::Timeout) {
                wait = TICK;
                draw(&bar, watch);
            }
            bar.finish_and_clear();
        });
        let answer = work();
        drop(done);
        answer
    })
}

fn draw(bar: &ProgressBar, watch: &Watch) {
    let (what, done, total) = watch.look();
    let template = if total > 0 { "{msg} [{bar:40}] {bytes}/{total_bytes}" } else { "{msg} {spinner}" };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(ellipsis(&what, NAME_WIDTH).replace(char::is_control, " "));
    bar.set_length(total);
    bar.set_position(done.min(total));
    bar.tick();
}
