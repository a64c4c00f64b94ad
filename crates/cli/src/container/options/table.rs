//! The options of `run` and `create`: all of Docker 28's, so that an unknown one is unknown to Docker too.

use super::health::check_duration;
use super::values;
use crate::command::parse::{check_int, check_uint16};
use crate::command::{Completes, Flag, any, list, switch, text, value};

pub(crate) fn ram(value: &str) -> Result<(), String> {
    values::ram(value).map(drop)
}

pub(crate) fn ram_or_unlimited(value: &str) -> Result<(), String> {
    values::ram_or_unlimited(value).map(drop)
}

pub(crate) fn cpus(value: &str) -> Result<(), String> {
    values::nano_cpus(value).map(drop)
}

fn weight(value: &str) -> Result<(), String> {
    values::weight_device(value).map(drop)
}

fn bytes_rate(value: &str) -> Result<(), String> {
    values::throttle(value, values::ram).map(drop)
}

fn count_rate(value: &str) -> Result<(), String> {
    values::throttle(value, values::count).map(drop)
}

fn gpus(value: &str) -> Result<(), String> {
    values::gpu_request(value).map(drop)
}

fn ulimit(value: &str) -> Result<(), String> {
    values::ulimit(value).map(drop)
}

fn mount(value: &str) -> Result<(), String> {
    // Relative sources are made absolute later, against the real working directory; the grammar does not depend on it.
    stead_mount::parse::long(value, std::path::Path::new("/")).map(drop).map_err(|e| e.to_string())
}

fn guard(word: &str) -> Result<(), String> {
    let known = stead_engine::container::guard::Guard::from_word(word);
    known.map(drop).ok_or_else(|| format!("{word}: it is warn, refuse or off"))
}

/// Files and devices the container sees.
pub(crate) const STORAGE: [Flag; 13] = [
    list("device", None, "Add a host device to the container").offers(Completes::Files),
    value("device-cgroup-rule", None, "list", values::check_device_rule, "Add a rule to the cgroup allowed devices list"),
    value("mount", None, "mount", mount, "Attach a filesystem mount to the container (type=bind|volume|tmpfs|image,source=...,target=...)"),
    switch("read-only", None, "Mount the container's root filesystem as read only"),
    switch("renew-anon-volumes", None, "Make new anonymous volumes, also where a removed container of the same name left some"),
    value("shm-size", None, "bytes", ram, "Size of /dev/shm"),
    list("storage-opt", None, "Storage driver options for the container"),
    list("tmpfs", None, "Mount a tmpfs directory (PATH[:OPTIONS])"),
    list("volume", Some('v'), "Bind mount a volume ([SOURCE:]TARGET[:OPTIONS])").offers(Completes::Volumes),
    text("volume-driver", None, "Optional volume driver for the container").offers(Completes::Words(&["local"])),
    value("volume-guard", None, "mode", guard, "What to do when data would go to an anonymous volume (warn, refuse or off)")
        .offers(Completes::Words(&["warn", "refuse", "off"])),
    list("volumes-from", None, "Mount volumes from the specified container(s)").offers(Completes::Containers),
    switch("use-api-socket", None, "Bind mount Docker API socket and required auth").hidden(),
];

