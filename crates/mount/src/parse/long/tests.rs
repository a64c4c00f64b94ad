//! Every key, alias and refusal of `--mount`, and the JSON it becomes.

use std::path::Path;

use proptest::prelude::{ProptestConfig, proptest};
use serde_json::json;

use super::*;

fn parse(value: &str) -> MountRequest {
    long(value, Path::new("/cwd")).unwrap_or_else(|error| panic!("{value}: {error}"))
}

fn refused(value: &str) -> String {
    long(value, Path::new("/cwd")).expect_err(value).to_string()
}

fn as_json(value: &str) -> serde_json::Value {
    serde_json::to_value(parse(value)).unwrap()
}

#[test]
fn aliases_and_cases_of_keys_mean_the_same() {
    let wanted = json!({"Type": "bind", "Source": "/s", "Target": "/t", "ReadOnly": true});
    for value in [
        "type=bind,source=/s,target=/t,readonly",
        "type=bind,src=/s,dst=/t,ro",
        "type=bind,src=/s,destination=/t,ro=1",
        "TYPE=BIND,SOURCE=/s,TARGET=/t,READONLY=true",
        " type=bind,src=/s,dst=/t,ro=T ",
        "\"type=bind\",\"src=/s\",dst=/t,ro=TRUE",
    ] {
        assert_eq!(as_json(value), wanted, "{value}");
    }
}

#[test]
fn what_is_not_said_is_absent_from_the_json() {
    assert_eq!(as_json("target=/t"), json!({"Type": "volume", "Target": "/t"}));
    assert_eq!(as_json("type=tmpfs,target=/t,readonly=false"), json!({"Type": "tmpfs", "Target": "/t"}));
    assert_eq!(as_json("type=foo,dst=t"), json!({"Type": "foo", "Target": "t"}));
}

#[test]
fn the_later_of_two_equal_keys_counts() {
    assert_eq!(parse("src=a,src=b,dst=/x,target=/y").source, "b");
    assert_eq!(parse("src=a,src=b,dst=/x,target=/y").target, "/y");
    assert!(!parse("dst=/x,ro,ro=false").read_only);
}

#[test]
fn sources_with_a_dot_are_relative_to_the_working_directory() {
    for (source, wanted) in [
        (".", "/cwd"),
        ("./", "/cwd"),
        ("./a/../b", "/cwd/b"),
        ("..", "/"),
        ("../x", "/x"),
        (".hidden", "/cwd/.hidden"),
        ("rel", "rel"),
        ("~/x", "~/x"),
        ("/abs/./x", "/abs/./x"),
    ] {
        assert_eq!(parse(&format!("type=bind,src={source},dst=/t")).source, wanted, "{source}");
    }
}

#[test]
fn bind_options() {
    let options = |value: &str| as_json(&format!("type=bind,src=/s,dst=/t,{value}"))["BindOptions"].clone();
    assert_eq!(options("bind-propagation=RSlave"), json!({"Propagation": "rslave"}));
    assert_eq!(options("bind-propagation=foo"), json!({"Propagation": "foo"}));
    assert_eq!(options("bind-nonrecursive"), json!({"NonRecursive": true}));
    assert_eq!(options("bind-recursive=disabled"), json!({"NonRecursive": true}));
    assert_eq!(options("bind-recursive=enabled"), json!(null));
    assert_eq!(options("bind-recursive=writable,ro"), json!({"ReadOnlyNonRecursive": true}));
    assert_eq!(
        options("bind-recursive=readonly,ro,bind-propagation=rprivate"),
        json!({"Propagation": "rprivate", "ReadOnlyForceRecursive": true})
    );
    assert_eq!(options("bind-create-src"), json!({"CreateMountpoint": true}));
    assert_eq!(options("bind-create-src=0"), json!({}));
}

