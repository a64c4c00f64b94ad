//! From the options of `run` and `create` to Docker's `Config` and `HostConfig`: raw words first, resolved request second.

pub(crate) mod files;
mod health;
mod host;
mod network;
mod refused;
mod security;
pub(crate) mod table;
pub(crate) mod values;

pub(crate) use host::limits;

use std::collections::BTreeMap;
use std::env;
use std::path::PathBuf;

use stead_engine::container::config::{Config, Empty, HostConfig, NetworkingConfig};
use stead_engine::container::guard::Guard;
use stead_mount::parse::short::{self, Short};

use crate::command::Matches;
use crate::failure::Failure;
use crate::output;

/// What a container is asked to be, and what is to be done around its creation.
#[derive(Debug, Default)]
pub(crate) struct Asked {
    /// `--name`.
    pub(crate) name: Option<String>,
    /// `--platform`.
    pub(crate) platform: Option<String>,
    /// `--pull`.
    pub(crate) pull: Pull,
    /// `--quiet`.
    pub(crate) quiet: bool,
    /// `--cidfile`.
    pub(crate) cidfile: Option<PathBuf>,
    /// What is independent of the host.
    pub(crate) config: Config,
    /// What depends on it.
    pub(crate) host: HostConfig,
    /// Its networks.
    pub(crate) networking: NetworkingConfig,
    /// `--volume-guard`.
    pub(crate) guard: Option<Guard>,
    /// `--renew-anon-volumes`.
    pub(crate) renew_anonymous: bool,
}

/// When the image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Pull {
    /// When it is not here.
    #[default]
    Missing,
    /// Every time.
    Always,
    /// Never.
    Never,
}

/// Resolves what was typed. Files are read, relative paths made absolute, the environment looked up; nothing is changed.
///
/// # Errors
/// The first mistake, in Docker's words.
pub(crate) fn resolve(matches: &Matches) -> Result<Asked, Failure> {
    let refuse = |text: String| Failure::run(matches, text);
    if let Some(text) = refused::first(matches) {
        return Err(refuse(text));
    }
    let pull = match matches.text("pull").unwrap_or("missing") {
        "missing" | "" => Pull::Missing,
        "always" => Pull::Always,
        "never" => Pull::Never,
        other => return Err(refuse(format!("invalid pull option: '{other}': must be one of \"always\", \"missing\" or \"never\""))),
    };
    let mut host = host::resolve(matches).map_err(refuse)?;
    let mut config = config(matches).map_err(refuse)?;
    let networking = network::resolve(matches, &mut host).map_err(refuse)?;
    host.port_bindings = network::published(matches, &mut config.exposed_ports).map_err(refuse)?;
    storage(matches, &mut config, &mut host).map_err(refuse)?;
    if host.auto_remove && !matches!(host.restart_policy.name.as_str(), "" | "no") {
        return Err(refuse("conflicting options: cannot specify both --restart and --rm".to_owned()));
    }
    let cidfile = matches.filled("cidfile").map(PathBuf::from);
    if let Some(path) = &cidfile {
        if path.exists() {
            let text = format!("container ID file found, make sure the other container isn't running or delete {}", path.display());
            return Err(refuse(text));
        }
        host.container_id_file = path.display().to_string();
    }
    let filled = |name: &str| matches.filled(name).map(str::to_owned);
    let guard = matches.text("volume-guard").and_then(Guard::from_word);
    let renew_anonymous = matches.on("renew-anon-volumes");
    Ok(Asked {
        guard,
        renew_anonymous,
        name: filled("name"),
        platform: filled("platform"),
        pull,
        quiet: matches.on("quiet"),
        cidfile,
        config,
        host,
        networking,
    })
}

