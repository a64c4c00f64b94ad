//! Tables for the values of flags; the refusals were printed by the docker CLI 28.2.2.

use super::*;

#[test]
fn sizes() {
    for (text, want) in
        [("1", 1), ("64m", 64 << 20), ("1.5GiB", 3 << 29), ("1KB", 1024), ("2 t", 2 << 40), ("0", 0), (".5k", 512), ("9b", 9)]
    {
        assert_eq!(ram(text), Ok(want), "{text}");
    }
    for (text, want) in [
        ("x", "invalid size: 'x'"),
        ("", "invalid size: ''"),
        ("-1", "invalid size: '-1'"),
        ("12q", "invalid suffix: 'q'"),
        ("1mm", "invalid suffix: 'mm'"),
        ("1bb", "invalid suffix: 'bb'"),
        ("1.2.3", "strconv.ParseFloat: parsing \"1.2.3\": invalid syntax"),
        ("99999999p", "invalid size: '99999999p'"),
    ] {
        assert_eq!(ram(text), Err(want.to_owned()), "{text}");
    }
    assert_eq!(ram_or_unlimited("-1"), Ok(-1));
    assert_eq!(ram_or_unlimited("1m"), Ok(1 << 20));
}

#[test]
fn cpus() {
    for (text, want) in [
        ("1", 1_000_000_000),
        ("0.5", 500_000_000),
        (".25", 250_000_000),
        ("3/2", 1_500_000_000),
        ("1.", 1_000_000_000),
        ("-1", -1_000_000_000),
    ] {
        assert_eq!(nano_cpus(text), Ok(want), "{text}");
    }
    for bad in ["", "x", "1.2.3", "1/0", ".", "1e3x"] {
        assert_eq!(nano_cpus(bad), Err(format!("failed to parse {bad} as a rational number")), "{bad}");
    }
    assert_eq!(nano_cpus("0.0000000001"), Err("value is too precise".to_owned()));
}

#[test]
fn ulimits() {
    assert_eq!(ulimit("nofile=1024:2048"), Ok(Ulimit { name: "nofile".to_owned(), soft: 1024, hard: 2048 }));
    assert_eq!(ulimit("core=-1"), Ok(Ulimit { name: "core".to_owned(), soft: -1, hard: -1 }));
    for (text, want) in [
        ("nofile", "invalid ulimit argument: nofile"),
        ("foo=1", "invalid ulimit type: foo"),
        ("nofile=1:2:3", "too many limit value arguments - 1:2:3, can only have up to two, `soft[:hard]`"),
        ("nofile=5:3", "ulimit soft limit must be less than or equal to hard limit: 5 > 3"),
        ("nofile=-1:3", "ulimit soft limit must be less than or equal to hard limit: soft: -1 (unlimited), hard: 3"),
        ("nofile=x", "strconv.ParseInt: parsing \"x\": invalid syntax"),
    ] {
        assert_eq!(ulimit(text), Err(want.to_owned()));
    }
}

#[test]
fn devices() {
    let shape = |t: &str| device(t).map(|d| format!("{} {} {}", d.path_on_host, d.path_in_container, d.cgroup_permissions));
    assert_eq!(shape("/dev/fuse").unwrap(), "/dev/fuse /dev/fuse rwm");
    assert_eq!(shape("/dev/fuse:rw").unwrap(), "/dev/fuse /dev/fuse rw");
    assert_eq!(shape("/dev/a:/dev/b").unwrap(), "/dev/a /dev/b rwm");
    assert_eq!(shape("/dev/a:/dev/b:m").unwrap(), "/dev/a /dev/b m");
    for (text, want) in [
        ("", "bad format for path: "),
        ("/a:/b:r:w", "bad format for path: /a:/b:r:w"),
        ("/a:/b:q", "bad mode specified: q"),
        ("/a:/b:rr", "bad mode specified: rr"),
        ("a", "a is not an absolute path"),
        ("/a:b", "b is not an absolute path"),
    ] {
        assert_eq!(device(text), Err(want.to_owned()));
    }
}

#[test]
fn restart_policies() {
    assert_eq!(restart("on-failure:3"), Ok(RestartPolicy { name: "on-failure".to_owned(), maximum_retry_count: 3 }));
    assert_eq!(restart(""), Ok(RestartPolicy::default()));
    assert_eq!(restart("on-failure:x"), Err("invalid restart policy format: maximum retry count must be an integer".to_owned()));
    assert_eq!(restart(":3"), Err("invalid restart policy format: no policy provided before colon".to_owned()));
}

#[test]
fn checks_with_dockers_words() {
    type Check = fn(&str) -> Result<(), String>;
    let table: [(Check, &str, &str); 16] = [
        (check_sysctl, "net.ipv4.ip_forward=1", ""),
        (check_sysctl, "kernel.shmmax=1", ""),
        (check_sysctl, "a=b", "sysctl 'a=b' is not allowed"),
        (check_sysctl, "net.x", "sysctl 'net.x' is not allowed"),
        (check_env, "A=b=c", ""),
        (check_env, "=x", "invalid environment variable: =x"),
        (check_label, "a=b c", ""),
        (check_label, "=x", "invalid label '=x': empty name"),
        (check_label, "a b=c", "label 'a b' contains whitespaces"),
        (check_stream, "STDIN", ""),
        (check_stream, "foo", "valid streams are STDIN, STDOUT and STDERR"),
        (check_host, "a:::1", ""),
        (check_host, "a", "bad format for add-host: \"a\""),
        (check_host, "a:b", "invalid IP address in add-host: \"b\""),
        (check_ip, "x", "IP address is not correctly formatted: x"),
        (check_device_rule, "x", "invalid device cgroup format 'x'"),
    ];
    for (check, text, want) in table {
        assert_eq!(check(text).err().unwrap_or_default(), want, "{text}");
    }
    assert_eq!(check_device_rule("c 1:* rw"), Ok(()));
    assert_eq!(check_mode("pid", "foo"), Err("--pid: invalid PID mode".to_owned()));
    assert_eq!(check_mode("userns", "x"), Err("--userns: invalid USER mode".to_owned()));
    assert_eq!(check_mode("cgroupns", "private"), Ok(()));
}
