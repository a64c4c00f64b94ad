//! `stead login`.

use std::io::Read as _;

use stead_image::Login;

use crate::command::{Act, Arity, Command, Matches, Outcome, switch, text};
use crate::context::Context;
use crate::failure::Failure;
use crate::{output, terminal};

/// Longest password that is read.
const SECRET_MAX: u64 = 64 * 1024;

pub(crate) static LOGIN: Command = Command {
    name: "login",
    usage: "[OPTIONS] [SERVER]",
    about: "Authenticate to a registry",
    long: "Without SERVER it is Docker Hub. The password is kept in Docker's config.json ($DOCKER_CONFIG or ~/.docker), or with the\n\
           credential helper that file names.",
    flags: &[&[
        text("password", Some('p'), "Password or Personal Access Token (PAT)"),
        switch("password-stdin", None, "Take the Password or Personal Access Token (PAT) from stdin"),
        text("username", Some('u'), "Username"),
    ]],
    arity: Arity::AtMost(1),
    examples: &[("From a script", "stead login -u me --password-stdin registry.example:5000 < token")],
    act: Act::Run(run),
    ..Command::NEW
};

fn run(context: &Context, matches: &Matches) -> Outcome {
    let host = matches.args.first().map_or("", String::as_str);
    let engine = context.engine()?;
    let user = matches.filled("username");
    let from_stdin = matches.on("password-stdin");
    if matches.text("password").is_some() {
        output::warn("WARNING! Using --password via the CLI is insecure. Use --password-stdin.");
        if from_stdin {
            return Err(Failure::plain(1, "--password and --password-stdin are mutually exclusive"));
        }
    }
    if from_stdin && user.is_none() {
        return Err(Failure::plain(1, "Must provide --username with --password-stdin"));
    }
    let known = if user.is_none() && matches.text("password").is_none() { engine.system_login_known(host)? } else { None };
    if let Some(known) = known {
        output::line("Authenticating with existing credentials...")?;
        match engine.system_auth(host, &known) {
            Ok(said) => {
                output::line(said)?;
                return Ok(0);
            }
            Err(refused) => output::warn(&format!("Login did not succeed, error: {}", refused.message)),
        }
    }
    let user = match user {
        Some(user) => user.to_owned(),
        None => {
            interactive()?;
            terminal::ask("Username: ")?
        }
    };
    let password = match matches.text("password") {
        Some(password) => password.to_owned(),
        None if from_stdin => secret_from_stdin()?,
        None => {
            interactive()?;
            terminal::ask_secret("Password: ")?
        }
    };
    if user.is_empty() || password.is_empty() {
        return Err(Failure::plain(1, if user.is_empty() { "username is required" } else { "password is required" }));
    }
    let login = Login { user, password, ..Login::default() };
    if let Some(file) = engine.system_login(host, &login)? {
        output::warn(&format!(
            "\nWARNING! Your credentials are stored unencrypted in '{}'.\nConfigure a credential helper to remove this warning. See\n\
             https://docs.docker.com/go/credential-store/\n",
            file.display()
        ));
    }
    output::line(stead_engine::system::login::SUCCEEDED)?;
    Ok(0)
}

fn interactive() -> Result<(), Failure> {
    if terminal::stdin_is_terminal() {
        Ok(())
    } else {
        Err(Failure::plain(1, "Error: Cannot perform an interactive login from a non TTY device"))
    }
}

fn secret_from_stdin() -> Result<String, Failure> {
    let mut text = String::new();
    std::io::stdin().lock().take(SECRET_MAX).read_to_string(&mut text)?;
    let text = text.strip_suffix('\n').unwrap_or(&text);
    Ok(text.strip_suffix('\r').unwrap_or(text).to_owned())
}