#[test]
fn recursive_read_only_needs_its_companions() {
    let base = "type=bind,src=/s,dst=/t,bind-recursive=";
    assert_eq!(
        refused(&format!("{base}foo")),
        "invalid value for bind-recursive: foo (must be \"enabled\", \"disabled\", \"writable\", or \"readonly\")"
    );
    assert_eq!(refused(&format!("{base}writable")), "option 'bind-recursive=writable' requires 'readonly' to be specified in conjunction");
    assert_eq!(refused(&format!("{base}readonly")), "option 'bind-recursive=readonly' requires 'readonly' to be specified in conjunction");
    assert_eq!(
        refused(&format!("{base}readonly,ro,bind-propagation=private")),
        "option 'bind-recursive=readonly' requires 'bind-propagation=rprivate' to be specified in conjunction"
    );
}

#[test]
fn volume_options_come_with_an_empty_driver_as_the_client_sends_them() {
    let options = |value: &str| as_json(&format!("src=v,dst=/t,{value}"))["VolumeOptions"].clone();
    assert_eq!(options("volume-nocopy"), json!({"NoCopy": true, "DriverConfig": {}}));
    assert_eq!(options("volume-subpath=a/b"), json!({"Subpath": "a/b", "DriverConfig": {}}));
    assert_eq!(
        options("volume-label=a=1,volume-label=b,volume-label=c=,volume-label==x"),
        json!({"Labels": {"a": "1", "b": "", "c": ""}, "DriverConfig": {}})
    );
    assert_eq!(
        options("volume-driver=local,volume-opt=type=nfs,\"volume-opt=o=addr=1.2.3.4,vers=4\",volume-opt=device=:/x"),
        json!({"DriverConfig": {"Name": "local", "Options": {"type": "nfs", "o": "addr=1.2.3.4,vers=4", "device": ":/x"}}})
    );
}

#[test]
fn tmpfs_and_image_options() {
    let tmpfs = |value: &str| as_json(&format!("type=tmpfs,dst=/t,{value}"))["TmpfsOptions"].clone();
    assert_eq!(tmpfs("tmpfs-size=1m,tmpfs-mode=0700"), json!({"SizeBytes": 1_048_576, "Mode": 0o700}));
    assert_eq!(tmpfs("tmpfs-size=1MB,tmpfs-mode=1777"), json!({"SizeBytes": 1_048_576, "Mode": 0o1777}));
    assert_eq!(tmpfs("tmpfs-noswap"), json!({"NoSwap": true}));
    assert_eq!(tmpfs("tmpfs-noswap=false"), json!({}));
    assert_eq!(as_json("type=image,src=i,dst=/t,image-subpath=usr")["ImageOptions"], json!({"Subpath": "usr"}));
    for value in ["x", "9", "-1", "+7", "0o7", "77777777777"] {
        assert_eq!(refused(&format!("type=tmpfs,dst=/t,tmpfs-mode={value}")), format!("invalid value for tmpfs-mode: {value}"));
    }
}

#[test]
fn options_of_another_type_do_not_mix() {
    for (value, group, kind) in [
        ("type=bind,src=/s,dst=/t,volume-nocopy", "volume", "bind"),
        ("type=tmpfs,dst=/t,bind-propagation=shared", "bind", "tmpfs"),
        ("dst=/t,tmpfs-size=1m", "tmpfs", "volume"),
        ("type=volume,dst=/t,image-subpath=x", "image", "volume"),
        ("type=foo,dst=/t,tmpfs-noswap", "tmpfs", "foo"),
    ] {
        assert_eq!(refused(value), format!("cannot mix '{group}-*' options with mount type '{kind}'"));
    }
}

#[test]
fn malformed_fields_are_named() {
    for (value, text) in [
        ("", "value is empty"),
        ("  ", "value is empty"),
        ("type=bind", "target is required"),
        ("type=volume,source=/foo", "target is required"),
        ("type=volume,target=/foo,bogus=foo", "unexpected key 'bogus' in 'bogus=foo'"),
        ("BOGUS=foo", "unexpected key 'bogus' in 'BOGUS=foo'"),
        ("type=volume,target=/foo,bogus", "invalid field 'bogus' must be a key=value pair"),
        ("type", "invalid field 'type' must be a key=value pair"),
        ("dst=/t,", "invalid field '' must be a key=value pair"),
        ("=x", "unexpected key '' in '=x'"),
        ("type=,dst=/t", "invalid value for 'type': value is empty"),
        ("type=bind,src =/s", "invalid option 'src' in 'src =/s': option should not have whitespace"),
        ("dst=/t,src= /foo", "invalid value for 'src' in 'src= /foo': value should not have whitespace"),
        ("dst=/t,tmpfs-size=1x", "invalid value for tmpfs-size: 1x"),
        (
            "dst=/t,ro=yes",
            "invalid value for 'ro': invalid boolean value (\"yes\"): must be one of \"true\", \"1\", \"false\", or \"0\" (default \"true\")",
        ),
        ("dst=/t\"x", "parse error on line 1, column 7: bare \" in non-quoted field"),
    ] {
        assert_eq!(refused(value), text, "{value}");
    }
}

