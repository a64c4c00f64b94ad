//! `stead commit`.

use stead_engine::container::commit::CommitRequest;

use crate::command::{Act, Arity, Command, Completes, Matches, Outcome, list, switch, text};
use crate::context::Context;
use crate::output;

pub(crate) static COMMIT: Command = Command {
    name: "commit",
    usage: "[OPTIONS] CONTAINER [REPOSITORY[:TAG]]",
    about: "Create a new image from a container's changes",
    long: "What the container wrote becomes one more layer on its image; volumes are not part of it. It is paused while its files are read,\n\
           unless --pause=false.",
    also: &["stead container commit", "stead commit"],
    flags: &[&[
        text("author", Some('a'), "Author (e.g., \"John Hannibal Smith <hannibal@a-team.com>\")"),
        list("change", Some('c'), "Apply Dockerfile instruction to the created image"),
        text("message", Some('m'), "Commit message"),
        switch("pause", Some('p'), "Pause container during commit").or("true"),
    ]],
    arity: Arity::Between(1, 2),
    completes: Completes::Containers,
    examples: &[("Keep what was installed by hand", "stead commit -m 'with curl' box box:curl")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let text = |name: &str| matches.text(name).unwrap_or_default().to_owned();
    let id = context.engine()?.container_commit(&CommitRequest {
        container: matches.args[0].clone(),
        repo: matches.args.get(1).cloned().unwrap_or_default(),
        tag: String::new(),
        comment: text("message"),
        author: text("author"),
        pause: matches.on_by_default("pause"),
        changes: matches.list("change").map(str::to_owned).collect(),
        config: None,
    })?;
    output::line(&id)?;
    Ok(0)
}
