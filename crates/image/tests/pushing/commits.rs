//! Images that a container was committed to.

use serde_json::json;
use stead_base::filter::Filters;
use stead_image::{CommitOptions, Input, Removed, Silent};

use crate::place::{Place, docker_archive, tar_of};

fn scene(name: &str) -> (Place, String) {
    let place = Place::new(name);
    let defaults = json!({ "Cmd": ["old"], "Env": ["A=1", "B=2"], "Volumes": { "/data": {} } });
    let archive = docker_archive(&["base:1"], &[&tar_of(&[("f", "x")])], &defaults);
    let id = place.images.load(Input::Stream(&mut archive.as_slice()), &Silent).unwrap()[0].id.clone();
    (place, id)
}

fn options(reference: &str) -> CommitOptions {
    let config = json!({ "Cmd": ["sh", "-c", "touch y"], "Env": ["A=1"], "Image": "base:1", "Volumes": null, "Labels": { "l": "1" } });
    CommitOptions {
        reference: reference.to_owned(),
        author: "me".to_owned(),
        comment: "said".to_owned(),
        changes: vec!["CMD [\"new\"]".to_owned(), "ENV C=3".to_owned()],
        defaults: CommitOptions::defaults_of(&config).unwrap(),
        container: "c".repeat(64),
        container_config: config,
    }
}

#[test]
fn a_commit_is_one_more_layer_and_knows_its_parent() {
    let (place, base) = scene("commit");
    let tar = tar_of(&[("y", "z")]);
    let id = place.images.commit(&base, &mut tar.as_slice(), &options("mine:2")).unwrap();
    let shown = place.images.inspect("mine:2").unwrap();
    assert_eq!((shown["Id"].as_str(), shown["Parent"].as_str()), (Some(id.as_str()), Some(base.as_str())));
    assert_eq!((shown["Author"].as_str(), shown["Comment"].as_str()), (Some("me"), Some("said")));
    assert_eq!(shown["RootFS"]["Layers"].as_array().unwrap().len(), 2);
    assert_eq!((&shown["Config"]["Cmd"], &shown["Config"]["Env"]), (&json!(["new"]), &json!(["A=1", "C=3"])));
    let history = place.images.history("mine:2").unwrap();
    assert_eq!((history[0].created_by.as_str(), history[0].comment.as_str()), ("sh -c touch y", "said"));
    let image = place.images.resolve("mine:2").unwrap();
    let (container, config) = place.images.origin(&image);
    assert_eq!((container.as_str(), config["Image"].as_str()), (Some("c".repeat(64).as_str()), Some("base:1")));
    // Nothing changed: no layer.
    let none = place.images.commit(&base, &mut [0u8; 1024].as_slice(), &options("")).unwrap();
    assert_eq!(place.images.resolve(&none).unwrap().diff_ids().len(), 1);
    assert_eq!(place.images.check().unwrap(), []);
}

#[test]
fn parents_follow_dockers_rules() {
    let (place, base) = scene("parents");
    let child = place.images.commit(&base, &mut tar_of(&[("y", "z")]).as_slice(), &options("child:1")).unwrap();
    let error = place.images.remove(&base[7..19], true, false, &|_| false).unwrap_err().to_string();
    let short = &base[7..19];
    assert_eq!(error, format!("conflict: unable to delete {short} (cannot be forced) - image has dependent child images"));
    // Its name goes, the image stays as an intermediate one.
    assert_eq!(place.images.remove("base:1", false, false, &|_| false).unwrap(), [Removed::Untagged("base:1".into())]);
    assert_eq!(place.images.list(&Filters::default(), false).unwrap().len(), 1);
    assert_eq!(place.images.list(&Filters::default(), true).unwrap().len(), 2);
    assert_eq!(place.images.prune(false, &|_| false).unwrap().0, []);
    let lines = place.images.remove("child:1", false, false, &|_| false).unwrap();
    assert!(lines.contains(&Removed::Deleted(child)) && lines.contains(&Removed::Deleted(base)), "{lines:?}");
    assert_eq!(place.layer_ids(), []);
}

#[test]
fn what_is_refused_is_refused_before_the_tar_is_read() {
    let (place, base) = scene("commit-refused");
    let layers = place.layer_ids();
    let commit = |change: &dyn Fn(&mut CommitOptions)| {
        let mut options = options("x:1");
        change(&mut options);
        place.images.commit(&base, &mut tar_of(&[("q", "q")]).as_slice(), &options).unwrap_err().to_string()
    };
    assert!(commit(&|o| "Upper".clone_into(&mut o.reference)).contains("must be lowercase"));
    assert_eq!(commit(&|o| o.changes = vec!["RUN x".into()]), "RUN is not a valid change command");
    assert_eq!(place.layer_ids(), layers);
    let none = place.images.commit(&format!("sha256:{}", "0".repeat(64)), &mut tar_of(&[]).as_slice(), &options("x:1"));
    assert!(none.unwrap_err().to_string().starts_with("No such image"));
}

#[test]
fn a_clients_config_is_filled_from_the_containers() {
    let read = |json: serde_json::Value| CommitOptions::defaults_of(&json).unwrap();
    let container = read(json!({ "Cmd": ["a"], "Env": ["A=1", "B=2"], "Labels": { "x": "1" }, "User": "u", "WorkingDir": "/w" }));
    let mut sent = read(json!({ "Env": ["B=3"], "Labels": { "x": "2" } }));
    sent.fill_from(&container);
    assert_eq!((sent.env, sent.labels["x"].as_str()), (vec!["B=3".to_owned(), "A=1".to_owned()], "2"));
    assert_eq!((sent.cmd, sent.user.as_str(), sent.working_dir.as_str()), (Some(vec!["a".to_owned()]), "u", "/w"));
}