fn config(matches: &Matches) -> Result<Config, String> {
    let text = |name: &str| matches.text(name).unwrap_or_default().to_owned();
    let streams: Vec<String> = matches.list("attach").map(str::to_ascii_lowercase).collect();
    let open_stdin = matches.on("interactive");
    let wants = |stream: &str| streams.iter().any(|s| s == stream);
    let attach_stdin = open_stdin || wants("stdin");
    let command = matches.args.get(1..).filter(|c| !c.is_empty()).map(<[String]>::to_vec);
    // An empty entrypoint is asked for by name: it resets the image's.
    let entrypoint = matches.text("entrypoint").map(|e| vec![e.to_owned()]);
    Ok(Config {
        hostname: text("hostname"),
        domainname: text("domainname"),
        user: text("user"),
        attach_stdin,
        attach_stdout: streams.is_empty() || wants("stdout"),
        attach_stderr: streams.is_empty() || wants("stderr"),
        exposed_ports: exposed(matches)?,
        tty: matches.on("tty"),
        open_stdin,
        stdin_once: open_stdin && attach_stdin,
        env: files::environment(matches.list("env-file"), matches.list("env"))?,
        cmd: command,
        healthcheck: health::resolve(matches)?,
        image: matches.args.first().cloned().unwrap_or_default(),
        working_dir: text("workdir"),
        entrypoint,
        labels: files::labels(matches.list("label-file"), matches.list("label"))?,
        stop_signal: matches.filled("stop-signal").map(str::to_owned),
        stop_timeout: matches.filled("stop-timeout").map(crate::command::parse::parse_int).transpose()?,
        ..Config::default()
    })
}

/// `--expose PORT[-PORT][/PROTO]`, which is a note on the image's side and opens nothing.
fn exposed(matches: &Matches) -> Result<BTreeMap<String, Empty>, String> {
    let mut ports = BTreeMap::new();
    for word in matches.list("expose") {
        let (range, proto) = word.split_once('/').unwrap_or((word, "tcp"));
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let number = |t: &str| {
            let bad = |_syntax| {
                let quoted = crate::command::quote::go(t);
                format!("invalid range format for --expose: {word}, error: strconv.ParseUint: parsing {quoted}: invalid syntax")
            };
            t.parse::<u16>().map_err(bad)
        };
        for port in number(first)?..=number(last)? {
            ports.insert(format!("{port}/{}", proto.to_lowercase()), Empty {});
        }
    }
    Ok(ports)
}

/// Mounts of every kind. A relative source is made absolute here, because only the command line knows where it stands.
fn storage(matches: &Matches, config: &mut Config, host: &mut HostConfig) -> Result<(), String> {
    let mut here = None;
    let mut cwd = || -> Result<PathBuf, String> {
        if here.is_none() {
            here = Some(env::current_dir().map_err(|e| format!("getwd: {}", files::cause(&e)))?);
        }
        Ok(here.clone().unwrap_or_default())
    };
    let mut mounts = Vec::new();
    for word in matches.list("mount") {
        mounts.push(stead_mount::parse::long(word, &cwd()?).map_err(|e| e.to_string())?);
        if let Some(warning) = stead_mount::parse::long_warning(word) {
            output::warn(warning);
        }
    }
    if !mounts.is_empty() && matches.filled("volume-driver").is_some() {
        output::warn(
            "`--volume-driver` is ignored for volumes specified via `--mount`. Use `--mount type=volume,volume-driver=...` instead",
        );
    }
    let (mut binds, mut anonymous) = (Vec::new(), BTreeMap::new());
    for word in matches.list("volume") {
        match short::client(word, &cwd()?).map_err(|e| e.to_string())? {
            Short::Bind(bind) => binds.push(bind),
            Short::Anonymous(path) => {
                anonymous.insert(path, Empty {});
            }
        }
    }
    let tmpfs: BTreeMap<String, String> = matches.list("tmpfs").map(stead_mount::parse::tmpfs).collect();
    config.volumes = filled(anonymous, BTreeMap::is_empty);
    host.binds = filled(binds, Vec::is_empty);
    host.mounts = filled(mounts, Vec::is_empty);
    host.tmpfs = filled(tmpfs, BTreeMap::is_empty);
    host.volumes_from = host::words(matches, "volumes-from");
    host.volume_driver = matches.text("volume-driver").unwrap_or_default().to_owned();
    Ok(())
}

fn filled<T>(value: T, is_empty: fn(&T) -> bool) -> Option<T> {
    (!is_empty(&value)).then_some(value)
}
