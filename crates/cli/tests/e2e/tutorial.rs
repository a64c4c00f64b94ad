//! The tutorial's own commands, word for word, on the redis and nginx images.
use crate::scene::{mount_at, names, with};

#[test]
fn bind_mount_of_the_working_directory() {
    let s = with(&["redis"]);
    let target = s.mkdir("target");
    let sh = format!(r#"{} run -d -it --name devtest --mount type=bind,source="$(pwd)"/target,target=/app redis:latest"#, s.shell());
    stead_testkit::Command::new("sh").args(["-c", &sh]).env("HOME", s.dir()).env("DOCKER_CONFIG", s.dir()).dir(s.dir()).run().ok();
    let info = s.inspect("devtest");
    let m = mount_at(&info, "/app");
    assert_eq!((m["Type"].as_str(), m["Source"].as_str()), (Some("bind"), target.to_str()));
    assert_eq!((m["Mode"].as_str(), m["RW"].as_bool(), m["Propagation"].as_str()), (Some(""), Some(true), Some("rprivate")));
    assert_eq!(mount_at(&info, "/data")["Type"], "volume");
    s.ok("exec devtest sh -c 'echo from-inside >/app/f'");
    assert_eq!(std::fs::read_to_string(target.join("f")).unwrap(), "from-inside\n");
    s.ok("container stop devtest");
    s.ok("container rm devtest");
    assert_eq!(names(&target), ["f"]);
}

#[test]
fn tmpfs_both_ways() {
    let s = with(&["nginx"]);
    s.ok("run -d -it --name tmptest --mount type=tmpfs,destination=/app nginx:latest");
    s.ok("run -d -it --name tmptest2 --tmpfs /app nginx:latest");
    for name in ["tmptest", "tmptest2"] {
        let info = s.x(&format!("container inspect {name}")).ok().json()[0].take();
        if !s.is_docker() || name == "tmptest2" {
            assert_eq!(info["HostConfig"]["Tmpfs"]["/app"], "", "{name}");
        }
        let line = s.ok(&format!("exec {name} grep ' /app ' /proc/mounts"));
        assert!(line.starts_with("tmpfs /app tmpfs rw,nosuid,nodev,noexec,relatime"), "{line}");
        s.ok(&format!("exec {name} sh -c 'echo x >/app/f'"));
        s.ok(&format!("stop {name}"));
        s.ok(&format!("start {name}"));
        assert_eq!(s.ok(&format!("exec {name} ls /app")), "", "a tmpfs is empty after a stop");
    }
    let m = mount_at(&s.inspect("tmptest"), "/app");
    assert_eq!((m["Type"].as_str(), m["Source"].as_str(), m["RW"].as_bool()), (Some("tmpfs"), Some(""), Some(true)));
    assert_eq!(s.inspect("tmptest2")["Mounts"].as_array().unwrap().len(), 0);
    s.ok("rm -f tmptest tmptest2");
}

#[test]
fn redis_keeps_its_data_in_a_volume() {
    let s = with(&["redis"]);
    assert_eq!(s.ok("volume create data"), "data");
    s.ok("run -d --name r1 -v data:/data redis:latest redis-server --appendonly yes");
    s.eventually("redis answers", || s.x("exec r1 redis-cli ping").text() == "PONG");
    assert_eq!(s.ok("exec r1 redis-cli set greeting hello"), "OK");
    assert_eq!(s.ok("volume ls -q"), "data");
    assert_eq!(s.x("volume inspect data").ok().json()[0]["Mountpoint"], s.data("data").to_str().unwrap());
    let refused = s.fails(1, "volume rm data");
    let id = s.ok("ps -aq --no-trunc");
    assert!(refused.contains(&format!("remove data: volume is in use - [{id}]")), "{refused}");
    s.ok("rm -f r1");
    s.ok("run -d --name r2 -v data:/data redis:latest redis-server --appendonly yes");
    s.eventually("redis answers again", || s.x("exec r2 redis-cli get greeting").text() == "hello");
    s.ok("rm -f r2");
    assert_eq!(s.ok("volume rm data"), "data");
    assert_eq!(s.ok("volume ls -q"), "");
}

#[test]
fn a_missing_bind_source() {
    let s = with(&["busybox"]);
    let missing = s.dir().join("missing");
    let err = s.fails(125, &format!("run --rm --mount type=bind,source={0},target=/app busybox true", missing.display()));
    assert!(
        err.contains(&format!("invalid mount config for type \"bind\": bind source path does not exist: {}", missing.display())),
        "{err}"
    );
    assert!(!missing.exists());
    if !s.is_docker() {
        s.ok(&format!("run --rm --mount type=bind,source={0}2,target=/app,bind-create-src busybox touch /app/f", missing.display()));
        assert_eq!(names(&s.dir().join("missing2")), ["f"]);
    }
    s.ok(&format!("run --rm -v {}:/app busybox touch /app/f", missing.display()));
    assert_eq!(names(&missing), ["f"]);
}

#[test]
fn nginx_serves_a_prepopulated_volume_and_a_read_only_one() {
    let s = with(&["nginx"]);
    s.ok("run -d --name web -v html:/usr/share/nginx/html nginx:latest");
    assert_eq!(names(&s.data("html")), ["50x.html", "index.html"]);
    s.ok("run -d --name web2 --mount source=html,target=/usr/share/nginx/html,readonly nginx:latest");
    std::fs::write(s.data("html").join("index.html"), "changed").unwrap();
    for web in ["web", "web2"] {
        s.eventually("nginx answers", || s.x(&format!("exec {web} wget -qO- http://127.0.0.1/")).text() == "changed");
    }
    s.x("exec web2 touch /usr/share/nginx/html/x").fails().says("Read-only file system");
    assert_eq!(mount_at(&s.inspect("web2"), "/usr/share/nginx/html")["RW"], false);
    s.ok("rm -f web web2");
}