#[test]
fn the_deprecated_key_is_warned_about() {
    let text = Some("bind-nonrecursive is deprecated, use bind-recursive=disabled instead");
    assert_eq!(long_warning("type=bind,src=/s,dst=/t,bind-nonrecursive=true"), text);
    assert_eq!(long_warning("type=bind,src=/s,dst=/t,bind-nonrecursive"), None);
    assert_eq!(long_warning("\""), None);
}

/// Writes a request the way a user would.
fn render(request: &MountRequest) -> String {
    let mut fields = vec![format!("type={}", request.kind), format!("target={}", request.target)];
    let mut push = |key: &str, value: &str| {
        if !value.is_empty() {
            fields.push(format!("{key}={value}"));
        }
    };
    push("source", &request.source);
    push("readonly", if request.read_only { "true" } else { "" });
    if let Some(bind) = &request.bind_options {
        push("bind-propagation", &bind.propagation);
        push("bind-create-src", if bind.create_mountpoint { "1" } else { "0" });
    }
    if let Some(volume) = &request.volume_options {
        push("volume-subpath", &volume.subpath);
        push("volume-nocopy", if volume.no_copy { "true" } else { "false" });
        for (key, value) in &volume.labels {
            push("volume-label", &format!("{key}={value}"));
        }
    }
    if let Some(tmpfs) = &request.tmpfs_options {
        push("tmpfs-size", &tmpfs.size_bytes.to_string());
        push("tmpfs-mode", &format!("{:o}", tmpfs.mode));
    }
    let quoted: Vec<String> = fields.iter().map(|field| format!("\"{}\"", field.replace('"', "\"\""))).collect();
    quoted.join(",")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_value_makes_it_panic(value in ".{0,60}") {
        drop(long(&value, Path::new("/cwd")));
    }

    #[test]
    fn no_field_makes_it_panic(value in "(type|src|dst|ro|tmpfs-size|volume-opt|bind-recursive)(=|=\"|,| )(bind|/x|\"\"|[0-9a-z]{1,4}|,)*") {
        drop(long(&value, Path::new("/cwd")));
        assert!(long_warning(&value).is_none_or(|text| text.contains("deprecated")));
    }

    #[test]
    fn what_is_rendered_is_read_back(target in "/[ -~]{0,20}[a-z]", source in "[a-z][ -~]{0,20}[a-z]", label in "[a-z]{1,5}", text in "[!-~]{1,10}", mode in 1u32..0o7777, size in 1i64..1 << 50, which in 0..3) {
        let mut request = MountRequest { target, source, read_only: size % 2 == 0, ..MountRequest::default() };
        match which {
            0 => {
                request.kind = MountType::Bind;
                request.bind_options = Some(BindOptions { propagation: "rslave".into(), create_mountpoint: mode % 2 == 0, ..BindOptions::default() });
            }
            1 => {
                let labels = [(label, text.clone())].into();
                request.volume_options = Some(VolumeOptions { no_copy: mode % 2 == 0, labels, subpath: text, driver_config: Some(DriverConfig::default()), ..VolumeOptions::default() });
            }
            _ => {
                request.kind = MountType::Tmpfs;
                request.tmpfs_options = Some(TmpfsOptions { size_bytes: size, mode, ..TmpfsOptions::default() });
            }
        }
        let read = long(&render(&request), Path::new("/cwd"));
        assert_eq!(read, Ok(request.clone()));
        let json = serde_json::to_string(&request).unwrap();
        assert_eq!(serde_json::from_str::<MountRequest>(&json).unwrap(), request);
    }
}
