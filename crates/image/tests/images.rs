//! The image room with the real layer room, real archives and a real registry, as root.

#[cfg(test)]
mod place;
#[cfg(test)]
mod pushing;

#[cfg(test)]
mod archives {
    use std::io::Write;

    use serde_json::json;
    use stead_base::Kind;
    use stead_base::filter::Filters;
    use stead_image::{Format, ImportOptions, Input, Removed, Silent};
    use stead_testkit::{hostile, image_tar};

    use crate::place::{Place, docker_archive, sha256, tar_of};

    fn load(place: &Place, bytes: &[u8]) -> stead_image::Result<Vec<stead_image::Loaded>> {
        place.images.load(Input::Stream(&mut { bytes }), &Silent)
    }

    #[test]
    fn real_archives_load_and_survive_a_round_trip_byte_for_byte() {
        let place = Place::new("round");
        for name in ["busybox", "layers", "redis"] {
            let loaded = place.images.load(Input::File(std::fs::File::open(image_tar(name)).unwrap()), &Silent).unwrap();
            assert!(!loaded.is_empty(), "{name}");
        }
        let before = place.images.list_records().unwrap();
        for (format, other) in [(Format::DockerArchive, "again-docker"), (Format::OciArchive, "again-oci")] {
            let names: Vec<String> = before.iter().flat_map(|i| i.tags.clone()).collect();
            let mut archive = Vec::new();
            place.images.save(&names, &mut archive, format).unwrap();
            let again = Place::new(other);
            load(&again, &archive).unwrap();
            let after = again.images.list_records().unwrap();
            let ids = |images: &[stead_image::ImageRecord]| {
                let mut all: Vec<_> = images.iter().map(|i| (i.id.clone(), i.tags.clone(), i.size)).collect();
                all.sort();
                all
            };
            assert_eq!(ids(&after), ids(&before));
            let mut twice = Vec::new();
            again.images.save(&names, &mut twice, format).unwrap();
            assert!(twice == archive, "{format:?}: the second archive differs");
        }
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gz.write_all(&std::fs::read(image_tar("busybox")).unwrap()).unwrap();
        assert_eq!(load(&place, &gz.finish().unwrap()).unwrap()[0].lines()[0], "Loaded image: busybox:latest");
        assert_eq!(place.images.check().unwrap(), []);
    }

    #[test]
    fn inspect_and_list_have_dockers_shape() {
        let place = Place::new("shape");
        let archive = docker_archive(&["redis:latest"], &[&tar_of(&[("f", "x")])], &json!({ "Volumes": { "/data": {} } }));
        load(&place, &archive).unwrap();
        let shown = place.images.inspect("redis").unwrap();
        for key in ["Id", "RepoTags", "RepoDigests", "Config", "Architecture", "Os", "Size", "GraphDriver", "RootFS", "Metadata"] {
            assert!(shown.get(key).is_some(), "{key}");
        }
        assert_eq!(shown["RepoTags"], json!(["redis:latest"]));
        assert!(shown["Config"]["Volumes"].get("/data").is_some());
        let id = shown["Id"].as_str().unwrap().to_owned();
        for text in ["redis:latest", "docker.io/library/redis", &id, &id[7..19], &id[7..]] {
            assert_eq!(place.images.resolve(text).unwrap().id, id, "{text}");
        }
        let missing = place.images.resolve("nosuch").unwrap_err();
        assert_eq!((missing.kind(), missing.to_string().as_str()), (Kind::NotFound, "No such image: nosuch:latest"));
        assert_eq!(place.images.resolve("Bad").unwrap_err().kind(), Kind::Invalid);
        assert!(place.images.resolve_platform("redis", Some("linux/s390x")).is_err());
        place.images.tag("redis", "me/other:1").unwrap();
        let list = |words: &[&str]| place.images.list(&Filters::from_words(words).unwrap(), false).unwrap();
        assert_eq!(list(&[])[0].repo_tags, ["me/other:1", "redis:latest"]);
        assert_eq!(list(&["reference=me/*"])[0].repo_tags, ["me/other:1"]);
        assert!(list(&["reference=none"]).is_empty() && list(&["dangling=true"]).is_empty());
        assert_eq!(list(&["dangling=false"]).len(), 1);
        assert!(place.images.list(&Filters::from_words(&["bogus=1"]).unwrap(), false).is_err());
    }