/// What runs, as whom, with which surroundings.
pub(crate) const PROCESS: [Flag; 22] = [
    value("attach", Some('a'), "list", values::check_stream, "Attach to STDIN, STDOUT or STDERR"),
    list("cap-add", None, "Add Linux capabilities"),
    list("cap-drop", None, "Drop Linux capabilities"),
    text("domainname", None, "Container NIS domain name"),
    text("entrypoint", None, "Overwrite the default ENTRYPOINT of the image"),
    value("env", Some('e'), "list", values::check_env, "Set environment variables"),
    list("env-file", None, "Read in a file of environment variables").offers(Completes::Files),
    list("group-add", None, "Add additional groups to join"),
    text("hostname", Some('h'), "Container host name"),
    switch("init", None, "Run an init inside the container that forwards signals and reaps processes"),
    switch("interactive", Some('i'), "Keep STDIN open even if not attached"),
    value("oom-score-adj", None, "int", check_int, "Tune host's OOM preferences (-1000 to 1000)"),
    switch("privileged", None, "Give extended privileges to this container"),
    text("runtime", None, "Runtime to use for this container (ours, crun, or the path of an OCI runtime)"),
    list("security-opt", None, "Security Options (no-new-privileges, seccomp=FILE|unconfined, systempaths=unconfined)"),
    text("stop-signal", None, "Signal to stop the container"),
    value("stop-timeout", None, "int", check_int, "Timeout (in seconds) to stop a container"),
    value("sysctl", None, "map", values::check_sysctl, "Sysctl options").or("map[]"),
    switch("tty", Some('t'), "Allocate a pseudo-TTY"),
    value("ulimit", None, "ulimit", ulimit, "Ulimit options").or("[]"),
    text("user", Some('u'), "Username or UID (format: <name|uid>[:<group|gid>])"),
    text("workdir", Some('w'), "Working directory inside the container"),
];

/// How it is kept, named and described.
pub(crate) const RECORD: [Flag; 22] = [
    value("annotation", None, "map", any, "Add an annotation to the container (passed through to the OCI runtime)").or("map[]"),
    text("cidfile", None, "Write the container ID to the file").offers(Completes::Files),
    switch("disable-content-trust", None, "Skip image verification").or("true").hidden(),
    text("isolation", None, "Container isolation technology").hidden(),
    value("label", Some('l'), "list", values::check_label, "Set meta data on a container"),
    list("label-file", None, "Read in a line delimited file of labels").offers(Completes::Files),
    text("log-driver", None, "Logging driver for the container").offers(Completes::Words(&["json-file", "none"])),
    list("log-opt", None, "Log driver options (max-size=10m, max-file=3)"),
    text("name", None, "Assign a name to the container"),
    text("platform", None, "Set platform if server is multi-platform capable"),
    text("pull", None, "Pull image before running (\"always\", \"missing\", \"never\")")
        .or("\"missing\"")
        .offers(Completes::Words(&["always", "missing", "never"])),
    switch("quiet", Some('q'), "Suppress the pull output"),
    text("restart", None, "Restart policy to apply when a container exits (no, on-failure[:TRIES], always, unless-stopped)")
        .or("\"no\"")
        .offers(Completes::Words(&["no", "on-failure", "always", "unless-stopped"])),
    switch("rm", None, "Automatically remove the container and its associated anonymous volumes when it exits"),
    text("health-cmd", None, "Command to run to check health"),
    value("health-interval", None, "duration", check_duration, "Time between running the check (ms|s|m|h) (default 0s)"),
    value("health-retries", None, "int", check_int, "Consecutive failures needed to report unhealthy"),
    value(
        "health-start-interval",
        None,
        "duration",
        check_duration,
        "Time between running the check during the start period (ms|s|m|h) (default 0s)",
    ),
    value(
        "health-start-period",
        None,
        "duration",
        check_duration,
        "Start period for the container to initialize before starting health-retries countdown (ms|s|m|h) (default 0s)",
    ),
    value("health-timeout", None, "duration", check_duration, "Maximum time to allow one check to run (ms|s|m|h) (default 0s)"),
    switch("no-healthcheck", None, "Disable any container-specified HEALTHCHECK"),
    value("expose", None, "list", any, "Expose a port or a range of ports"),
];

