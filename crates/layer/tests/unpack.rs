//! Layers unpacked for real, as root: what lands on disk, what is refused, and whether the same bytes come back.

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};
    use std::collections::BTreeMap;
    use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt};
    use std::path::{Path, PathBuf};
    use stead_base::layout::Root;
    use stead_base::{Digest, Kind};
    use stead_layer::{Error, Layers};
    use stead_testkit::hostile;

    /// A root of its own, removed at the end.
    struct Place(PathBuf);

    impl Place {
        fn new(name: &str) -> Self {
            let path = PathBuf::from(format!("/var/tmp/stead-layer-{name}-{}", std::process::id()));
            std::fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn layers(&self) -> Layers {
            Layers::open(&Root::new(&self.0)).unwrap()
        }

        fn diff(&self, id: &Digest) -> PathBuf {
            self.0.join("layers").join(id.hex()).join("diff")
        }
    }

    impl Drop for Place {
        fn drop(&mut self) {
            let parent = std::fs::File::open("/var/tmp").unwrap();
            stead_sys::tree::remove_tree(&parent, self.0.file_name().unwrap()).unwrap();
        }
    }

    /// A tar builder that is only as clever as the tests need.
    #[derive(Default)]
    struct Tar(Vec<u8>);

    impl Tar {
        fn raw(mut self, name: &str, kind: u8, mode: u32, link: &str, data: &[u8]) -> Self {
            let mut h = tar::Header::new_ustar();
            let bytes = h.as_mut_bytes();
            bytes[..name.len()].copy_from_slice(name.as_bytes());
            bytes[157..157 + link.len()].copy_from_slice(link.as_bytes());
            bytes[156] = kind;
            h.set_mode(mode);
            h.set_uid(7);
            h.set_gid(8);
            h.set_mtime(1_000_000_000);
            h.set_size(data.len() as u64);
            if matches!(kind, b'3' | b'4') {
                h.set_device_major(1).unwrap();
                h.set_device_minor(3).unwrap();
            }
            h.set_cksum();
            self.0.extend_from_slice(h.as_bytes());
            self.0.extend_from_slice(data);
            self.0.resize(self.0.len().next_multiple_of(512), 0);
            self
        }
        fn file(self, name: &str, data: &str) -> Self {
            self.raw(name, b'0', 0o644, "", data.as_bytes())
        }
        fn dir(self, name: &str) -> Self {
            self.raw(name, b'5', 0o755, "", b"")
        }
        fn link(self, name: &str, to: &str) -> Self {
            self.raw(name, b'1', 0o644, to, b"")
        }
        fn sym(self, name: &str, to: &str) -> Self {
            self.raw(name, b'2', 0o777, to, b"")
        }
        fn pax(self, records: &[(&str, &[u8])]) -> Self {
            let mut body = Vec::new();
            for (key, value) in records {
                let rest = key.len() + value.len() + 3;
                let mut len = rest + 1;
                while len != rest + len.to_string().len() {
                    len = rest + len.to_string().len();
                }
                body.extend_from_slice(format!("{len} {key}=").as_bytes());
                body.extend_from_slice(value);
                body.push(b'\n');
            }
            self.raw("pax", b'x', 0o644, "", &body)
        }
        fn end(mut self) -> Vec<u8> {
            self.0.resize(self.0.len() + 1024, 0);
            self.0
        }
    }

    fn digest(bytes: &[u8]) -> Digest {
        Digest::from_bytes(&Sha256::digest(bytes).into())
    }

    /// Unpacks, checks that the exact bytes come back, and answers where the files are.
    fn round_trip(place: &Place, tar: &[u8]) -> PathBuf {
        let want = digest(tar);
        let layer = place.layers().unpack(&mut &tar[..], Some(&want)).unwrap();
        assert_eq!(layer.diff_id, want);
        assert_eq!(layer.tar_size, tar.len() as u64);
        let mut back = Vec::new();
        place.layers().assemble(&want, &mut back).unwrap();
        assert!(back == tar, "the rebuilt tar differs");
        place.diff(&want)
    }

    fn read(path: &Path) -> String {
        std::fs::read_to_string(path).unwrap()
    }

    fn xattr(path: &Path, name: &str) -> Option<Vec<u8>> {
        let mut value = vec![0; 256];
        let n = rustix::fs::lgetxattr(path, name, &mut value[..]).ok()?;
        value.truncate(n);
        Some(value)
    }

    #[test]
    fn every_kind_of_entry_lands_with_its_attributes() {
        let place = Place::new("kinds");
        let cap: &[u8] = &[1, 0, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        let tar = Tar::default()
            .raw("./", b'5', 0o750, "", b"")
            .dir("d/")
            .pax(&[("mtime", b"1234567890.123456789"), ("SCHILY.xattr.user.k", b"v"), ("SCHILY.xattr.security.capability", cap)])
            .raw("d/f", b'0', 0o4755, "", b"text")
            .pax(&[("SCHILY.xattr.trusted.overlay.redirect", b"/x"), ("SCHILY.xattr.user.overlay.opaque", b"y")])
            .file("plain", "p")
            .link("d/hard", "d/f")
            .sym("s", "d/f")
            .raw("null", b'3', 0o666, "", b"")
            .raw("fifo", b'6', 0o600, "", b"")
            .file("implied/deep/er", "e")
            .end();
        let diff = round_trip(&place, &tar);
        let root = std::fs::metadata(&diff).unwrap();
        assert_eq!((root.mode() & 0o7777, root.uid(), root.mtime()), (0o750, 7, 1_000_000_000));
        let f = std::fs::metadata(diff.join("d/f")).unwrap();
        assert_eq!((f.mode() & 0o7777, f.uid(), f.gid(), f.nlink()), (0o4755, 7, 8, 2));
        assert_eq!((f.mtime(), f.mtime_nsec()), (1_234_567_890, 123_456_789));
        assert_eq!(xattr(&diff.join("d/f"), "user.k").as_deref(), Some(&b"v"[..]));
        assert_eq!(xattr(&diff.join("d/f"), "security.capability").as_deref(), Some(cap));
        assert_eq!(xattr(&diff.join("plain"), "trusted.overlay.redirect"), None);
        assert_eq!(xattr(&diff.join("plain"), "user.overlay.opaque"), None);
        assert_eq!(std::fs::metadata(diff.join("d")).unwrap().mtime(), 1_000_000_000, "times of directories are set last");
        assert_eq!(std::fs::read_link(diff.join("s")).unwrap(), Path::new("d/f"));
        assert_eq!(std::fs::symlink_metadata(diff.join("s")).unwrap().uid(), 7);
        let null = std::fs::metadata(diff.join("null")).unwrap();
        assert!(null.file_type().is_char_device());
        assert_eq!((null.rdev(), null.mode() & 0o777), (rustix::fs::makedev(1, 3), 0o666));
        assert!(std::fs::metadata(diff.join("fifo")).unwrap().file_type().is_fifo());
        assert_eq!(std::fs::metadata(diff.join("implied/deep")).unwrap().permissions().mode() & 0o777, 0o755);
    }

    #[test]
    fn whiteouts_become_overlay_whiteouts() {
        let place = Place::new("whiteouts");
        let tar = Tar::default()
            .dir("d")
            .file("d/.wh.gone", "")
            .file("deep/er/.wh.gone", "")
            .dir("o")
            .file("o/.wh..wh..opq", "")
            .file("o/new", "n")
            .file(".wh..wh.plnk", "ignored but kept")
            .file(".wh.replaced", "")
            .dir("replaced")
            .file("replaced/in", "i")
            .file("kept", "k")
            .file(".wh.kept", "")
            .end();
        let diff = round_trip(&place, &tar);
        for gone in ["d/gone", "deep/er/gone"] {
            let meta = std::fs::symlink_metadata(diff.join(gone)).unwrap();
            assert!(meta.file_type().is_char_device() && meta.rdev() == 0, "{gone}");
        }
        assert_eq!(xattr(&diff.join("o"), "trusted.overlay.opaque").as_deref(), Some(&b"y"[..]));
        assert_eq!(xattr(&diff.join("replaced"), "trusted.overlay.opaque").as_deref(), Some(&b"y"[..]));
        assert_eq!(xattr(&diff.join("d"), "trusted.overlay.opaque"), None);
        assert_eq!(read(&diff.join("kept")), "k", "a whiteout speaks of lower layers only");
        assert!(!diff.join(".wh..wh.plnk").exists());
    }

    #[test]
    fn a_later_entry_replaces_an_earlier_one_and_the_bytes_still_come_back() {
        let place = Place::new("duplicates");
        let tar = Tar::default()
            .file("f", "first")
            .file("f", "second")
            .dir("d")
            .file("d/x", "below")
            .link("h", "d/x")
            .sym("d", "elsewhere")
            .dir("d")
            .file("d/x", "again")
            .sym("lib", "usr/lib")
            .dir("usr/lib")
            .file("lib/so", "through the link")
            .end();
        let diff = round_trip(&place, &tar);
        assert_eq!(read(&diff.join("f")), "second");
        assert_eq!(read(&diff.join("d/x")), "again");
        assert_eq!(read(&diff.join("h")), "below");
        assert_eq!(read(&diff.join("usr/lib/so")), "through the link");
    }

    #[test]
    fn gzip_zstd_and_wrong_digests() {
        let place = Place::new("codecs");
        let tar = Tar::default().file("f", &"x".repeat(100_000)).end();
        let want = digest(&tar);
        let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        std::io::Write::write_all(&mut gz, &tar).unwrap();
        for bytes in [gz.finish().unwrap(), zstd::encode_all(&tar[..], 1).unwrap()] {
            assert_eq!(place.layers().unpack(&mut &bytes[..], Some(&want)).unwrap().diff_id, want);
        }
        let other = digest(b"other");
        let error = place.layers().unpack(&mut &tar[..], Some(&other)).unwrap_err();
        assert!(matches!(error, Error::WrongDigest { .. }), "{error}");
        assert_eq!(error.kind(), Kind::Invalid);
        assert!(place.layers().unpack(&mut &tar[..1300], None).is_err(), "a cut tar is refused");
        assert_eq!(place.layers().list().unwrap(), std::slice::from_ref(&want));
        assert_eq!(std::fs::read_dir(place.0.join("layers/.staging")).unwrap().count(), 0, "failures leave nothing");
        assert!(!place.layers().remove(&want, &|| false).unwrap());
        let hold = place.layers().hold().unwrap();
        assert!(!place.layers().remove(&want, &|| true).unwrap(), "held layers stay");
        drop(hold);
        assert!(place.layers().remove(&want, &|| true).unwrap());
        assert_eq!(place.layers().get(&want).unwrap(), None);
    }

    #[test]
    fn what_a_crash_left_is_swept_and_nothing_else() {
        let place = Place::new("recover");
        let layers = place.layers();
        let tar = Tar::default().file("f", "x").end();
        let layer = layers.unpack(&mut &tar[..], None).unwrap();
        std::fs::create_dir_all(place.0.join("layers/.staging/dead/diff/a")).unwrap();
        std::fs::create_dir_all(place.0.join("layers/.trash/dead2")).unwrap();
        let hold = layers.hold().unwrap();
        assert!(layers.recover().unwrap().is_empty(), "somebody may be unpacking");
        drop(hold);
        assert_eq!(layers.recover().unwrap(), ["dead", "dead2"]);
        assert_eq!(layers.list().unwrap(), [layer.diff_id]);
    }

    #[test]
    fn a_changed_file_is_noticed_when_the_tar_is_rebuilt() {
        let place = Place::new("changed");
        let tar = Tar::default().file("f", "right").end();
        let layer = place.layers().unpack(&mut &tar[..], None).unwrap();
        let mut file = std::fs::OpenOptions::new().write(true).open(place.diff(&layer.diff_id).join("f")).unwrap();
        std::io::Write::write_all(&mut file, b"wrong").unwrap();
        let error = place.layers().assemble(&layer.diff_id, &mut std::io::sink()).unwrap_err();
        assert!(matches!(error, Error::WrongDigest { .. }));
        let missing = digest(b"none");
        assert!(matches!(place.layers().assemble(&missing, &mut std::io::sink()), Err(Error::Missing(_))));
    }

    /// Everything below `dir` with mode, size, time and content.
    fn snapshot(dir: &Path) -> BTreeMap<PathBuf, (u32, u64, i64, Vec<u8>)> {
        let mut all = BTreeMap::new();
        let mut waiting = vec![dir.to_path_buf()];
        while let Some(path) = waiting.pop() {
            let meta = std::fs::symlink_metadata(&path).unwrap();
            if meta.is_dir() {
                waiting.extend(std::fs::read_dir(&path).unwrap().map(|e| e.unwrap().path()));
            }
            let data = if meta.is_file() { std::fs::read(&path).unwrap() } else { Vec::new() };
            all.insert(path, (meta.mode(), meta.len(), meta.ctime_nsec(), data));
        }
        all
    }

    #[test]
    fn forty_hostile_archives_leave_the_canary_alone() {
        let place = Place::new("hostile");
        let canary = place.0.join("canary");
        std::fs::create_dir_all(canary.join("sub")).unwrap();
        std::fs::File::create(canary.join("secret")).and_then(|mut f| std::io::Write::write_all(&mut f, b"secret")).unwrap();
        let before = snapshot(&canary);
        let outside = canary.to_str().unwrap();
        let mut refused = 0;
        for vector in hostile::vectors(outside) {
            let root = Place(place.0.join(vector.name.replace('/', "_")));
            std::fs::create_dir_all(&root.0).unwrap();
            match root.layers().unpack(&mut &vector.tar[..], None) {
                Ok(layer) => {
                    let mut back = Vec::new();
                    root.layers().assemble(&layer.diff_id, &mut back).unwrap_or_else(|e| panic!("{}: {e}", vector.name));
                    assert!(back == vector.tar, "{}", vector.name);
                }
                Err(error) => {
                    refused += 1;
                    assert_ne!(error.kind(), Kind::NoSpace, "{}: {error}", vector.name);
                    assert_eq!(root.layers().list().unwrap(), [], "{}", vector.name);
                    assert_eq!(std::fs::read_dir(root.0.join("layers/.staging")).unwrap().count(), 0, "{}", vector.name);
                }
            }
            assert!(snapshot(&canary) == before, "{} reached the canary", vector.name);
            std::mem::forget(root);
        }
        assert!(refused >= 15, "only {refused} were refused");
    }

    #[test]
    fn ambiguous_and_oversized_archives_are_refused() {
        let place = Place::new("ambiguous");
        let cases: [(&str, Vec<u8>); 6] = [
            ("content of a symlink", Tar::default().raw("s", b'2', 0o777, "x", b"data").end()),
            ("content of a directory", Tar::default().raw("d", b'5', 0o755, "", b"data").end()),
            ("hard link to nothing", Tar::default().link("h", "missing").end()),
            ("hard link to a directory", Tar::default().dir("d").link("h", "d").end()),
            ("PAX sparse file", Tar::default().pax(&[("GNU.sparse.major", b"1")]).file("f", "x").end()),
            ("value beyond 64 KiB", Tar::default().pax(&[("SCHILY.xattr.user.a", &[b'v'; 70_000])]).file("f", "x").end()),
        ];
        for (what, tar) in cases {
            let error = place.layers().unpack(&mut &tar[..], None).expect_err(what);
            assert_eq!(error.kind(), Kind::Invalid, "{what}: {error}");
        }
        let huge = Tar::default().pax(&[("SCHILY.xattr.user.a", &vec![b'v'; 4 << 20])]).file("f", "x").end();
        assert!(place.layers().unpack(&mut &huge[..], None).is_err(), "a header of megabytes is not read into memory");
    }

    #[test]
    fn two_at_once_end_with_one_layer() {
        let place = Place::new("twice");
        let tar = Tar::default().file("f", &"data".repeat(50_000)).end();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| place.layers().unpack(&mut &tar[..], None).unwrap());
            }
        });
        assert_eq!(place.layers().list().unwrap().len(), 1);
        assert_eq!(std::fs::read_dir(place.0.join("layers/.staging")).unwrap().count(), 0);
    }
}