    #[test]
    fn removal_follows_dockers_rules() {
        let place = Place::new("remove");
        load(&place, &docker_archive(&["busybox:latest"], &[&tar_of(&[("f", "x")])], &json!({}))).unwrap();
        let id = place.images.resolve("busybox").unwrap().id;
        let short = id[7..19].to_owned();
        place.images.tag("busybox", "other/repo:x").unwrap();
        let error = place.images.remove(&short, false, false, &|_| false).unwrap_err().to_string();
        assert_eq!(error, format!("conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"));
        let lines = place.images.remove("other/repo:x", false, false, &|_| false).unwrap();
        assert_eq!(lines, [Removed::Untagged("other/repo:x".into())]);
        place.container("c".repeat(64), &id);
        let error = place.images.remove("busybox", false, false, &|_| true).unwrap_err().to_string();
        assert_eq!(
            error,
            format!(
                "conflict: unable to remove repository reference \"busybox\" (must force) - container cccccccccccc is using its referenced image {short}"
            )
        );
        let error = place.images.remove(&id, true, false, &|_| true).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("conflict: unable to delete {short} (cannot be forced) - image is being used by running container cccccccccccc")
        );
        let error = place.images.remove(&id, false, false, &|_| false).unwrap_err().to_string();
        assert_eq!(
            error,
            format!("conflict: unable to delete {short} (must be forced) - image is being used by stopped container cccccccccccc")
        );
        let lines = place.images.remove("busybox", true, false, &|_| false).unwrap();
        assert_eq!(lines, [Removed::Untagged("busybox:latest".into()), Removed::Deleted(id.clone())]);
        assert!(place.images.resolve("busybox").is_err() && place.images.list_records().unwrap().is_empty());
        assert!(!place.layer_ids().is_empty(), "a stopped container keeps its files");
        assert!(place.images.sweep().unwrap().is_empty());
        place.forget_container(&"c".repeat(64));
        assert!(!place.images.sweep().unwrap().is_empty());
        assert!(place.layer_ids().is_empty() && place.images.list_records().unwrap().is_empty());
    }

    #[test]
    fn shared_layers_stay_and_prune_takes_what_has_no_name() {
        let place = Place::new("prune");
        let layer = tar_of(&[("f", "shared")]);
        let (one, two) =
            (docker_archive(&["a:1"], &[&layer], &json!({"Env": ["A=1"]})), docker_archive(&["b:1"], &[&layer], &json!({"Env": ["B=1"]})));
        load(&place, &one).unwrap();
        load(&place, &two).unwrap();
        assert_eq!(place.layer_ids().len(), 1);
        let usage = place.images.list_with_usage().unwrap();
        assert!(usage.iter().all(|image| (image.containers, image.shared_size, image.size) == (0, 6, 6)), "{usage:?}");
        let lines = place.images.remove("a:1", false, false, &|_| false).unwrap();
        assert_eq!(lines.len(), 2, "the layer is not listed: {lines:?}");
        assert_eq!(place.layer_ids().len(), 1);
        let moved = docker_archive(&["b:1"], &[&layer], &json!({"Env": ["C=1"]}));
        let told = load(&place, &moved).unwrap()[0].lines();
        assert!(told[0].starts_with("The image b:1 already exists, renaming the old one with ID sha256:"), "{told:?}");
        let (lines, freed) = place.images.prune(false, &|_| false).unwrap();
        assert_eq!((lines.len(), freed), (1, 0));
        let (lines, freed) = place.images.prune(true, &|_| false).unwrap();
        assert_eq!((lines.len(), freed), (3, 6), "{lines:?}");
        assert!(place.layer_ids().is_empty());
    }

    #[test]
    fn a_root_file_system_is_imported_with_changes() {
        let place = Place::new("import");
        let tar = tar_of(&[("bin/sh", "#!"), ("etc/passwd", "root:x:0:0::/:/bin/sh")]);
        let options = ImportOptions {
            reference: Some("mine".into()),
            changes: vec!["CMD [\"/bin/sh\"]".into(), "ENV A=1".into(), "VOLUME /data".into()],
            ..ImportOptions::default()
        };
        let id = place.images.import(&mut &tar[..], &options).unwrap();
        let image = place.images.resolve("mine:latest").unwrap();
        assert_eq!(image.id, id);
        assert_eq!(image.config.config.cmd, Some(vec!["/bin/sh".into()]));
        assert_eq!(image.config.history[0].comment, "Imported from -");
        assert_eq!(image.diff_ids(), [sha256(&tar)]);
        let bad = ImportOptions { changes: vec!["RUN x".into()], ..ImportOptions::default() };
        let error = place.images.import(&mut &tar[..], &bad).unwrap_err();
        assert_eq!((error.kind(), error.to_string().as_str()), (Kind::Invalid, "RUN is not a valid change command"));
    }

    #[test]
    fn archives_that_lie_leave_nothing_behind() {
        let place = Place::new("lies");
        let layer = tar_of(&[("f", "x")]);
        let good = docker_archive(&["ok:1"], &[&layer], &json!({}));
        let text = String::from_utf8_lossy(&good).into_owned();
        assert!(text.contains("manifest.json"));
        let other = tar_of(&[("f", "another")]);
        let swapped = crate::place::archive_with(&["ok:1"], &[&layer], &[&other], &json!({}));
        for (what, bytes) in [
            ("no archive", b"hello world, this is no tar at all".to_vec()),
            ("empty", Vec::new()),
            ("no manifest", tar_of(&[("readme", "x")])),
            ("manifest of nonsense", tar_of(&[("manifest.json", "{]")])),
            ("config outside", tar_of(&[("manifest.json", r#"[{"Config":"../../etc/passwd","Layers":[]}]"#)])),
            ("absolute config", tar_of(&[("manifest.json", r#"[{"Config":"/etc/passwd","Layers":[]}]"#)])),
            ("missing config", tar_of(&[("manifest.json", r#"[{"Config":"c.json","Layers":[]}]"#)])),
            ("cut short", good[..good.len() / 2].to_vec()),
            ("another layer than promised", swapped),
            ("bad tag", docker_archive(&["UPPER:1"], &[&layer], &json!({}))),
            ("tag without a tag", docker_archive(&["name"], &[&layer], &json!({}))),
        ] {
            let error = load(&place, &bytes).expect_err(what);
            assert_eq!(error.kind(), Kind::Invalid, "{what}: {error}");
            assert!(place.images.list_records().unwrap().is_empty(), "{what}");
        }
        assert_eq!(std::fs::read_dir(place.dir.join("images/.staging")).unwrap().count(), 0);
    }

    #[test]
    fn docker_and_stead_read_each_others_archives() {
        let Some(docker) = stead_testkit::Dockerd::start() else { return };
        let place = Place::new("peer");
        place.images.load(Input::File(std::fs::File::open(image_tar("layers")).unwrap()), &Silent).unwrap();
        let image = place.images.list_records().unwrap().remove(0);
        let name = image.tags[0].clone();
        let mut archive = Vec::new();
        place.images.save(std::slice::from_ref(&name), &mut archive, Format::DockerArchive).unwrap();
        docker.cli().args(["load", "-q"]).stdin(archive).run().ok();
        assert_eq!(docker.x(&format!("image inspect -f '{{{{.Id}}}}' {name}")).text(), image.id, "the same id over there");
        let back = place.dir.join("back.tar");
        docker.x(&format!("save -o {} {name}", back.display())).ok();
        let again = Place::new("peer-back");
        again.images.load(Input::File(std::fs::File::open(&back).unwrap()), &Silent).unwrap();
        assert_eq!(again.images.resolve(&name).unwrap().id, image.id);
        let (ours, theirs) = (place.images.inspect(&name).unwrap(), docker.x(&format!("image inspect {name}")).json());
        for key in ["Id", "RepoTags", "Architecture", "Os", "RootFS", "Created", "Author", "Size"] {
            assert_eq!(ours[key], theirs[0][key], "{key}");
        }
        for key in ["Env", "Cmd", "Entrypoint", "Volumes", "WorkingDir", "Labels", "User", "ExposedPorts", "OnBuild"] {
            assert_eq!(ours["Config"][key], theirs[0]["Config"][key], "{key}");
        }
    }

    #[test]
    fn a_damaged_layer_is_mended_by_loading_again() {
        let place = Place::new("mend");
        let archive = docker_archive(&["a:1"], &[&tar_of(&[("f", "x")])], &json!({}));
        load(&place, &archive).unwrap();
        let layer = place.layer_ids().remove(0);
        std::fs::remove_file(place.dir.join("layers").join(layer.hex()).join("layer.json")).unwrap();
        assert_eq!(place.images.check().unwrap().len(), 1);
        load(&place, &archive).unwrap();
        assert_eq!(place.images.check().unwrap(), []);
    }

    #[test]
    fn hostile_layers_do_no_harm_through_load_and_import() {
        let place = Place::new("hostile");
        let canary = place.dir.join("canary");
        std::fs::create_dir_all(canary.join("sub")).unwrap();
        let secret = canary.join("secret");
        std::fs::File::create(&secret).unwrap().write_all(b"secret").unwrap();
        for vector in hostile::vectors(canary.to_str().unwrap()) {
            let archive = docker_archive(&["h:1"], &[&vector.tar], &json!({}));
            // Refused or unpacked harmlessly: the canary tells.
            load(&place, &archive).ok();
            place.images.import(&mut &vector.tar[..], &ImportOptions::default()).ok();
            // The archive around the image may be hostile too.
            load(&place, &vector.tar).unwrap_err();
            assert_eq!(std::fs::read(&secret).unwrap(), b"secret", "{}", vector.name);
            assert_eq!(std::fs::read_dir(&canary).unwrap().count(), 2, "{}", vector.name);
            assert_eq!(std::fs::read_dir(canary.join("sub")).unwrap().count(), 0, "{}", vector.name);
        }
    }
}

#[cfg(test)]
mod registries {
    use std::sync::Mutex;

    use serde_json::json;
    use stead_base::Kind;
    use stead_image::{Access, Event, Progress, PullOptions, Silent};
    use stead_testkit::Registry;

    use crate::place::{Place, fake, push, sha256, tar_of};

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl Progress for Heard {
        fn event(&self, e: &Event<'_>) {
            self.0.lock().unwrap().push(format!("{} {}", e.id, e.status));
        }
    }

    #[test]
    fn a_real_registry_is_pulled_from_and_what_is_here_already_is_not_fetched_again() {
        let Some(registry) = Registry::start() else { return };
        let place = Place::new("pull");
        let (base, top) = (tar_of(&[("base", &"b".repeat(300_000))]), tar_of(&[("top", "t")]));
        let one = push(&registry.host(), "app", "1", &[("gzip", &base)], "amd64");
        push(&registry.host(), "app", "2", &[("gzip", &base), ("zstd", &top)], "amd64");
        let name = |tag: &str| format!("{}/app:{tag}", registry.host());
        let heard = Heard::default();
        let pulled = place.images.pull(&name("1"), &PullOptions::default(), &heard).unwrap();
        assert!(pulled.newer);
        assert_eq!(pulled.digest, one);
        assert_eq!(pulled.image.digests, [format!("{}/app@{one}", registry.host())]);
        let lines = heard.0.lock().unwrap().clone();
        assert_eq!(lines[0], "1 Pulling from app");
        for status in ["Pulling fs layer", "Verifying Checksum", "Download complete", "Pull complete"] {
            assert!(lines.iter().any(|l| l.ends_with(status)), "{status}: {lines:?}");
        }
        assert_eq!(lines.last().unwrap(), &format!(" Status: Downloaded newer image for {}", name("1")));
        let heard = Heard::default();
        place.images.pull(&name("2"), &PullOptions::default(), &heard).unwrap();
        let lines = heard.0.lock().unwrap().clone();
        assert_eq!(lines.iter().filter(|l| l.ends_with("Already exists")).count(), 1, "{lines:?}");
        assert!(!place.images.pull(&name("2"), &PullOptions::default(), &Silent).unwrap().newer);
        place.images.pull(&format!("{}/app@{one}", registry.host()), &PullOptions::default(), &Silent).unwrap();
        let missing = place.images.pull(&name("none"), &PullOptions::default(), &Silent).unwrap_err();
        assert_eq!(missing.kind(), Kind::NotFound);
        assert_eq!(missing.to_string(), format!("manifest for {} not found: manifest unknown: manifest unknown", name("none")));
        assert_eq!(place.images.check().unwrap(), []);
    }

    #[test]
    fn an_index_is_chosen_from_by_platform() {
        let place = Place::new("index");
        let layer = tar_of(&[("f", "x")]);
        let server = fake::Registry::start(&[("app", &[("amd64", &layer), ("arm64", &layer)])], fake::Lie::None);
        let name = format!("{}/app", server.host);
        let arm = PullOptions { platform: Some("linux/arm64".into()), ..PullOptions::default() };
        assert_eq!(place.images.pull(&name, &arm, &Silent).unwrap().image.platform(), "linux/arm64");
        let none = PullOptions { platform: Some("linux/s390x".into()), ..PullOptions::default() };
        let error = place.images.pull(&name, &none, &Silent).unwrap_err();
        assert_eq!(error.to_string(), "no matching manifest for linux/s390x in the manifest list entries");
    }

    #[test]
    fn basic_authentication_uses_dockers_config() {
        // The published test vector of bcrypt for the password `U*U`.
        let hash = "$2a$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW";
        let Some(registry) = Registry::with_password("me", hash) else { return };
        let place = Place::new("auth");
        let pull = |auth: Option<&str>| {
            let config = auth.map(|auth| json!({ "auths": { registry.host(): { "auth": auth } } }).to_string());
            let access = Access::parse(None, config.as_ref().map(String::as_bytes)).unwrap();
            place.images.pull(&format!("{}/app", registry.host()), &PullOptions { platform: None, access }, &Silent).unwrap_err()
        };
        assert!(pull(None).to_string().ends_with(": no basic auth credentials"));
        let wrong = pull(Some("d3Jvbmc6d3Jvbmc="));
        // Both are 500 in Docker.
        assert_eq!((pull(None).kind(), wrong.kind()), (Kind::Unavailable, Kind::Unavailable));
        assert!(wrong.to_string().contains("unauthorized"), "{wrong}");
        // Let in, and told that there is nothing.
        assert_eq!(pull(Some("bWU6VSpV")).kind(), Kind::NotFound);
    }

    #[test]
    fn tokens_are_fetched_and_mirrors_tried_first() {
        let place = Place::new("bearer");
        let layer = tar_of(&[("f", "x")]);
        let server = fake::Registry::start(&[("library/app", &[("amd64", &layer)])], fake::Lie::WantsToken);
        let registries = json!({ "registry-mirrors": [format!("http://{}", server.host)] }).to_string();
        let access = Access::parse(Some(registries.as_bytes()), None).unwrap();
        let options = PullOptions { platform: Some("linux/amd64".into()), access };
        let pulled = place.images.pull("app", &options, &Silent).unwrap();
        assert_eq!(pulled.image.tags, ["app:latest"]);
        assert_eq!(pulled.image.diff_ids(), [sha256(&layer)]);
    }

    #[test]
    fn a_broken_download_goes_on_where_it_stopped() {
        let place = Place::new("resume");
        let layer = tar_of(&[("f", &"0123456789".repeat(60_000))]);
        for lie in [fake::Lie::BreaksOff, fake::Lie::BreaksOffWithoutRanges] {
            let server = fake::Registry::start(&[("app", &[("amd64", &layer)])], lie);
            let options = PullOptions { platform: Some("linux/amd64".into()), ..PullOptions::default() };
            let pulled = place.images.pull(&format!("{}/app", server.host), &options, &Silent).unwrap();
            place.images.remove(&pulled.image.id, true, false, &|_| false).unwrap();
        }
    }

    #[test]
    fn registries_that_lie_are_found_out() {
        let place = Place::new("liar");
        let layer = tar_of(&[("f", &"payload ".repeat(5000))]);
        for lie in [
            fake::Lie::OtherLayer,
            fake::Lie::OtherManifest,
            fake::Lie::OtherConfig,
            fake::Lie::EndlessManifest,
            fake::Lie::LongLayer,
            fake::Lie::RedirectToMetadata,
            fake::Lie::RedirectLoop,
            fake::Lie::DigestIsPath,
            fake::Lie::IndexLoop,
            fake::Lie::HugeConfig,
            fake::Lie::NotJson,
            fake::Lie::TokenFromMetadata,
        ] {
            let server = fake::Registry::start(&[("app", &[("amd64", &layer)])], lie);
            let options = PullOptions { platform: Some("linux/amd64".into()), ..PullOptions::default() };
            let result = place.images.pull(&format!("{}/app", server.host), &options, &Silent);
            if lie == fake::Lie::LongLayer {
                // Bytes beyond the announced size are never read.
                place.images.remove(&result.unwrap().image.id, true, false, &|_| false).unwrap();
            } else {
                let error = result.err().unwrap_or_else(|| panic!("{lie:?} was believed"));
                assert!(matches!(error.kind(), Kind::Invalid | Kind::NotAllowed | Kind::NotFound), "{lie:?}: {error}");
            }
            assert!(place.images.list_records().unwrap().is_empty(), "{lie:?}");
            assert!(place.layer_ids().is_empty(), "{lie:?}");
        }
    }
}
