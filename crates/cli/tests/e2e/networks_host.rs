//! Networks and the host around them: neighbours on the wire, other hands in the rules, forwarding, interfaces that a crash left, and a
//! container that hides its own.
use crate::scene::beyond_the_peer;
use stead_testkit::{Command, Sandbox, free_port, netns};

fn ours(what: &str) -> Option<Sandbox> {
    beyond_the_peer(what)
}

fn host(line: &str) -> stead_testkit::Output {
    Command::new("sh").args(["-c", line]).run()
}

fn alias(name: &str) -> String {
    host(&format!("cat /sys/class/net/{name}/ifalias 2>/dev/null || ip -d link show {name} | sed -n 's/.*alias //p'")).text()
}

/// A namespace of somebody else, at the other end of a wire to this test's: 192.0.2.2 there, 192.0.2.1 here.
struct Neighbour(std::process::Child);

impl Neighbour {
    fn start() -> Self {
        let child = std::process::Command::new("unshare").args(["--net", "sleep", "600"]).spawn().unwrap();
        let there = Self(child);
        let own = std::fs::read_link("/proc/thread-self/ns/net").unwrap();
        let path = format!("/proc/{}/ns/net", there.0.id());
        while std::fs::read_link(&path).is_ok_and(|namespace| namespace == own) {
            std::thread::sleep(std::time::Duration::from_millis(10));
        }
        let wire = "ip link add n0 type veth peer name n1 netns";
        host(&format!("{wire} {} && ip addr add 192.0.2.1/24 dev n0 && ip link set n0 up", there.0.id())).ok();
        there.sh("ip addr add 192.0.2.2/24 dev n1 && ip link set n1 up").ok();
        there
    }

    fn sh(&self, line: &str) -> stead_testkit::Output {
        let id = self.0.id().to_string();
        Command::new("nsenter").args(["-t", &id, "-n", "sh", "-c", line]).run()
    }
}

impl Drop for Neighbour {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn a_neighbour_on_the_wire_does_not_reach_the_loopbacks_ports() {
    let Some(s) = ours("ports of the loopback") else { return };
    let (open, local) = (free_port(), free_port());
    s.ok(&format!("run -d --name web -p {open}:80 -p 127.0.0.1:{local}:80 busybox httpd -f -p 80"));
    let there = Neighbour::start();
    // It sends frames for 127.0.0.1 over the wire, as anybody with the right to make packets can.
    there.sh("sysctl -qw net.ipv4.conf.n1.route_localnet=1 && ip route add 127.0.0.1/32 via 192.0.2.1 dev n1 src 192.0.2.2").ok();
    there.sh("ip rule add pref 1 to 127.0.0.1 lookup main && ip rule add pref 2 lookup local && ip rule del pref 0").ok();
    let reaches = |address: &str, port: u16| {
        let line = format!("exec 3<>/dev/tcp/{address}/{port} && printf 'GET / HTTP/1.0\\r\\n\\r\\n' >&3 && timeout 3 grep -q 404 <&3");
        there.sh(&format!("timeout 3 bash -c \"{line}\"")).code == 0
    };
    s.eventually("what is published everywhere is reached", || reaches("192.0.2.1", open));
    assert!(!reaches("127.0.0.1", local));
    // It is the guard that keeps them out.
    let table = host("nft list tables").text();
    host(&format!("nft flush chain {} guard", table.trim_start_matches("table "))).ok();
    assert!(reaches("127.0.0.1", local), "without the guard they come in, or this test shows nothing");
}

#[test]
fn flushed_rules_are_found_and_come_back() {
    let Some(s) = ours("flushed rules") else { return };
    s.ok("run -d --name web -p 80 busybox sleep 600");
    let rules = || host("nft list ruleset").text();
    let before = rules();
    s.ok("system check");
    host("nft add table inet elsewhere").ok();
    s.ok("system check");
    host("nft delete table inet elsewhere && nft flush ruleset").ok();
    let said = s.x("system check");
    assert!(said.code != 0 && said.text().contains("its rules are not in the kernel"), "{said:?}");
    s.ok("system check --repair");
    assert_eq!(rules(), before);
    host("nft flush ruleset").ok();
    s.ok("run --rm busybox true");
    assert_eq!(rules(), before);
}

#[test]
fn a_host_that_did_not_forward_becomes_no_router() {
    let Some(s) = ours("forwarding") else { return };
    host("sysctl -qw net.ipv4.ip_forward=0").ok();
    let there = Neighbour::start();
    let second = std::process::Command::new("unshare").args(["--net", "sleep", "600"]).spawn().map(Neighbour).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(300));
    host(&format!(
        "ip link add m0 type veth peer name m1 netns {} && ip addr add 198.51.100.1/24 dev m0 && ip link set m0 up",
        second.0.id()
    ))
    .ok();
    second.sh("ip addr add 198.51.100.2/24 dev m1 && ip link set m1 up && ip route add default via 198.51.100.1").ok();
    there.sh("ip route add default via 192.0.2.1").ok();
    // Nobody listens there: who is reached says so, and who is not is silent.
    let goes_through = || there.sh("timeout 2 bash -c ': </dev/tcp/198.51.100.2/9' 2>&1").text().contains("refused");
    s.ok("run -d --name cc busybox sleep 600");
    assert_eq!(s.x("exec cc ping -c1 -W2 192.0.2.2").code, 0, "containers go out");
    assert!(!goes_through(), "the neighbours do not go through");
    s.ok("rm -f cc");
    s.ok("system check --repair");
    assert!(!goes_through(), "nor when the last bridge is gone");
    let table = host("nft list tables").text();
    host(&format!("nft delete {table}")).ok();
    assert!(goes_through(), "it is the rule that keeps them out");
}

