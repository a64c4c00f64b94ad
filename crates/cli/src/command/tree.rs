//! The tree of commands. Most commands exist twice, as in Docker: `stead run` and `stead container run`.

use crate::command::{Act, Command, Completes, Flag, switch, text};
use crate::{completion, container, image, network, serve, system, volume};

/// The flags before the command.
const GLOBAL: [Flag; 5] = [
    text("root", None, "Directory for state that must survive: images, containers, volumes")
        .or("\"/var/lib/stead\"")
        .offers(Completes::Files),
    text("run-root", None, "Directory for what is true of running containers only").or("\"/run/stead\"").offers(Completes::Files),
    text("registry-config", None, "File that names mirrors and insecure registries")
        .or("\"/etc/stead/registries.json\"")
        .offers(Completes::Files),
    switch("debug", Some('D'), "Say more about what is done"),
    switch("version", Some('v'), "Print version information and quit"),
];

/// The program.
pub(crate) static ROOT: Command = Command {
    name: "stead",
    usage: "[OPTIONS] COMMAND",
    about: "A daemonless container engine that keeps your data",
    long: "Commands, options, output and exit codes are Docker's; docs/compat.md lists every difference.\n\
           There is no daemon: each command does its work and ends, and a small monitor stays with each container.\n\
           STEAD_ROOT and STEAD_RUN_ROOT in the environment stand in for --root and --run-root.",
    flags: &[&GLOBAL],
    interspersed: false,
    examples: &[
        ("Run Redis with its data in a volume", "stead run -d --name cache -v data:/data redis"),
        ("A second engine next to the first", "stead --root /srv/two --run-root /run/two ps"),
    ],
    act: Act::Group(&[
        &container::CONTAINER,
        &image::IMAGE,
        &network::NETWORK,
        &volume::VOLUME,
        &system::SYSTEM,
        &container::attach::ATTACH,
        &container::commit::COMMIT,
        &container::cp::CP,
        &container::create::CREATE,
        &container::diff::DIFF,
        &container::exec::EXEC,
        &container::export::EXPORT,
        &container::kill::KILL,
        &container::logs::LOGS,
        &container::pause::PAUSE,
        &container::port::PORT,
        &container::ls::PS,
        &container::rename::RENAME,
        &container::restart::RESTART,
        &TOP_RM,
        &container::run::RUN,
        &container::start::START,
        &container::stats::STATS,
        &container::stop::STOP,
        &container::top::TOP,
        &container::unpause::UNPAUSE,
        &container::update::UPDATE,
        &container::wait::WAIT,
        &image::history::HISTORY,
        &image::import::IMPORT,
        &image::load::LOAD,
        &image::ls::IMAGES,
        &image::pull::PULL,
        &image::push::PUSH,
        &image::rm::RMI,
        &image::save::SAVE,
        &image::search::SEARCH,
        &image::tag::TAG,
        &serve::SERVE,
        &system::LOGIN,
        &system::LOGOUT,
        &system::EVENTS,
        &system::INFO,
        &system::inspect::INSPECT,
        &system::VERSION,
        &completion::COMPLETION,
    ]),
    ..Command::NEW
};

/// `stead rm`: Docker has no `docker remove`.
static TOP_RM: Command = Command { aliases: &[], ..container::rm::BASE };

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::help;

    fn every(command: &'static Command, path: &str, seen: &mut Vec<(String, &'static Command)>) {
        if let Act::Group(children) = command.act {
            for child in children {
                let path = format!("{path} {}", child.name);
                seen.push((path.clone(), child));
                every(child, &path, seen);
            }
        }
    }

    fn all() -> Vec<(String, &'static Command)> {
        let mut seen = Vec::new();
        every(&ROOT, "stead", &mut seen);
        seen
    }

    #[test]
    fn names_are_unique_and_every_leaf_has_a_manual() {
        for (path, command) in all() {
            let mut longs: Vec<&str> = command.all_flags().map(|f| f.long).collect();
            let mut shorts: Vec<char> = command.all_flags().filter_map(|f| f.short).collect();
            let (flags, letters) = (longs.len(), shorts.len());
            longs.sort_unstable();
            longs.dedup();
            shorts.sort_unstable();
            shorts.dedup();
            assert_eq!((longs.len(), shorts.len()), (flags, letters), "{path}");
            assert!(!command.about.is_empty(), "{path}");
            if matches!(command.act, Act::Run(_)) {
                assert!(!command.examples.is_empty() || path.ends_with("update"), "{path} has no example");
            }
        }
    }

    #[test]
    fn both_ways_to_call_a_command_lead_to_the_same() {
        for word in [
            "run", "create", "start", "stop", "restart", "kill", "wait", "rm", "logs", "exec", "attach", "cp", "ps", "pause", "unpause",
            "rename", "update", "top", "stats", "diff", "port", "commit", "export",
        ] {
            let top = ROOT.child(word).unwrap();
            let inner = container::CONTAINER.child(word).unwrap();
            assert_eq!((top.usage, top.about), (inner.usage, inner.about), "{word}");
        }
        assert_eq!(container::CONTAINER.child("list").unwrap().name, "ls");
        assert_eq!(image::IMAGE.child("remove").unwrap().name, "rm");
        assert_eq!(volume::VOLUME.child("list").unwrap().name, "ls");
    }

    /// The manual is text people rely on: a change of it must be seen in review. `STEAD_BLESS=1` writes it anew.
    #[test]
    fn the_manual_is_what_docs_cli_shows() {
        let mut manual = format!(
            "# The commands\n\nWritten by the program itself: `stead COMMAND --help`.\n\n```\n{}```\n",
            help::front_page(&ROOT, help::WIDTH_DEFAULT)
        );
        for (path, command) in all() {
            manual.push_str(&format!("\n## {path}\n```\n{}```\n", help::page(command, &path, help::WIDTH_DEFAULT)));
        }
        let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/cli.md");
        if crate::context::variable("STEAD_BLESS").is_some() {
            let mut out = std::fs::File::create(&file).unwrap();
            std::io::Write::write_all(&mut out, manual.as_bytes()).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(kept == manual, "docs/cli.md is not what the program says; STEAD_BLESS=1 cargo test -p stead-cli writes it");
    }
}
