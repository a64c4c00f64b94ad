//! Where the test images are, and how they come to be: `images/build.sh` makes them once from Debian packages.
use std::path::{Path, PathBuf};
use std::sync::Mutex;

/// The directory of the image archives: `$STEAD_IMAGES`, or the machine's cache.
pub fn images_dir() -> PathBuf {
    std::env::var_os("STEAD_IMAGES").map_or_else(|| PathBuf::from("/var/cache/stead-images"), PathBuf::from)
}

/// The docker-archive of the image `name` ("busybox", "redis", "hostile-dev"...), built now when it is not there yet.
pub fn image_tar(name: &str) -> PathBuf {
    static BUILD: Mutex<()> = Mutex::new(());
    let tar = images_dir().join(format!("{name}.tar"));
    let _one = BUILD.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if !tar.exists() {
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../images/build.sh");
        let wanted = if name.starts_with("hostile-") { "hostile" } else { name.split("-3.").next().unwrap_or(name) };
        let built = std::process::Command::new("bash").arg(script).arg(wanted).output().unwrap();
        assert!(built.status.success() && tar.exists(), "image {name} cannot be built: {}", String::from_utf8_lossy(&built.stderr));
    }
    tar
}
