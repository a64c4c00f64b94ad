//! `POST /containers/create`.

use serde::Deserialize;
use serde_json::json;
use stead_base::Kind;
use stead_engine::Failure;
use stead_engine::container::config::{Config, HostConfig, NetworkingConfig};
use stead_engine::container::create::CreateRequest;
use stead_engine::container::guard::Guard;

use super::older;
use crate::ask::Ask;
use crate::reply::Reply;
use crate::route::Answer;
use crate::version::Version;

/// Docker's body: the fields of `Config`, and two more beside them.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Body {
    #[serde(flatten)]
    config: Config,
    host_config: HostConfig,
    networking_config: NetworkingConfig,
}

pub(super) fn post(ask: &mut Ask) -> Answer {
    let Some(body) = ask.json_if_any::<Body>()? else {
        return Err(Failure::invalid(if ask.body().is_empty() {
            "invalid JSON: got EOF while reading request body"
        } else {
            "config cannot be empty in order to create a container"
        }));
    };
    let (version, query) = (ask.version(), ask.query());
    let mut request = CreateRequest {
        name: query.filled("name").map(str::to_owned),
        config: body.config,
        host: body.host_config,
        networking: body.networking_config,
        guard: query.filled("volume-guard").map(guard).transpose()?,
        renew_anonymous: query.flag("renew-anon-volumes"),
        platform: query.filled("platform").filter(|_| version >= Version(1, 41)).map(str::to_owned),
    };
    older::understand(&mut request, version)?;
    runtime_is_a_name(&request.host)?;
    let created = ask.engine().container_create(request).map_err(only_images_are_missing)?;
    Ok(Reply::json(201, &json!({ "Id": created.id, "Warnings": created.warnings })))
}

fn guard(word: &str) -> Result<Guard, Failure> {
    Guard::from_word(word).ok_or_else(|| Failure::invalid(format!("invalid volume-guard: {word}: it is warn, refuse or off")))
}

/// As Docker's daemon: a client chooses among the system's runtimes and cannot bring a program of its own.
fn runtime_is_a_name(host: &HostConfig) -> Result<(), Failure> {
    if host.runtime.contains('/') {
        return Err(Failure::invalid(format!("unknown or invalid runtime name: {}", host.runtime)));
    }
    Ok(())
}

/// Clients take a 404 of create for a missing image: they pull it and ask again. Whatever else is missing is a wrong request.
fn only_images_are_missing(failure: Failure) -> Failure {
    match failure.kind {
        Kind::NotFound if !failure.message.starts_with("No such image") => Failure { kind: Kind::Invalid, ..failure },
        _ => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runtimes_have_names() {
        let asked = |runtime: &str| runtime_is_a_name(&HostConfig { runtime: runtime.to_owned(), ..HostConfig::default() });
        assert!(asked("").is_ok() && asked("crun").is_ok());
        for path in ["/tmp/evil", "../tmp/evil", "dir/evil"] {
            assert!(asked(path).unwrap_err().message.contains("invalid runtime name"), "{path}");
        }
    }

    #[test]
    fn only_a_missing_image_is_not_found() {
        let kind = |text: &str| only_images_are_missing(Failure::new(Kind::NotFound, text)).kind;
        assert_eq!(kind("No such image: x:latest"), Kind::NotFound);
        assert_eq!(kind("No such container: x"), Kind::Invalid);
    }
}