/// What it may use.
pub(crate) const RESOURCES: [Flag; 23] = [
    value("blkio-weight", None, "uint16", check_uint16, "Block IO (relative weight), between 10 and 1000, or 0 to disable").or("0"),
    text("cgroup-parent", None, "Optional parent cgroup for the container"),
    value("cpu-period", None, "int", check_int, "Limit CPU CFS (Completely Fair Scheduler) period"),
    value("cpu-quota", None, "int", check_int, "Limit CPU CFS (Completely Fair Scheduler) quota"),
    value("cpu-shares", Some('c'), "int", check_int, "CPU shares (relative weight)"),
    value("cpus", None, "decimal", cpus, "Number of CPUs"),
    text("cpuset-cpus", None, "CPUs in which to allow execution (0-3, 0,1)"),
    text("cpuset-mems", None, "MEMs in which to allow execution (0-3, 0,1)"),
    value("kernel-memory", None, "bytes", ram, "Kernel memory limit").hidden(),
    value("memory", Some('m'), "bytes", ram, "Memory limit"),
    value("memory-reservation", None, "bytes", ram, "Memory soft limit"),
    value("memory-swap", None, "bytes", ram_or_unlimited, "Swap limit equal to memory plus swap: '-1' to enable unlimited swap"),
    value("memory-swappiness", None, "int", check_int, "Tune container memory swappiness (0 to 100)").or("-1"),
    switch("oom-kill-disable", None, "Disable OOM Killer"),
    value("pids-limit", None, "int", check_int, "Tune container pids limit (set -1 for unlimited)"),
    value("blkio-weight-device", None, "list", weight, "Block IO weight (relative device weight)"),
    value("cpu-rt-period", None, "int", check_int, "Limit CPU real-time period in microseconds"),
    value("cpu-rt-runtime", None, "int", check_int, "Limit CPU real-time runtime in microseconds"),
    value("device-read-bps", None, "list", bytes_rate, "Limit read rate (bytes per second) from a device"),
    value("device-read-iops", None, "list", count_rate, "Limit read rate (IO per second) from a device"),
    value("device-write-bps", None, "list", bytes_rate, "Limit write rate (bytes per second) to a device"),
    value("device-write-iops", None, "list", count_rate, "Limit write rate (IO per second) to a device"),
    value("gpus", None, "gpu-request", gpus, "GPU devices to add to the container ('all' to pass all GPUs)"),
];

/// Namespaces and networks.
pub(crate) const NETWORK: [Flag; 20] = [
    value("add-host", None, "list", values::check_host, "Add a custom host-to-IP mapping (host:ip)"),
    text("cgroupns", None, "Cgroup namespace to use (host|private)").offers(Completes::Words(&["host", "private"])),
    value("dns", None, "list", values::check_ip, "Set custom DNS servers"),
    list("dns-option", None, "Set DNS options"),
    list("dns-opt", None, "Set DNS options").hidden(),
    list("dns-search", None, "Set custom DNS search domains"),
    text("ip", None, "IPv4 address (e.g., 172.30.100.104)"),
    text("ip6", None, "IPv6 address (e.g., 2001:db8::33)"),
    text("ipc", None, "IPC mode to use"),
    list("link", None, "Add link to another container").offers(Completes::Containers),
    list("link-local-ip", None, "Container IPv4/IPv6 link-local addresses").hidden(),
    text("mac-address", None, "Container MAC address (e.g., 92:d0:c6:0a:29:33)"),
    value("network", None, "network", any, "Connect a container to a network").or("default").offers(Completes::Networks),
    value("net", None, "network", any, "Connect a container to a network").hidden(),
    list("network-alias", None, "Add network-scoped alias for the container"),
    text("pid", None, "PID namespace to use"),
    list("publish", Some('p'), "Publish a container's port(s) to the host"),
    switch("publish-all", Some('P'), "Publish all exposed ports to random ports"),
    text("userns", None, "User namespace to use"),
    text("uts", None, "UTS namespace to use"),
];

/// Options Docker has and Stead refuses, whatever their value.
pub(crate) const FOREIGN: [Flag; 4] = [
    text("cpu-count", None, "CPU count (Windows only)").hidden(),
    text("cpu-percent", None, "CPU percent (Windows only)").hidden(),
    text("io-maxbandwidth", None, "Maximum IO bandwidth limit (Windows only)").hidden(),
    text("io-maxiops", None, "Maximum IOps limit (Windows only)").hidden(),
];

/// What only `run` has.
pub(crate) const RUN_ONLY: [Flag; 3] = [
    switch("detach", Some('d'), "Run container in background and print container ID"),
    text("detach-keys", None, "Override the key sequence for detaching a container"),
    switch("sig-proxy", None, "Proxy received signals to the process").or("true"),
];
