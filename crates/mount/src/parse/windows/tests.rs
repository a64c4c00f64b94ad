//! The path rules of Windows, beyond the tables.

use proptest::prelude::{ProptestConfig, proptest};

use super::*;

struct Directories;

impl Probe for Directories {
    fn look(&self, path: &str) -> Result<Option<Found>, String> {
        match path {
            p if p.contains("missing") => Ok(None),
            p if p.contains("denied") => Err("access is denied".to_owned()),
            p if p.contains("file") => Ok(Some(Found::Other)),
            _ => Ok(Some(Found::Directory)),
        }
    }
}

fn read(spec: &str) -> MountPoint {
    raw(spec, "", &Directories).unwrap_or_else(|error| panic!("{spec}: {error}"))
}

fn refused(spec: &str) -> String {
    raw(spec, "", &Directories).expect_err(spec).to_string()
}

#[test]
fn paths_are_lowered_turned_and_trimmed() {
    let point = read(r"C:/Data/Sub\:D:/Target/:RO");
    assert_eq!((point.source.as_str(), point.destination.as_str()), (r"c:\data\sub", r"d:\target"));
    assert_eq!((point.mode.as_str(), point.rw, point.copy_data), ("ro", false, false));
    let point = read(r"C:\:D:\");
    assert_eq!((point.source.as_str(), point.destination.as_str()), (r"c:\", r"d:\"));
    assert_eq!(read(r"\\?\C:\x:d:").source, r"\\?\c:\x");
}

#[test]
fn pipes_are_only_mounted_on_pipes() {
    assert_eq!(read(r"\\.\pipe\docker_engine:\\.\pipe\docker_engine").kind, MountType::Npipe);
    assert!(refused(r"\\.\pipe\a:d:").contains(r"'d:' is not a valid pipe path"));
    assert!(refused(r"\\.\pipe\a:\\.\pipe\b:ro").contains("field ReadOnly must not be specified"));
}

#[test]
fn sources_must_be_directories() {
    assert!(refused(r"c:\missing:d:").ends_with(r"bind source path does not exist: c:\missing"));
    assert!(refused(r"c:\file:d:").ends_with("source path must be a directory"));
    assert!(refused(r"c:\denied:d:").ends_with(r"stat c:\denied: access is denied"));
    assert_eq!(refused(r"c:\file"), r"file 'c:\file' cannot be mapped. Only directories can be mapped on this platform");
}

#[test]
fn names_are_file_names() {
    assert_eq!(check_volume_name("data"), Ok(()));
    assert_eq!(check_volume_name("con").unwrap_err().to_string(), "volume name \"con\" cannot be a reserved word for Windows filenames");
    for bad in ["", "a:b", "a\\b", "a/b", "a|b", "a\n"] {
        assert_eq!(check_volume_name(bad).unwrap_err().to_string(), "invalid volume name", "{bad:?}");
    }
    for fine in ["com0", "com10", "lpt", "console"] {
        assert_eq!(check_volume_name(fine), Ok(()), "{fine}");
    }
    assert_eq!(stored_volume_name("MiXeD"), "mixed");
}

#[test]
fn requests_are_checked_like_strings() {
    let request =
        |kind, source: &str, target: &str| MountRequest { kind, source: source.into(), target: target.into(), ..MountRequest::default() };
    let error = |request| spec(&request, &Directories).unwrap_err().to_string();
    assert_eq!(error(request(MountType::Tmpfs, "", "d:")), "invalid mount config for type \"tmpfs\": mount type unknown");
    assert_eq!(
        error(request(MountType::Bind, "x", "d:")),
        "invalid mount config for type \"bind\": invalid mount path: 'x' mount path must be absolute"
    );
    assert_eq!(error(request(MountType::Bind, r"c:\x", "")), "invalid mount config for type \"bind\": field Target must not be empty");
    assert_eq!(error(request(MountType::Volume, "v", "rel")), "invalid mount config for type \"volume\": invalid mount path: 'rel'");
    let mut shared = request(MountType::Bind, r"c:\x", "d:");
    shared.bind_options = Some(crate::BindOptions { propagation: "rshared".into(), ..Default::default() });
    assert_eq!(error(shared), "invalid mount config for type \"bind\": invalid propagation mode: rshared");
    for (subpath, local) in [("a\\b", true), ("..\\x", false), ("c:\\x", false), ("\\x", false), ("a\\..\\b", true), ("a\\NUL.txt", false)]
    {
        let mut volume = request(MountType::Volume, "v", "d:");
        volume.volume_options = Some(VolumeOptions { subpath: subpath.into(), ..Default::default() });
        assert_eq!(spec(&volume, &Directories).is_ok(), local, "{subpath}");
    }
}

#[test]
fn what_does_not_exist_there_is_refused() {
    assert_eq!(check_tmpfs().unwrap_err().to_string(), "windows does not support tmpfs");
    assert!(volumes_from("c:RO").unwrap().read_only);
    for mode in ["z", "nocopy", "rshared", "ro,z"] {
        assert_eq!(volumes_from(&format!("c:{mode}")).unwrap_err().to_string(), format!("invalid mode: {mode}"));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn nothing_makes_it_panic(text in ".{0,40}") {
        drop(raw(&text, "local", &Directories));
        drop(crate::parse::lcow::raw(&text, "local", &Directories));
        drop(check_volume_name(&text));
    }

    #[test]
    fn shapes_near_the_grammar_do_not_panic_and_keep_their_parts(text in "(c:|d:|\\\\|/|a|con|\\.|pipe|:|ro|rw|\\?){1,14}") {
        if let Ok(point) = raw(&text, "", &Directories) {
            assert!(!point.destination.is_empty());
            assert_eq!(point.kind == MountType::Volume, point.source.is_empty());
        }
        drop(crate::parse::lcow::raw(&text, "", &Directories));
    }
}
