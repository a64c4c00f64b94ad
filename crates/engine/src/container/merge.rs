//! What the image says where the user said nothing.

use std::collections::BTreeSet;

use stead_image::ContainerDefaults;

use super::config::{Config, Empty};
use crate::{Failure, Result};

/// Fills `config` in from the image, by Docker's rules: the user's variables replace the image's by name, labels and volumes add up,
/// an entrypoint of the user's drops the image's command.
///
/// # Errors
/// `no command specified` when neither names a program.
pub(super) fn with_image(config: &mut Config, image: &ContainerDefaults) -> Result<()> {
    merge_env(&mut config.env, &image.env);
    merge_command(config, image);
    for (key, value) in &image.labels {
        config.labels.entry(key.clone()).or_insert_with(|| value.clone());
    }
    for port in image.exposed_ports.keys() {
        config.exposed_ports.entry(port.clone()).or_insert(Empty {});
    }
    for path in image.volumes.keys() {
        config.volumes.get_or_insert_with(Default::default).entry(path.clone()).or_insert(Empty {});
    }
    if config.user.is_empty() {
        config.user.clone_from(&image.user);
    }
    if config.working_dir.is_empty() {
        config.working_dir.clone_from(&image.working_dir);
    }
    if config.stop_signal.is_none() {
        config.stop_signal.clone_from(&image.stop_signal);
    }
    super::health::merge(&mut config.healthcheck, image.healthcheck.as_ref());
    if config.shell.is_none() {
        config.shell.clone_from(&image.shell);
    }
    if config.on_build.is_none() {
        config.on_build.clone_from(&image.on_build);
    }
    let named = |words: &Option<Vec<String>>| words.iter().flatten().any(|w| !w.is_empty());
    if !named(&config.entrypoint) && !named(&config.cmd) {
        return Err(Failure::invalid("no command specified")
            .with_hint("name a program after the image, or use an image that has a CMD or an ENTRYPOINT"));
    }
    Ok(())
}

fn merge_env(ours: &mut Vec<String>, image: &[String]) {
    let set: BTreeSet<String> = ours.iter().map(|v| key_of(v).to_owned()).collect();
    let inherited: Vec<String> = image.iter().filter(|v| !set.contains(key_of(v))).cloned().collect();
    // The image's come first so that the user's are last, where a program that reads twice finds them.
    let own = std::mem::replace(ours, inherited);
    ours.extend(own);
}

fn key_of(variable: &str) -> &str {
    variable.split_once('=').map_or(variable, |(k, _)| k)
}

fn merge_command(config: &mut Config, image: &ContainerDefaults) {
    match config.entrypoint.as_deref() {
        // `--entrypoint ""` clears the image's entrypoint and its command.
        Some([only]) if only.is_empty() => config.entrypoint = None,
        Some([_, ..]) => {}
        _ => {
            config.entrypoint.clone_from(&image.entrypoint);
            if config.cmd.as_ref().is_none_or(Vec::is_empty) {
                config.cmd.clone_from(&image.cmd);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(list: &[&str]) -> Vec<String> {
        list.iter().map(ToString::to_string).collect()
    }

    fn redis() -> ContainerDefaults {
        ContainerDefaults {
            env: words(&["PATH=/bin", "REDIS=7"]),
            entrypoint: Some(words(&["entry.sh"])),
            cmd: Some(words(&["redis-server"])),
            volumes: [("/data".to_owned(), stead_image::Empty {})].into(),
            user: "redis".to_owned(),
            ..ContainerDefaults::default()
        }
    }

    #[test]
    fn the_users_variables_win_by_name() {
        let mut config = Config { env: words(&["REDIS=8", "X=1"]), ..Config::default() };
        with_image(&mut config, &redis()).unwrap();
        assert_eq!(config.env, words(&["PATH=/bin", "REDIS=8", "X=1"]));
        assert_eq!(config.user, "redis");
        assert!(config.volumes.unwrap().contains_key("/data"));
    }

    #[test]
    fn a_new_entrypoint_drops_the_images_command() {
        let mut config = Config { entrypoint: Some(words(&["sh"])), ..Config::default() };
        with_image(&mut config, &redis()).unwrap();
        assert_eq!((config.entrypoint, config.cmd), (Some(words(&["sh"])), None));
    }

    #[test]
    fn a_new_command_keeps_the_images_entrypoint() {
        let mut config = Config { cmd: Some(words(&["redis-cli"])), ..Config::default() };
        with_image(&mut config, &redis()).unwrap();
        assert_eq!((config.entrypoint, config.cmd), (Some(words(&["entry.sh"])), Some(words(&["redis-cli"]))));
    }

    #[test]
    fn a_cleared_entrypoint_needs_a_command() {
        let mut config = Config { entrypoint: Some(words(&[""])), ..Config::default() };
        assert_eq!(with_image(&mut config, &redis()).unwrap_err().message, "no command specified");
        let mut config = Config { entrypoint: Some(words(&[""])), cmd: Some(words(&["true"])), ..Config::default() };
        with_image(&mut config, &redis()).unwrap();
        assert_eq!((config.entrypoint, config.cmd), (None, Some(words(&["true"]))));
    }
}
