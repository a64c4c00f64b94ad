//! `stead completion SHELL`: a script of a few lines that asks this program what fits. What fits is decided here, once for all
//! shells, from the same table of commands the parser uses; names of containers, images and volumes come from the engine.

use std::path::Path;

use stead_base::filter::Filters;
use stead_engine::container::list::ListOptions;

use crate::command::tree::ROOT;
use crate::command::{Act, Arity, Command, Completes, Flag, Kind, Matches, Outcome};
use crate::context::Context;
use crate::output;

/// The hidden word the scripts call: everything typed so far follows, the unfinished word last.
pub(crate) const ASK: &str = "__complete";
/// The answer that leaves the word to the shell's own completion of files.
const FILES: &str = ":files";

macro_rules! shell {
    ($static:ident, $name:literal, $script:ident, $about:literal, $how:literal) => {
        static $static: Command = Command {
            name: $name,
            about: $about,
            arity: Arity::Exactly(0),
            examples: &[("Switch it on", $how)],
            act: Act::Run(|_, _| {
                output::text($script)?;
                Ok(0)
            }),
            ..Command::NEW
        };
    };
}

shell!(BASH, "bash", BASH_SCRIPT, "Generate the autocompletion script for bash", "stead completion bash > /etc/bash_completion.d/stead");
shell!(
    ZSH,
    "zsh",
    ZSH_SCRIPT,
    "Generate the autocompletion script for zsh",
    "stead completion zsh > /usr/local/share/zsh/site-functions/_stead"
);
shell!(
    FISH,
    "fish",
    FISH_SCRIPT,
    "Generate the autocompletion script for fish",
    "stead completion fish > ~/.config/fish/completions/stead.fish"
);

pub(crate) static COMPLETION: Command = Command {
    name: "completion",
    usage: "COMMAND",
    about: "Generate the autocompletion script for the specified shell",
    act: Act::Group(&[&BASH, &FISH, &ZSH]),
    ..Command::NEW
};

