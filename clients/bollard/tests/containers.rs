//! bollard: a container's life, exec, logs, attach, archives, stats, and the errors with their statuses.
use bollard::container::LogOutput;
use bollard::exec::{CreateExecOptions, ResizeExecOptions, StartExecOptions, StartExecResults};
use bollard::models::{
    ContainerCreateBody, ContainerStateStatusEnum, ContainerUpdateBody, HealthConfig, HealthStatusEnum, HostConfig, RestartPolicy,
    RestartPolicyNameEnum,
};
use bollard::query_parameters::{
    AttachContainerOptionsBuilder, ContainerArchiveInfoOptionsBuilder, DownloadFromContainerOptionsBuilder, KillContainerOptionsBuilder,
    ListContainersOptionsBuilder, LogsOptionsBuilder, RenameContainerOptionsBuilder, StatsOptionsBuilder, StopContainerOptionsBuilder,
    TopOptionsBuilder, UploadToContainerOptionsBuilder, WaitContainerOptionsBuilder,
};
use bollard::{Docker, body_full};
use futures_util::{StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::time::Duration;
use stead_clients_bollard::{begin, body, docker, drain, end, make, name, refused};
use tokio::io::AsyncWriteExt;

const STAYS: &[&str] = &["sh", "-c", "echo begun; echo wrong >&2; exec sleep 600"];

async fn status(docker: &Docker, id: &str) -> ContainerStateStatusEnum {
    docker.inspect_container(id, None).await.unwrap().state.unwrap().status.unwrap()
}

#[tokio::test]
async fn version_info_ping() {
    let docker = docker().await;
    assert_eq!(docker.ping().await.unwrap(), "OK");
    assert_eq!(docker.version().await.unwrap().os.unwrap(), "linux");
    let info = docker.info().await.unwrap();
    assert!(info.ncpu.unwrap() > 0 && info.mem_total.unwrap() > 0 && info.id.is_some());
}

#[tokio::test]
async fn life() {
    let docker = docker().await;
    let n = name("life");
    let id = make(&docker, &n, body(STAYS)).await;
    assert_eq!(status(&docker, &id).await, ContainerStateStatusEnum::CREATED);
    docker.start_container(&id, None).await.unwrap();
    assert_eq!(status(&docker, &id).await, ContainerStateStatusEnum::RUNNING);
    docker.pause_container(&id).await.unwrap();
    assert_eq!(status(&docker, &id).await, ContainerStateStatusEnum::PAUSED);
    docker.unpause_container(&id).await.unwrap();
    docker.restart_container(&id, Some(bollard::query_parameters::RestartContainerOptionsBuilder::new().t(0).build())).await.unwrap();
    let top = docker.top_processes(&id, Some(TopOptionsBuilder::new().ps_args("aux").build())).await.unwrap();
    assert!(top.titles.unwrap().contains(&"PID".to_string()) && !top.processes.unwrap().is_empty());
    let new = name("renamed");
    docker.rename_container(&id, RenameContainerOptionsBuilder::new().name(&new).build()).await.unwrap();
    assert_eq!(docker.inspect_container(&new, None).await.unwrap().name.unwrap(), format!("/{new}"));
    let update = ContainerUpdateBody { memory: Some(64 << 20), memory_swap: Some(64 << 20), ..Default::default() };
    docker.update_container(&id, update).await.unwrap();
    assert_eq!(docker.inspect_container(&id, None).await.unwrap().host_config.unwrap().memory, Some(64 << 20));
    let filters = HashMap::from([("name", vec![new.as_str()])]);
    let listed = docker.list_containers(Some(ListContainersOptionsBuilder::new().filters(&filters).size(true).build())).await.unwrap();
    assert_eq!(listed.len(), 1);
    assert_eq!(listed[0].id.as_deref(), Some(id.as_str()));
    docker.kill_container(&id, Some(KillContainerOptionsBuilder::new().signal("KILL").build())).await.unwrap();
    let waited: Result<Vec<_>, _> = docker.wait_container(&id, None).try_collect().await;
    assert!(matches!(waited, Err(bollard::errors::Error::DockerContainerWaitError { code: 137, .. })), "{waited:?}");
    docker.stop_container(&id, Some(StopContainerOptionsBuilder::new().t(0).build())).await.unwrap();
    end(&docker, &id).await;
}

#[tokio::test]
async fn errors() {
    let docker = docker().await;
    assert_eq!(refused(docker.inspect_container("nosuch", None).await), (404, "No such container: nosuch".into()));
    let (code, said) =
        refused(docker.create_container(None, ContainerCreateBody { image: Some("nosuch:tag".into()), ..Default::default() }).await);
    assert_eq!((code, said.as_str()), (404, "No such image: nosuch:tag"));
    let n = name("conflict");
    let id = begin(&docker, &n, body(STAYS)).await;
    let options = bollard::query_parameters::CreateContainerOptionsBuilder::new().name(&n).build();
    let (code, said) = refused(docker.create_container(Some(options), body(STAYS)).await);
    assert!(code == 409 && said.contains(&format!("is already in use by container \"{id}\"")), "{code} {said}");
    assert_eq!(refused(docker.remove_container(&id, None).await).0, 409);
    assert!(refused(docker.unpause_container(&id).await).1.contains("is not paused"));
    end(&docker, &id).await;
    assert_eq!(refused(docker.start_container(&id, None).await).0, 404);
}

#[tokio::test]
async fn logs() {
    let docker = docker().await;
    let id = begin(&docker, &name("logs"), body(&["sh", "-c", "echo one; echo two >&2; sleep 1; echo three"])).await;
    let follow = LogsOptionsBuilder::new().stdout(true).stderr(true).follow(true).build();
    assert_eq!(drain(docker.logs(&id, Some(follow))).await, ("one\nthree\n".into(), "two\n".into()));
    let tail = LogsOptionsBuilder::new().stdout(true).timestamps(true).tail("1").build();
    let (out, _) = drain(docker.logs(&id, Some(tail))).await;
    assert!(out.ends_with("Z three\n"), "{out}");
    end(&docker, &id).await;
}

#[tokio::test]
async fn attach() {
    let docker = docker().await;
    let asked = ContainerCreateBody {
        open_stdin: Some(true),
        stdin_once: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        ..body(&["sh", "-c", "read a; echo got $a; echo err >&2"])
    };
    let id = make(&docker, &name("attach"), asked).await;
    let options = AttachContainerOptionsBuilder::new().stdin(true).stdout(true).stderr(true).stream(true).build();
    let mut ends = docker.attach_container(&id, Some(options)).await.unwrap();
    docker.start_container(&id, None).await.unwrap();
    ends.input.write_all(b"hello\n").await.unwrap();
    ends.input.flush().await.unwrap();
    assert_eq!(drain(ends.output).await, ("got hello\n".into(), "err\n".into()));
    end(&docker, &id).await;
}

#[tokio::test]
async fn attach_to_a_terminal() {
    let docker = docker().await;
    let asked = ContainerCreateBody { open_stdin: Some(true), tty: Some(true), ..body(&["sh"]) };
    let id = begin(&docker, &name("tty"), asked).await;
    let options = AttachContainerOptionsBuilder::new().stdin(true).stdout(true).stream(true).build();
    let mut ends = docker.attach_container(&id, Some(options)).await.unwrap();
    docker.resize_container_tty(&id, bollard::query_parameters::ResizeContainerTTYOptionsBuilder::new().h(31).w(71).build()).await.unwrap();
    ends.input.write_all(b"stty size; exit 6\n").await.unwrap();
    ends.input.flush().await.unwrap();
    let (out, _) = drain(ends.output).await;
    assert!(out.contains("31 71"), "{out}");
    end(&docker, &id).await;
}

#[tokio::test]
async fn exec() {
    let docker = docker().await;
    let id = begin(&docker, &name("exec"), body(STAYS)).await;
    let options = CreateExecOptions {
        cmd: Some(vec!["sh", "-c", "cat; echo $A >&2; exit 7"]),
        env: Some(vec!["A=from-env"]),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        attach_stderr: Some(true),
        ..Default::default()
    };
    let e = docker.create_exec(&id, options).await.unwrap().id;
    let StartExecResults::Attached { output, mut input } = docker.start_exec(&e, None).await.unwrap() else { panic!("not attached") };
    input.write_all(b"through").await.unwrap();
    input.shutdown().await.unwrap();
    assert_eq!(drain(output).await, ("through".into(), "from-env\n".into()));
    tokio::time::sleep(Duration::from_millis(300)).await;
    let info = docker.inspect_exec(&e).await.unwrap();
    assert_eq!((info.running, info.exit_code, info.container_id.as_deref()), (Some(false), Some(7), Some(id.as_str())));

    let options = CreateExecOptions { cmd: Some(vec!["true"]), ..Default::default() };
    let e = docker.create_exec(&id, options).await.unwrap().id;
    let started = docker.start_exec(&e, Some(StartExecOptions { detach: true, ..Default::default() })).await.unwrap();
    assert!(matches!(started, StartExecResults::Detached));

    let options = CreateExecOptions {
        cmd: Some(vec!["sh"]),
        tty: Some(true),
        attach_stdin: Some(true),
        attach_stdout: Some(true),
        ..Default::default()
    };
    let e = docker.create_exec(&id, options).await.unwrap().id;
    let StartExecResults::Attached { output, mut input } =
        docker.start_exec(&e, Some(StartExecOptions { tty: true, ..Default::default() })).await.unwrap()
    else {
        panic!("not attached")
    };
    docker.resize_exec(&e, ResizeExecOptions { height: 21, width: 61 }).await.unwrap();
    input.write_all(b"stty size; exit\n").await.unwrap();
    input.flush().await.unwrap();
    let (out, _) = drain(output).await;
    assert!(out.contains("21 61"), "{out}");

    end(&docker, &id).await;
    assert_eq!(refused(docker.create_exec(&id, CreateExecOptions { cmd: Some(vec!["true"]), ..Default::default() }).await).0, 404);
}

#[tokio::test]
async fn archives() {
    let docker = docker().await;
    let id = begin(&docker, &name("archive"), body(STAYS)).await;
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(7);
    header.set_mode(0o644);
    tar.append_data(&mut header, "dir/f", &b"content"[..]).unwrap();
    let bytes = tar.into_inner().unwrap();
    docker
        .upload_to_container(&id, Some(UploadToContainerOptionsBuilder::new().path("/tmp").build()), body_full(bytes.into()))
        .await
        .unwrap();
    let stat =
        docker.get_container_archive_info(&id, Some(ContainerArchiveInfoOptionsBuilder::new().path("/tmp/dir/f").build())).await.unwrap();
    assert_eq!((stat.name.as_str(), stat.size), ("f", 7));
    let parts: Vec<_> = docker
        .download_from_container(&id, Some(DownloadFromContainerOptionsBuilder::new().path("/tmp/dir").build()))
        .try_collect()
        .await
        .unwrap();
    let got = parts.concat();
    let names: Vec<_> = tar::Archive::new(&got[..]).entries().unwrap().map(|e| e.unwrap().path().unwrap().display().to_string()).collect();
    assert_eq!(names, ["dir/", "dir/f"]);
    let missing: Result<Vec<_>, _> =
        docker.download_from_container(&id, Some(DownloadFromContainerOptionsBuilder::new().path("/nothing").build())).try_collect().await;
    assert_eq!(refused(missing).0, 404);
    let changes = docker.container_changes(&id).await.unwrap().unwrap();
    assert!(changes.iter().any(|c| c.path == "/tmp/dir/f" && c.kind as i32 == 1), "{changes:?}");
    let exported: Vec<_> = docker.export_container(&id).try_collect().await.unwrap();
    assert!(exported.iter().map(|b| b.len()).sum::<usize>() > 100_000);
    end(&docker, &id).await;
}

#[tokio::test]
async fn stats() {
    let docker = docker().await;
    let id = begin(&docker, &name("stats"), body(STAYS)).await;
    let one = docker.stats(&id, Some(StatsOptionsBuilder::new().stream(false).build())).next().await.unwrap().unwrap();
    assert!(one.memory_stats.unwrap().usage.unwrap() > 0 && one.cpu_stats.unwrap().online_cpus.unwrap() > 0);
    let many: Vec<_> = docker.stats(&id, Some(StatsOptionsBuilder::new().stream(true).build())).take(2).try_collect().await.unwrap();
    assert_eq!(many.len(), 2);
    end(&docker, &id).await;
}

#[tokio::test]
async fn wait_for_removal_and_auto_remove() {
    let docker = docker().await;
    let host = HostConfig { auto_remove: Some(true), ..Default::default() };
    let id = make(&docker, &name("auto"), ContainerCreateBody { host_config: Some(host), ..body(&["sh", "-c", "sleep 0.3"]) }).await;
    let waiting = {
        let (docker, id) = (docker.clone(), id.clone());
        tokio::spawn(async move {
            docker.wait_container(&id, Some(WaitContainerOptionsBuilder::new().condition("removed").build())).try_collect::<Vec<_>>().await
        })
    };
    tokio::time::sleep(Duration::from_millis(200)).await;
    docker.start_container(&id, None).await.unwrap();
    assert_eq!(waiting.await.unwrap().unwrap()[0].status_code, 0);
    assert_eq!(refused(docker.inspect_container(&id, None).await).0, 404);
}

#[tokio::test]
async fn health_and_restarts() {
    let docker = docker().await;
    let health = HealthConfig { test: stead_clients_bollard::words(&["CMD", "true"]), interval: Some(300_000_000), ..Default::default() };
    let policy = RestartPolicy { name: Some(RestartPolicyNameEnum::ON_FAILURE), maximum_retry_count: Some(1) };
    let asked = ContainerCreateBody {
        healthcheck: Some(health),
        host_config: Some(HostConfig { restart_policy: Some(policy), ..Default::default() }),
        ..body(STAYS)
    };
    let id = begin(&docker, &name("health"), asked).await;
    for _ in 0..100 {
        let state = docker.inspect_container(&id, None).await.unwrap().state.unwrap();
        if state.health.and_then(|h| h.status) == Some(HealthStatusEnum::HEALTHY) {
            end(&docker, &id).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    panic!("never healthy");
}

#[tokio::test]
async fn output_is_in_order_and_whole() {
    let docker = docker().await;
    let id = begin(&docker, &name("big"), body(&["sh", "-c", "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done"])).await;
    let follow = LogsOptionsBuilder::new().stdout(true).follow(true).build();
    let mut text = String::new();
    let mut stream = docker.logs(&id, Some(follow));
    while let Some(Ok(LogOutput::StdOut { message })) = stream.next().await {
        text.push_str(&String::from_utf8_lossy(&message));
    }
    assert!(
        text.lines().enumerate().all(|(i, l)| l == format!("line {i}")) && text.lines().count() == 20000,
        "{} lines",
        text.lines().count()
    );
    end(&docker, &id).await;
}
