//! What the bollard tests share: the client, names, a container that stays, and reading of streams.
use bollard::container::LogOutput;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{CreateContainerOptionsBuilder, RemoveContainerOptionsBuilder};
use bollard::{API_DEFAULT_VERSION, Docker};
use futures_util::{Stream, StreamExt};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The engine that DOCKER_HOST names, spoken to in the newest version that both know.
pub async fn docker() -> Docker {
    let host = std::env::var("DOCKER_HOST").unwrap();
    Docker::connect_with_unix(host.trim_start_matches("unix://"), 60, API_DEFAULT_VERSION).unwrap().negotiate_version().await.unwrap()
}

/// A name that nothing else has.
pub fn name(what: &str) -> String {
    static NEXT: AtomicUsize = AtomicUsize::new(0);
    format!("bollard-{what}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Strings as bollard wants them.
pub fn words(list: &[&str]) -> Option<Vec<String>> {
    Some(list.iter().map(ToString::to_string).collect())
}

/// What a container of busybox that runs `cmd` is made from.
pub fn body(cmd: &[&str]) -> ContainerCreateBody {
    ContainerCreateBody { image: Some("busybox".into()), cmd: words(cmd), ..Default::default() }
}

/// Creates a container and answers its id.
pub async fn make(docker: &Docker, name: &str, body: ContainerCreateBody) -> String {
    docker.create_container(Some(CreateContainerOptionsBuilder::new().name(name).build()), body).await.unwrap().id
}

/// Creates and starts one.
pub async fn begin(docker: &Docker, name: &str, body: ContainerCreateBody) -> String {
    let id = make(docker, name, body).await;
    docker.start_container(&id, None).await.unwrap();
    id
}

/// Removes a container with its anonymous volumes.
pub async fn end(docker: &Docker, id: &str) {
    docker.remove_container(id, Some(RemoveContainerOptionsBuilder::new().force(true).v(true).build())).await.unwrap();
}

/// All of a stream of output, as stdout and stderr.
pub async fn drain(mut stream: impl Stream<Item = Result<LogOutput, bollard::errors::Error>> + Unpin) -> (String, String) {
    let (mut out, mut err) = (String::new(), String::new());
    while let Some(next) = stream.next().await {
        match next.unwrap() {
            LogOutput::StdErr { message } => err.push_str(&String::from_utf8_lossy(&message)),
            other => out.push_str(&String::from_utf8_lossy(&other.into_bytes())),
        }
    }
    (out, err)
}

/// The status and the message of an answer that is an error.
pub fn refused<T: std::fmt::Debug>(answer: Result<T, bollard::errors::Error>) -> (u16, String) {
    match answer {
        Err(bollard::errors::Error::DockerResponseServerError { status_code, message }) => (status_code, message),
        other => panic!("wanted an error of the engine, got {other:?}"),
    }
}