const BASH_SCRIPT: &str = r#"# bash completion for stead
_stead() {
    local line
    COMPREPLY=()
    while IFS= read -r line; do
        if [ "$line" = ":files" ]; then
            compopt -o default 2>/dev/null
        else
            COMPREPLY+=("${line%%$'\t'*}")
        fi
    done < <(stead __complete "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
}
complete -F _stead stead
"#;

const ZSH_SCRIPT: &str = r#"#compdef stead
_stead() {
    local line files
    local -a found
    while IFS= read -r line; do
        if [ "$line" = ":files" ]; then
            files=1
        else
            line="${line//:/\\:}"
            found+=("${line/$'\t'/:}")
        fi
    done < <(stead __complete "${(@)words[2,CURRENT]}" 2>/dev/null)
    (( ${#found} )) && _describe stead found
    [ -n "$files" ] && _files
}
compdef _stead stead
"#;

const FISH_SCRIPT: &str = r#"# fish completion for stead
function __stead_complete
    set -l words (commandline -opc) (commandline -ct)
    set -e words[1]
    for line in (stead __complete $words 2>/dev/null)
        if test "$line" = ":files"
            __fish_complete_path (commandline -ct)
        else
            echo $line
        end
    end
end
complete -c stead -f -a '(__stead_complete)'
"#;

/// Answers a shell: one candidate a line, with a tab and a word about it where there is one. Says nothing rather than fail.
pub(crate) fn answer(words: &[String]) -> Outcome {
    let (typed, done) = words.split_last().map_or(("", &[][..]), |(last, done)| (last.as_str(), done));
    let place = locate(done);
    let mut lines: Vec<String> = match &place.pending {
        Some(flag) => offers(flag.completes, done),
        None if typed.starts_with('-') => flags(place.command),
        None => match place.command.act {
            Act::Group(children) => children.iter().map(|c| format!("{}\t{}", c.name, c.about)).collect(),
            Act::Run(_) => offers(place.command.completes, done),
        },
    };
    lines.retain(|line| line == FILES || line.starts_with(typed));
    lines.sort();
    for line in lines {
        output::line(&line)?;
    }
    Ok(0)
}

/// Where in the tree the finished words lead, and the flag that waits for its value.
struct Place {
    command: &'static Command,
    pending: Option<&'static Flag>,
}

fn locate(words: &[String]) -> Place {
    let mut place = Place { command: &ROOT, pending: None };
    for word in words {
        if place.pending.take().is_some() {
            continue;
        }
        if let Some(flag) = word.strip_prefix('-').and_then(|f| waiting(place.command, f)) {
            place.pending = Some(flag);
        } else if let Some(child) = place.command.child(word) {
            place.command = child;
        }
    }
    place
}

/// The flag that this word, without its first dash, leaves without a value.
fn waiting(command: &'static Command, word: &str) -> Option<&'static Flag> {
    if word.contains('=') {
        return None;
    }
    let takes = |flag: &&'static Flag| matches!(flag.kind, Kind::Value(..));
    match word.strip_prefix('-') {
        Some(long) => command.all_flags().find(|f| f.long == long).filter(takes),
        None => command.all_flags().find(|f| f.short.is_some() && f.short == word.chars().last()).filter(takes),
    }
}

fn flags(command: &'static Command) -> Vec<String> {
    let shown = command.all_flags().filter(|f| !f.hidden);
    shown.map(|f| format!("--{}\t{}", f.long, f.help.lines().next().unwrap_or_default())).collect()
}

fn offers(what: Completes, words: &[String]) -> Vec<String> {
    match what {
        Completes::Nothing => Vec::new(),
        Completes::Files => vec![FILES.to_owned()],
        Completes::Words(words) => words.iter().map(|w| (*w).to_owned()).collect(),
        Completes::Containers => named(words, true, containers),
        Completes::Running => named(words, false, containers),
        Completes::Images => named(words, true, images),
        Completes::Volumes => named(words, true, volumes),
        Completes::Trashed => named(words, true, trashed),
        Completes::Networks => named(words, true, networks),
        Completes::Objects => {
            let mut all = named(words, true, containers);
            all.extend(named(words, true, images));
            all.extend(named(words, true, volumes));
            all
        }
    }
}

/// Names the engine knows. A root that does not exist yet is left alone: completing must not make it.
fn named(words: &[String], all: bool, list: fn(&stead_engine::Engine, bool) -> Option<Vec<String>>) -> Vec<String> {
    let globals = Matches::read(&ROOT, "stead".to_owned(), words);
    let context = globals.ok().and_then(|g| Context::read(&g).ok());
    let engine = context.filter(|c| Path::new(&c.root).join("stead.json").exists()).and_then(|c| c.engine().ok());
    engine.and_then(|e| list(&e, all)).unwrap_or_default()
}

fn containers(engine: &stead_engine::Engine, all: bool) -> Option<Vec<String>> {
    let list = engine.container_list(&ListOptions { all, ..ListOptions::default() }).ok()?;
    Some(list.iter().flat_map(|c| &c.names).map(|n| n.trim_start_matches('/').to_owned()).collect())
}

fn images(engine: &stead_engine::Engine, all: bool) -> Option<Vec<String>> {
    let list = engine.image_list(&Filters::default(), all).ok()?;
    let tags = |image: &serde_json::Value| image.get("RepoTags").and_then(|t| t.as_array().cloned()).unwrap_or_default();
    Some(list.iter().flat_map(tags).filter_map(|t| t.as_str().map(str::to_owned)).collect())
}

fn volumes(engine: &stead_engine::Engine, _all: bool) -> Option<Vec<String>> {
    Some(engine.volume_list(&Filters::default()).ok()?.volumes.into_iter().map(|v| v.name).collect())
}

fn trashed(engine: &stead_engine::Engine, _all: bool) -> Option<Vec<String>> {
    engine.volume_trash_names().ok()
}

fn networks(engine: &stead_engine::Engine, _all: bool) -> Option<Vec<String>> {
    Some(engine.network_list(&Filters::default()).ok()?.into_iter().map(|n| n.name).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(words: &[&str]) -> (&'static str, Option<&'static str>) {
        let words: Vec<String> = words.iter().map(|w| (*w).to_owned()).collect();
        let place = locate(&words);
        (place.command.name, place.pending.map(|f| f.long))
    }

    #[test]
    fn the_place_in_the_tree_is_found() {
        assert_eq!(at(&[]), ("stead", None));
        assert_eq!(at(&["--root"]), ("stead", Some("root")));
        assert_eq!(at(&["--root", "/x", "volume"]), ("volume", None));
        assert_eq!(at(&["container", "run", "-itv"]), ("run", Some("volume")));
        assert_eq!(at(&["run", "--rm", "--name=x"]), ("run", None));
        assert_eq!(at(&["run", "--pull"]), ("run", Some("pull")));
        assert_eq!(offers(Completes::Words(&["a", "b"]), &[]), ["a", "b"]);
        assert!(flags(&ROOT).iter().any(|f| f.starts_with("--root\t")));
    }
}
