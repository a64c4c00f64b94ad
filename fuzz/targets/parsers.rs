//! Parsers: text or bytes in, a value or a refusal out.

use std::io::{self, Cursor, Read};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use stead_base::filter::Filters;
use stead_base::layout::Root;
use stead_base::time::{self, Time};
use stead_base::{label, size};
use stead_engine::container::config::{Config, HostConfig, NetworkingConfig};
use stead_foreign::bolt::{Bucket, Item};
use stead_foreign::split::{Assembled, Files};
use stead_layer::Layers;
use stead_mount::parse::tmpfs::{check_target, options as options_of};
use stead_mount::parse::{self, short, tmpfs};
use stead_mount::{HostProbe, MountRequest, local};

/// A directory of this process in memory.
pub(crate) fn scratch(what: &str) -> PathBuf {
    let dir = PathBuf::from(format!("/dev/shm/stead-fuzz-{}-{what}", std::process::id()));
    std::fs::create_dir_all(&dir).unwrap();
    dir
}

/// Removes the directories of this process.
pub(crate) fn clean() {
    for what in ["layers", "journal", "engine"] {
        std::fs::remove_dir_all(scratch(what)).ok();
    }
}

/// The words of the command line and of `HostConfig`: `-v`, `--mount`, `--tmpfs`, `--volumes-from`, sizes, labels, times.
pub(crate) fn binds(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let here = Path::new("/here");
    if let Ok(request) = parse::long(text, here) {
        // What was understood can be written down and understood again.
        let json = serde_json::to_string(&request).unwrap();
        let again: MountRequest = serde_json::from_str(&json).unwrap();
        assert_eq!(serde_json::to_string(&again).unwrap(), json);
        drop(short::linux_spec(&request, &HostProbe));
    }
    let _warning = parse::long_warning(text);
    drop(parse::client(text, here));
    drop(short::linux_raw(text, "local"));
    drop(short::linux_anonymous(text, "local"));
    drop(parse::lcow::raw(text, "local", &HostProbe));
    drop(parse::windows::raw(text, "local", &HostProbe));
    drop(parse::windows::volumes_from(text));
    drop(parse::volumes_from(text));
    let (path, options) = tmpfs(text);
    drop(check_target(&path));
    drop(options_of(&options));
    drop(local::masked(text));
    drop(size::parse_ram(text));
    drop(label::split(text));
    let _nanos = time::parse_go_duration(text);
    let _moment = time::parse_moment(text, Time::from_nanos(0));
    drop(Filters::from_words(&[text]));
    drop(stead_image::Reference::parse(text).map(|name| (name.canonical(), name.familiar())));
}

/// The JSON of a container: what can be read can be written and read again.
pub(crate) fn bodies(data: &[u8]) {
    fn both<T: serde_json_bounds::Both>(data: &[u8]) {
        T::check(data);
    }
    both::<Config>(data);
    both::<HostConfig>(data);
    both::<NetworkingConfig>(data);
}

mod serde_json_bounds {
    //! The bound without naming serde, which is not a dependency of every crate that includes these targets.
    pub(super) trait Both {
        fn check(data: &[u8]);
    }
    macro_rules! both {
        ($($type:ty),*) => {
            $(impl Both for $type {
                fn check(data: &[u8]) {
                    if let Ok(value) = serde_json::from_slice::<$type>(data) {
                        let text = serde_json::to_string(&value).unwrap();
                        let again: $type = serde_json::from_str(&text).unwrap();
                        // Fractions lose a last digit at each reading; there are none in what Docker's clients send.
                        if !has_fraction(&serde_json::from_str(&text).unwrap()) {
                            assert_eq!(serde_json::to_string(&again).unwrap(), text);
                        }
                    }
                }
            })*
        };
    }

    fn has_fraction(value: &serde_json::Value) -> bool {
        match value {
            serde_json::Value::Number(number) => number.is_f64(),
            serde_json::Value::Array(list) => list.iter().any(has_fraction),
            serde_json::Value::Object(map) => map.values().any(has_fraction),
            _ => false,
        }
    }

    both!(super::Config, super::HostConfig, super::NetworkingConfig);
}

