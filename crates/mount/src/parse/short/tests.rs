//! `-v` on both sides: what the client makes of it and what the engine does.

use proptest::prelude::{ProptestConfig, proptest};

use super::*;

fn client_of(spec: &str) -> Result<Short, String> {
    client(spec, Path::new("/cwd")).map_err(|e| e.to_string())
}

fn bind(spec: &str) -> Result<Short, String> {
    Ok(Short::Bind(spec.to_owned()))
}

fn anonymous(spec: &str) -> Result<Short, String> {
    Ok(Short::Anonymous(spec.to_owned()))
}

fn raw_error(raw: &str) -> String {
    linux_raw(raw, "").expect_err(raw).to_string()
}

#[test]
fn the_client_tells_sources_from_targets() {
    for spec in ["/x", ".", "/a", "d:", r"d:\x", "e:/data", "é", "name"] {
        assert_eq!(client_of(spec), anonymous(spec), "{spec}");
    }
    for spec in ["v:/x", "vol:/x", "/h:/x:ro,z", "~/x:/y", "vol:/x:bogus", r"c:\a:d:", r"\\.\pipe\a:/x"] {
        let wanted = if spec == "v:/x" { anonymous(spec) } else { bind(spec) };
        assert_eq!(client_of(spec), wanted, "{spec}");
    }
}

#[test]
fn host_paths_with_a_dot_become_absolute() {
    assert_eq!(client_of("./a:/x"), bind("/cwd/a:/x"));
    assert_eq!(client_of(".:/x:ro"), bind("/cwd:/x:ro"));
    assert_eq!(client_of("../b/./c:/x"), bind("/b/c:/x"));
    assert_eq!(client_of("~/a:/x"), bind("~/a:/x"));
}

#[test]
fn the_client_refuses_what_has_no_shape() {
    for (spec, text) in [
        ("", "invalid empty volume spec"),
        ("/a:/b:/c:/d", "invalid spec: /a:/b:/c:/d: too many colons"),
        ("/a:/b:ro:", "invalid spec: /a:/b:ro:: too many colons"),
        ("/a::ro", "invalid spec: /a::ro: empty section between colons"),
        (":/a", "invalid spec: :/a: empty section between colons"),
        ("/ab:", "invalid spec: /ab:: empty section between colons"),
        (":::", "invalid spec: :::: empty section between colons"),
    ] {
        assert_eq!(client_of(spec), Err(text.to_owned()), "{spec}");
    }
}

#[test]
fn options_of_the_wrong_kind_are_named_in_the_envelope() {
    assert_eq!(
        raw_error("/h:/x:nocopy"),
        "invalid volume specification: '/h:/x:nocopy': invalid mount config for type \"bind\": field VolumeOptions must not be specified"
    );
    assert_eq!(
        raw_error("vol:/x:rshared"),
        "invalid volume specification: 'vol:/x:rshared': invalid mount config for type \"volume\": field BindOptions must not be specified"
    );
    assert_eq!(raw_error("vol:/x:bogus"), "invalid mode: bogus");
    assert_eq!(raw_error("/x:ro"), "invalid volume specification: '/x:ro'");
    assert_eq!(raw_error("/a:/b:ro:x"), "invalid volume specification: '/a:/b:ro:x'");
    assert_eq!(
        raw_error("vol:/"),
        "invalid volume specification: 'vol:/': invalid mount config for type \"volume\": invalid specification: destination can't be '/'"
    );
    assert_eq!(
        raw_error("vol:/../."),
        "invalid volume specification: 'vol:/../.': invalid mount config for type \"volume\": invalid specification: destination can't be '/'"
    );
}

#[test]
fn volumes_take_the_default_driver_and_flags() {
    let point = linux_raw("vol:/x/../y/:ro,nocopy,Z", "nfs").unwrap();
    assert_eq!((point.name.as_str(), point.destination.as_str(), point.driver.as_str()), ("vol", "/y", "nfs"));
    assert_eq!((point.rw, point.copy_data, point.mode.as_str()), (false, false, "ro,nocopy,Z"));
    let point = linux_raw("/a//b/:/y", "nfs").unwrap();
    assert_eq!((point.source.as_str(), point.driver.as_str(), point.skip_source_creation), ("/a/b", "", false));
    assert_eq!(point.propagation, Propagation::RPrivate);
}

#[test]
fn anonymous_volumes_are_paths_and_nothing_else() {
    let point = linux_anonymous("/a:b/", "").unwrap();
    assert_eq!((point.destination.as_str(), point.name.as_str(), point.copy_data), ("/a:b", "", true));
    assert!(point.is_anonymous_volume());
    assert_eq!(
        linux_anonymous("e:/data", "").unwrap_err().to_string(),
        "invalid volume specification: 'e:/data': invalid mount config for type \"volume\": invalid mount path: 'e:/data' mount path must be absolute"
    );
    for bad in ["", ".", "/", "//", "a"] {
        assert!(linux_anonymous(bad, "").is_err(), "{bad:?}");
    }
}

#[test]
fn the_mode_of_a_named_local_volume_is_z_unless_given() {
    let mut point = linux_raw("vol:/x", "").unwrap();
    point.set_volume("vol", "local", "/r/volumes/vol/_data");
    assert_eq!(point.mode, "z");
    let mut point = linux_raw("vol:/x:rw", "").unwrap();
    point.set_volume("vol", "local", "/r");
    assert_eq!(point.mode, "rw");
    let mut point = linux_raw("vol:/x", "nfs").unwrap();
    point.set_volume("vol", "nfs", "/r");
    assert_eq!(point.mode, "");
    let mut point = linux_anonymous("/x", "").unwrap();
    point.set_volume("0123", "local", "/r");
    assert_eq!((point.mode.as_str(), point.name.as_str()), ("", "0123"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_makes_either_side_panic(spec in ".{0,40}") {
        drop(client(&spec, Path::new("/cwd")));
        drop(linux_raw(&spec, "local"));
        drop(linux_anonymous(&spec, ""));
    }

    #[test]
    fn what_the_engine_accepts_is_clean_and_below_the_root(spec in "(/|\\.|\\.\\.|a|:|ro|,|z|shared|nocopy){1,12}") {
        if let Ok(point) = linux_raw(&spec, "") {
            assert!(point.destination.starts_with('/') && point.destination.len() > 1);
            assert!(!Path::new(&point.destination).components().any(|c| c == std::path::Component::ParentDir));
            let again = linux_raw(&format!("{}:{}{}{}", if point.source.is_empty() { &point.name } else { &point.source }, point.destination, if point.mode.is_empty() { "" } else { ":" }, point.mode), "");
            if !point.name.is_empty() || !point.source.is_empty() {
                let again = again.unwrap();
                assert_eq!((again.destination, again.rw, again.mode), (point.destination, point.rw, point.mode));
            }
        }
    }
}
