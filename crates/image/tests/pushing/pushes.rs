//! Pushing to registries that refuse, break and lie.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::{Value, json};
use stead_image::{Access, Event, Input, Progress, Silent};

use crate::place::script::{Asked, Said, Script};
use crate::place::{Place, docker_archive, sha256, tar_of};

fn scene(name: &str, host: &str) -> Place {
    let place = Place::new(name);
    let archive = docker_archive(&[&format!("{host}/app:1")], &[&tar_of(&[("f", "x")])], &json!({}));
    place.images.load(Input::Stream(&mut archive.as_slice()), &Silent).unwrap();
    place
}

fn error(code: &str, message: &str) -> Vec<u8> {
    json!({ "errors": [{ "code": code, "message": message }] }).to_string().into_bytes()
}

fn plain(status: &'static str) -> Said {
    (status, String::new(), Vec::new())
}

/// An honest registry that has nothing yet.
fn honest(asked: &Asked, host: &str) -> Said {
    match asked.method.as_str() {
        "HEAD" => plain("404 Not Found"),
        "POST" => ("202 Accepted", format!("Location: http://{host}/v2/app/upload/1?state=x\r\n"), Vec::new()),
        "PUT" => plain("201 Created"),
        _ => plain("200 OK"),
    }
}

#[test]
fn what_arrives_is_what_the_manifest_says() {
    let server = Script::start(honest);
    let place = scene("push-honest", &server.host);
    let pushed = place.images.push(&format!("{}/app:1", server.host), false, &Access::default(), &Silent).unwrap();
    let asked = server.asked.lock().unwrap().clone();
    let manifest = asked.iter().find(|a| a.path.ends_with("/manifests/1")).unwrap();
    assert_eq!((pushed[0].size, &pushed[0].digest), (manifest.body.len(), &sha256(&manifest.body)));
    let manifest: Value = serde_json::from_slice(&manifest.body).unwrap();
    for blob in [&manifest["config"], &manifest["layers"][0]] {
        let digest = blob["digest"].as_str().unwrap();
        let sent = asked.iter().find(|a| a.method == "PUT" && a.path.contains(digest)).unwrap();
        assert_eq!(sha256(&sent.body).as_str(), digest);
        assert!(sent.path.contains("?state=x&digest="), "{}", sent.path);
        assert_eq!(blob["size"].as_u64(), Some(sent.body.len() as u64));
    }
    assert_eq!(manifest["mediaType"], "application/vnd.docker.distribution.manifest.v2+json");
}

#[test]
fn refusals_are_said_in_the_registrys_words() {
    for (status, body, says) in [
        (
            "403 Forbidden",
            error("DENIED", "requested access to the resource is denied"),
            "denied: requested access to the resource is denied",
        ),
        ("403 Forbidden", b"<html>".to_vec(), "denied: requested access to the resource is denied"),
        ("401 Unauthorized", error("UNAUTHORIZED", "authentication required"), "unauthorized: authentication required"),
        ("401 Unauthorized", Vec::new(), "unauthorized: authentication required"),
        ("405 Method Not Allowed", error("UNSUPPORTED", "The operation is unsupported."), "unsupported: The operation is unsupported."),
        ("404 Not Found", b"<html>".to_vec(), "unexpected status 404"),
    ] {
        let answer = body.clone();
        let server = Script::start(move |asked, host| match asked.method.as_str() {
            "POST" => (status, String::new(), answer.clone()),
            _ => honest(asked, host),
        });
        let place = scene("push-refused", &server.host);
        let failed = place.images.push(&format!("{}/app:1", server.host), false, &Access::default(), &Silent).unwrap_err();
        assert!(failed.to_string().contains(says), "{status}: {failed}");
        assert_eq!(server.count("PUT", ""), 0);
    }
}

#[test]
fn tokens_are_fetched_for_what_is_asked() {
    let server = Script::start(|asked, host| {
        if asked.path.starts_with("/token?") {
            // Pulling is for everybody, pushing is not.
            let both = asked.path.contains("repository%3Aapp%3Apull%2Cpush");
            let token = if both { "writer" } else { "reader" };
            return ("200 OK", String::new(), json!({ "token": token }).to_string().into_bytes());
        }
        let needs = if matches!(asked.method.as_str(), "POST" | "PUT") { "pull,push" } else { "pull" };
        let allowed = asked.authorization == "Bearer writer" || (needs == "pull" && asked.authorization == "Bearer reader");
        if allowed {
            return honest(asked, host);
        }
        let challenge =
            format!("WWW-Authenticate: Bearer realm=\"http://{host}/token\",service=\"s\",scope=\"repository:app:{needs}\"\r\n");
        ("401 Unauthorized", challenge, error("UNAUTHORIZED", "authentication required"))
    });
    let place = scene("push-token", &server.host);
    place.images.push(&format!("{}/app:1", server.host), false, &Access::default(), &Silent).unwrap();
    assert!(server.count("GET", "/token") <= 4, "tokens are kept");
}

#[test]
fn a_broken_upload_begins_anew() {
    let breaks = AtomicUsize::new(0);
    let server = Script::start(move |asked, host| match asked.method.as_str() {
        "PUT" if breaks.fetch_add(1, Ordering::Relaxed) < 2 => plain("503 Service Unavailable"),
        _ => honest(asked, host),
    });
    let place = scene("push-breaks", &server.host);
    place.images.push(&format!("{}/app:1", server.host), false, &Access::default(), &Silent).unwrap();
}

#[test]
fn an_upload_is_not_sent_to_dangerous_places() {
    for location in ["http://169.254.169.254/latest", "http://[fe80::1]/x", "ftp://x/y"] {
        let server = Script::start(move |asked, host| match asked.method.as_str() {
            "POST" => ("202 Accepted", format!("Location: {location}\r\n"), Vec::new()),
            _ => honest(asked, host),
        });
        let place = scene("push-ssrf", &server.host);
        let failed = place.images.push(&format!("{}/app:1", server.host), false, &Access::default(), &Silent).unwrap_err();
        assert!(failed.to_string().contains("refusing to follow") || failed.to_string().contains("no place"), "{location}: {failed}");
    }
}

#[test]
fn progress_has_dockers_words() {
    #[derive(Default)]
    struct Told(Mutex<Vec<String>>);
    impl Progress for Told {
        fn event(&self, event: &Event<'_>) {
            self.0.lock().unwrap().push(event.status.to_owned());
        }
    }
    let server = Script::start(honest);
    let place = scene("push-words", &server.host);
    let told = Told::default();
    place.images.push(&format!("{}/app:1", server.host), false, &Access::default(), &told).unwrap();
    let told = told.0.into_inner().unwrap();
    assert_eq!(told[0], format!("The push refers to repository [{}/app]", server.host));
    assert_eq!(told[1], "Preparing");
    assert!(told.contains(&"Pushing".to_owned()) && told.contains(&"Pushed".to_owned()), "{told:?}");
    assert!(told.last().unwrap().starts_with("1: digest: sha256:"), "{told:?}");
}