/// A bbolt file.
pub(crate) fn bolt(data: &[u8]) {
    fn walk(bucket: &Bucket<'_>, depth: usize) {
        for (key, item) in bucket.items().unwrap_or_default().into_iter().take(64) {
            match item {
                Item::Bucket(below) if depth < 3 => walk(&below, depth + 1),
                Item::Bucket(_) => {}
                Item::Value(value) => drop(std::hint::black_box((key.len(), value.len()))),
            }
        }
    }
    if let Ok(root) = stead_foreign::bolt::open(data) {
        walk(&root, 0);
    }
}

/// The rest of a layer's tar.
pub(crate) fn split(data: &[u8]) {
    struct Zeros;
    impl Files for Zeros {
        fn open(&mut self, _name: &[u8], size: u64) -> io::Result<Box<dyn Read + Send>> {
            Ok(Box::new(io::repeat(0).take(size)))
        }
    }
    // A file may have any size; nobody reads all of it.
    let mut tar = Assembled::new(Cursor::new(data), Zeros).take(1 << 20);
    drop(io::copy(&mut tar, &mut io::sink()));
}

/// Queries, filters in both forms, and paths.
pub(crate) fn filters(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    drop(stead_api::attend::query(text));
    if let Ok(filters) = stead_api::attend::filters(text) {
        drop((filters.is_empty(), filters.flag("dangling"), filters.labels(&Default::default())));
    }
    if let Ok(Some((_, params))) = stead_api::attend::path(first, rest) {
        assert!(params.iter().all(|(_, value)| !value.is_empty()));
    }
}

/// Frames between a monitor and its clients, and the multiplexed stream's own.
pub(crate) fn frames(data: &[u8]) {
    let mut rest = data;
    while let Some((head, after)) = rest.split_first_chunk() {
        let Some((kind, length)) = stead_monitor::protocol::parse_header(*head) else { return };
        assert_eq!(stead_monitor::protocol::parse_header(stead_monitor::protocol::header(kind, length)), Some((kind, length)));
        let (payload, next) = after.split_at(length.min(after.len()));
        drop(serde_json::from_slice::<stead_monitor::MonitorConfig>(payload));
        drop(serde_json::from_slice::<stead_monitor::State>(payload));
        drop(serde_json::from_slice::<stead_monitor::Exit>(payload));
        rest = next;
    }
}

/// Lines of a container's log.
pub(crate) fn log(data: &[u8]) {
    drop(std::hint::black_box(stead_monitor::log::json::decode(data)));
}

/// Configs of images.
pub(crate) fn image(data: &[u8]) {
    if let Ok(config) = stead_image::ImageConfig::parse(data) {
        let text = serde_json::to_string(&config).unwrap();
        assert_eq!(serde_json::to_string(&stead_image::ImageConfig::parse(text.as_bytes()).unwrap()).unwrap(), text);
    }
}

/// Layers: plain, gzip and zstd tars are unpacked whole or refused, and what was unpacked gives the same bytes back.
pub(crate) fn layer(data: &[u8]) {
    static LAYERS: OnceLock<Layers> = OnceLock::new();
    let layers = LAYERS.get_or_init(|| Layers::open(&Root::new(scratch("layers"))).unwrap());
    let _hold = layers.hold().unwrap();
    if let Ok(layer) = layers.unpack(&mut &*data, None) {
        let mut tar = Vec::new();
        layers.assemble(&layer.diff_id, &mut tar).unwrap();
        assert_eq!(tar.len() as u64, layer.tar_size);
        drop(_hold);
        layers.remove(&layer.diff_id, &|| true).unwrap();
    }
}

/// The journal of events.
pub(crate) fn journal(data: &[u8]) {
    static ROOT: OnceLock<Root> = OnceLock::new();
    let root = ROOT.get_or_init(|| {
        let root = Root::new(scratch("journal"));
        std::fs::create_dir_all(root.events()).unwrap();
        root
    });
    std::fs::write(root.events().join("journal.00000001"), data).unwrap();
    for event in stead_event::read(root, None, None) {
        drop(std::hint::black_box(event));
    }
}
