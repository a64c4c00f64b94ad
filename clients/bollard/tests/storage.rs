//! bollard: volumes, images with a local registry, networks, events.
use bollard::models::{
    ContainerConfig, ContainerCreateBody, EndpointIpamConfig, EndpointSettings, HostConfig, Ipam, IpamConfig, NetworkConnectRequest,
    NetworkCreateRequest, NetworkDisconnectRequest, VolumeCreateRequest,
};
use bollard::query_parameters::{
    CommitContainerOptionsBuilder, CreateImageOptionsBuilder, EventsOptionsBuilder, ImportImageOptionsBuilder, ListImagesOptionsBuilder,
    ListNetworksOptionsBuilder, ListVolumesOptionsBuilder, PushImageOptionsBuilder, RemoveImageOptions, RemoveVolumeOptions,
    RemoveVolumeOptionsBuilder, TagImageOptionsBuilder,
};
use bollard::{Docker, body_full};
use futures_util::{StreamExt, TryStreamExt};
use std::collections::HashMap;
use std::time::Duration;
use stead_clients_bollard::{begin, body, docker, end, make, name, refused};

#[tokio::test]
async fn volumes() {
    let docker = docker().await;
    let n = name("vol");
    let asked =
        VolumeCreateRequest { name: Some(n.clone()), labels: Some(HashMap::from([("k".into(), "v".into())])), ..Default::default() };
    let v = docker.create_volume(asked).await.unwrap();
    assert_eq!((v.name.as_str(), v.driver.as_str()), (n.as_str(), "local"));
    assert!(v.mountpoint.ends_with("/_data") && v.created_at.is_some());
    assert_eq!(docker.inspect_volume(&n).await.unwrap().labels["k"], "v");
    let filters = HashMap::from([("name", vec![n.as_str()])]);
    assert_eq!(
        docker.list_volumes(Some(ListVolumesOptionsBuilder::new().filters(&filters).build())).await.unwrap().volumes.unwrap().len(),
        1
    );
    let host = HostConfig { binds: Some(vec![format!("{n}:/v")]), ..Default::default() };
    let id = make(&docker, &name("user"), ContainerCreateBody { host_config: Some(host), ..body(&["true"]) }).await;
    assert_eq!(
        refused(docker.remove_volume(&n, None::<RemoveVolumeOptions>).await),
        (409, format!("remove {n}: volume is in use - [{id}]"))
    );
    end(&docker, &id).await;
    docker.remove_volume(&n, Some(RemoveVolumeOptionsBuilder::new().force(false).build())).await.unwrap();
    assert_eq!(refused(docker.inspect_volume(&n).await).0, 404);
}

#[tokio::test]
async fn images() {
    let docker = docker().await;
    let id = docker.inspect_image("busybox:latest").await.unwrap().id.unwrap();
    let repo = name("tag");
    docker.tag_image("busybox:latest", Some(TagImageOptionsBuilder::new().repo(&repo).tag("1").build())).await.unwrap();
    let filters = HashMap::from([("reference", vec![repo.as_str()])]);
    let listed = docker.list_images(Some(ListImagesOptionsBuilder::new().all(true).filters(&filters).build())).await.unwrap();
    assert!(listed.len() == 1 && listed[0].id == id);
    assert!(!docker.image_history(&repo_tag(&repo)).await.unwrap().is_empty());
    let saved = docker.export_image(&repo_tag(&repo)).try_collect::<Vec<_>>().await.unwrap().concat();
    docker.remove_image(&repo_tag(&repo), None::<RemoveImageOptions>, None).await.unwrap();
    let rows: Vec<_> =
        docker.import_image(ImportImageOptionsBuilder::new().build(), body_full(saved.into()), None).try_collect().await.unwrap();
    assert!(rows.iter().any(|r| r.stream.as_deref().is_some_and(|s| s.contains("Loaded image"))), "{rows:?}");
    assert_eq!(
        docker.remove_image(&repo_tag(&repo), None::<RemoveImageOptions>, None).await.unwrap()[0].untagged.as_deref(),
        Some(repo_tag(&repo).as_str())
    );
    assert_eq!(refused(docker.inspect_image(&repo_tag(&repo)).await).0, 404);
}

fn repo_tag(repo: &str) -> String {
    format!("{repo}:1")
}