#[test]
fn interfaces_are_known_for_ours_or_left_alone() {
    let Some(s) = ours("interfaces a crash left") else { return };
    let bridge = format!("st-{}", &s.ok("network create shop")[..12]);
    s.ok("run --rm --network shop busybox true");
    let note = alias(&bridge);
    assert!(note.starts_with("stead-"), "{note}");
    // As a crash between the making and the note leaves it.
    host(&format!("ip link set {bridge} alias ''")).ok();
    s.ok("run --rm --network shop busybox true");
    assert_eq!(alias(&bridge), note);
    host(&format!("ip link set {bridge} alias ''")).ok();
    s.ok("network rm shop");
    assert!(!netns::interfaces().contains(&bridge));
    host("ip link add st-0123456789ab type bridge && ip link add dm-0123456789ab type bridge && ip link add theirs type bridge").ok();
    let said = s.x("system check").text();
    assert!(said.contains("st-0123456789ab") && said.contains("dm-0123456789ab") && !said.contains("theirs"), "{said}");
    s.ok("network create -o com.docker.network.bridge.name=theirs named");
    s.ok("network rm named");
    s.ok("system check --repair");
    assert_eq!(netns::interfaces(), ["theirs"]);
}

#[test]
fn a_container_that_renames_its_interface_is_disconnected_all_the_same() {
    let Some(s) = ours("renamed interfaces") else { return };
    s.ok("network create one");
    s.ok("network create two");
    s.ok("run -d --name cc --cap-add NET_ADMIN --network one busybox sleep 600");
    s.ok("network connect two cc");
    s.ok("exec cc sh -c 'ip link set eth1 down && ip link set eth1 name hidden && ip link set hidden up'");
    s.ok("network disconnect two cc");
    assert_eq!(s.ok("exec cc ls /sys/class/net"), "eth0\nlo");
}

#[test]
fn of_two_who_connect_at_once_one_succeeds() {
    let Some(s) = ours("two who connect") else { return };
    s.ok("network create one");
    s.ok("create --name cc busybox true");
    for _ in 0..5 {
        let connect = || s.cli().args(["network", "connect", "one", "cc"]).run().code;
        let mut codes = std::thread::scope(|scope| [scope.spawn(connect), scope.spawn(connect)].map(|thread| thread.join().unwrap()));
        codes.sort_unstable();
        assert_eq!(codes, [0, 1]);
        s.ok("network disconnect one cc");
    }
}