#[tokio::test]
async fn push_and_pull() {
    let docker = docker().await;
    let repo = format!("{}/bollard/busybox", std::env::var("CLIENTS_REGISTRY").unwrap());
    docker.tag_image("busybox:latest", Some(TagImageOptionsBuilder::new().repo(&repo).tag("1").build())).await.unwrap();
    let credentials = || Some(bollard::auth::DockerCredentials::default());
    let rows: Vec<_> =
        docker.push_image(&repo, Some(PushImageOptionsBuilder::new().tag("1").build()), credentials()).try_collect().await.unwrap();
    assert!(rows.iter().all(|r| r.error_detail.is_none()), "{rows:?}");
    docker.remove_image(&repo_tag(&repo), None::<RemoveImageOptions>, None).await.unwrap();
    let options = CreateImageOptionsBuilder::new().from_image(&repo).tag("1").build();
    let rows: Vec<_> = docker.create_image(Some(options), None, credentials()).try_collect().await.unwrap();
    assert!(rows.iter().any(|r| r.status.as_deref().is_some_and(|s| s.starts_with("Status: "))), "{rows:?}");
    let digest = docker.inspect_registry_image(&repo_tag(&repo), None).await.unwrap().descriptor.digest.unwrap();
    assert!(docker.inspect_image(&repo_tag(&repo)).await.unwrap().repo_digests.unwrap().contains(&format!("{repo}@{digest}")));
    docker.remove_image(&repo_tag(&repo), None::<RemoveImageOptions>, None).await.unwrap();
    let options = CreateImageOptionsBuilder::new().from_image(&format!("{repo}-nosuch")).tag("1").build();
    assert!(docker.create_image(Some(options), None, None).try_collect::<Vec<_>>().await.is_err());
}

#[tokio::test]
async fn commit() {
    let docker = docker().await;
    let id = begin(&docker, &name("commit"), body(&["sh", "-c", "echo kept >/kept; sleep 600"])).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    let repo = name("made");
    let options = CommitContainerOptionsBuilder::new().container(&id).repo(&repo).tag("1").comment("why").pause(true).build();
    let made = docker.commit_container(options, ContainerConfig::default()).await.unwrap().id;
    assert_eq!(docker.inspect_image(&repo_tag(&repo)).await.unwrap().id.unwrap(), made);
    end(&docker, &id).await;
    docker.remove_image(&repo_tag(&repo), None::<RemoveImageOptions>, None).await.unwrap();
}

async fn names_of(docker: &Docker) -> Vec<String> {
    docker.list_networks(Some(ListNetworksOptionsBuilder::new().build())).await.unwrap().into_iter().filter_map(|n| n.name).collect()
}

#[tokio::test]
async fn networks() {
    let docker = docker().await;
    let n = name("net");
    let ipam = Ipam { config: Some(vec![IpamConfig { subnet: Some("10.83.0.0/24".into()), ..Default::default() }]), ..Default::default() };
    let asked = NetworkCreateRequest { name: n.clone(), driver: Some("bridge".into()), ipam: Some(ipam), ..Default::default() };
    let net = docker.create_network(asked.clone()).await.unwrap().id;
    assert!(names_of(&docker).await.contains(&n));
    let id = begin(&docker, &name("on"), body(&["sleep", "600"])).await;
    let ends = EndpointSettings {
        ipam_config: Some(EndpointIpamConfig { ipv4_address: Some("10.83.0.9".into()), ..Default::default() }),
        ..Default::default()
    };
    docker.connect_network(&net, NetworkConnectRequest { container: id.clone(), endpoint_config: Some(ends) }).await.unwrap();
    let info = docker.inspect_network(&net, None).await.unwrap();
    assert_eq!(info.containers.unwrap()[&id].ipv4_address.as_deref(), Some("10.83.0.9/24"));
    assert_eq!(refused(docker.remove_network(&n).await).0, 403);
    docker.disconnect_network(&net, NetworkDisconnectRequest { container: id.clone(), force: Some(true) }).await.unwrap();
    docker.remove_network(&n).await.unwrap();
    assert_eq!(refused(docker.inspect_network(&n, None).await).0, 404);
    end(&docker, &id).await;
}

#[tokio::test]
async fn events() {
    let docker = docker().await;
    let n = name("ev");
    let filters = HashMap::from([("container", vec![n.as_str()]), ("type", vec!["container"])]);
    let mut stream = docker.events(Some(EventsOptionsBuilder::new().filters(&filters).build()));
    let seen = tokio::spawn(async move {
        let mut seen = Vec::new();
        while let Some(Ok(event)) = stream.next().await {
            let action = event.action.unwrap();
            let last = action == "destroy";
            seen.push(action);
            if last {
                break;
            }
        }
        seen
    });
    tokio::time::sleep(Duration::from_millis(500)).await;
    let id = begin(&docker, &n, body(&["true"])).await;
    docker.wait_container(&id, None).try_collect::<Vec<_>>().await.unwrap();
    end(&docker, &id).await;
    let seen = tokio::time::timeout(Duration::from_secs(20), seen).await.expect("no destroy came").unwrap();
    let main: Vec<_> = seen.iter().filter(|a| ["create", "start", "die", "destroy"].contains(&a.as_str())).collect();
    assert_eq!(main, ["create", "start", "die", "destroy"]);
}
