//! Networks: containers that talk by name, published ports, networks without a way out, addresses that stay, and what a crash leaves.
use crate::scene::{beyond_the_peer, with};
use std::io::{Read, Write};
use std::net::{TcpStream, UdpSocket};
use std::time::Duration;
use stead_testkit::{Command, Sandbox, free_port, netns};

fn ours(what: &str) -> Option<Sandbox> {
    beyond_the_peer(what)
}

/// What a host's client hears from a port; empty when nobody answers.
fn fetch(address: &str) -> String {
    let Ok(mut stream) = TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(2)) else { return String::new() };
    stream.set_read_timeout(Some(Duration::from_secs(2))).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").ok();
    let mut text = String::new();
    stream.read_to_string(&mut text).ok();
    text
}

/// The rules of every engine in this test's namespace.
fn rules() -> String {
    Command::new("nft").args(["list", "ruleset"]).run().ok().text()
}

/// Runs a line in a container that joins `network`; its exit status.
fn reach(s: &Sandbox, network: &str, line: &str) -> i32 {
    s.x(&format!("run --rm --network {network} busybox sh -c '{line}'")).code
}

#[test]
fn containers_talk_by_name_alias_and_short_id() {
    let Some(s) = ours("names") else { return };
    let network = s.ok("network create shop");
    assert_eq!(s.fails(1, "network create shop").lines().next(), Some("Error: network with name shop already exists"));
    let id = s.ok("run -d --name web --hostname front --network shop --network-alias www busybox httpd -f -p 80");
    for name in ["web", "www", "front", &id[..12]] {
        assert_eq!(reach(&s, "shop", &format!("ping -c1 -W2 {name}")), 0, "{name}");
    }
    assert_ne!(reach(&s, "shop", "ping -c1 -W1 nobody"), 0);
    // The default bridge has no names, as Docker's has none, and another network does not see this one at all.
    assert_ne!(reach(&s, "bridge", "ping -c1 -W1 web"), 0);
    let address = s.ok("inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web");
    assert_ne!(reach(&s, "bridge", &format!("ping -c1 -W1 {address}")), 0);
    assert_eq!(s.ok("network inspect -f '{{range .Containers}}{{.Name}} {{.IPv4Address}}{{end}}' shop"), format!("web {address}/16"));
    let refused = s.fails(1, "network rm shop");
    assert!(refused.contains(&format!("network shop has active endpoints (name:\"web\" id:\"{}\")", &id[..12])), "{refused}");
    s.ok("rename web renamed");
    assert_eq!(reach(&s, "shop", "ping -c1 -W2 renamed"), 0);
    s.ok("rm -f renamed");
    assert_eq!(s.ok("network rm shop"), "shop");
    assert!(!netns::interfaces().contains(&format!("st-{}", &network[..12])));
    assert!(s.fails(1, "network inspect shop").contains("network shop not found"));
    assert!(s.fails(1, "network rm bridge").contains("bridge is a pre-defined network and cannot be removed"));
}

#[test]
fn networks_are_joined_and_left_while_a_container_runs() {
    let Some(s) = ours("connect") else { return };
    s.ok("network create one");
    s.ok("network create two");
    s.ok("run -d --name cc --network one busybox sleep 600");
    assert_ne!(reach(&s, "two", "ping -c1 -W1 cc"), 0);
    s.ok("network connect --alias other two cc");
    assert_eq!(reach(&s, "two", "ping -c1 -W2 other"), 0);
    assert_eq!(s.ok("exec cc ls /sys/class/net"), "eth0\neth1\nlo");
    assert!(s.fails(1, "network connect two cc").contains("endpoint with name cc already exists in network two"));
    s.ok("network disconnect one cc");
    assert_ne!(reach(&s, "one", "ping -c1 -W1 cc"), 0);
    assert!(s.ok("exec cc ip route").starts_with("default via "), "the other network leads out now");
    s.ok("restart -t 0 cc");
    assert_eq!(reach(&s, "two", "ping -c1 -W2 other"), 0);
    s.ok("network disconnect two cc");
    assert_eq!(s.ok("exec cc ls /sys/class/net"), "lo");
    assert!(s.fails(1, "network disconnect two cc").contains("is not connected to network two"));
    s.ok("network connect two cc");
    assert_eq!(reach(&s, "two", "ping -c1 -W2 cc"), 0);
    // One that does not run is put there by its next start.
    s.ok("stop -t 0 cc");
    s.ok("network connect one cc");
    s.ok("start cc");
    assert_eq!(reach(&s, "one", "ping -c1 -W2 cc"), 0);
    s.ok("rm -f cc");
    s.ok("network prune -f");
    assert_eq!(s.ok("network ls -q --filter type=custom"), "");
}

#[test]
fn ports_are_published_on_the_host_and_its_loopback() {
    let Some(s) = ours("published ports") else { return };
    let (first, udp) = (free_port(), free_port());
    s.ok(&format!("run -d --name web -p {first}:80 -p 127.0.0.1::81 -p {udp}:9/udp busybox sh -c 'httpd -p 80; httpd -p 81; sleep 600'"));
    s.eventually("it answers", || fetch(&format!("127.0.0.1:{first}")).contains("404"));
    let random = s.ok("port web 81");
    assert!(random.starts_with("127.0.0.1:"), "{random}");
    s.eventually("the other port answers too", || fetch(&random).contains("404"));
    assert_eq!(s.ok("port web 80"), format!("0.0.0.0:{first}"));
    assert!(s.ok("ps --format '{{.Ports}}'").contains(&format!("0.0.0.0:{first}->80/tcp")));
    // From another container, by the host's address on the bridge; and the port is nobody else's.
    assert_eq!(reach(&s, "bridge", &format!("wget -q -O- http://172.17.0.1:{first}/ 2>&1 | grep -q 404")), 0);
    let taken = s.fails(125, &format!("run -d --name second -p {first}:80 busybox true"));
    assert!(taken.contains(&format!("Bind for 0.0.0.0:{first} failed: port is already allocated")), "{taken}");
    s.ok("rm second");
    assert!(std::net::TcpListener::bind(("0.0.0.0", first)).is_err(), "a program of the host cannot take it either");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
    socket.connect(("127.0.0.1", udp)).unwrap();
    // Nobody listens in the container, and its kernel says so; the socket that holds the port on the host would be silent.
    s.eventually("udp arrives in the container", || {
        socket.send(b"hello").ok();
        socket.recv(&mut [0; 16]).is_err_and(|error| error.kind() == std::io::ErrorKind::ConnectionRefused)
    });
    s.ok("stop -t 0 web");
    s.eventually("the rule is gone", || !rules().contains("dport"));
    assert_eq!(fetch(&format!("127.0.0.1:{first}")), "");
    let held = std::net::TcpListener::bind(("0.0.0.0", first)).unwrap();
    let busy = s.fails(1, "start web");
    assert!(busy.contains("address already in use"), "{busy}");
    drop(held);
    s.ok("start web");
    s.eventually("it answers again", || fetch(&format!("127.0.0.1:{first}")).contains("404"));
}

#[test]
fn ranges_and_exposed_ports_are_published() {
    let Some(s) = ours("ranges") else { return };
    s.ok("run -d --name ranges -p 18000-18002:80-82 -p 18010-18020:90 -p 18010-18020:91 busybox sleep 600");
    let ports = s.ok("ps --format '{{.Ports}}'");
    for text in ["0.0.0.0:18000->80/tcp", "0.0.0.0:18002->82/tcp", "0.0.0.0:18010->90/tcp", "0.0.0.0:18011->91/tcp"] {
        assert!(ports.contains(text), "{text} in {ports}");
    }
    s.ok("run -d --name all -P --expose 7000 --expose 7001/udp busybox sleep 600");
    let lines = s.x("port all").ok().lines();
    assert!(lines[0].starts_with("7000/tcp -> 0.0.0.0:") && lines[1].starts_with("7001/udp -> 0.0.0.0:"), "{lines:?}");
    assert_eq!(s.inspect("all")["HostConfig"]["PublishAllPorts"], true);
    assert_eq!(s.inspect("ranges")["HostConfig"]["PortBindings"]["80/tcp"][0]["HostPort"], "18000");
}

#[test]
fn an_internal_network_has_no_way_out() {
    let Some(s) = ours("internal networks") else { return };
    s.ok("network create --internal back");
    s.ok("network create front");
    s.ok("run -d --name db --network back busybox httpd -f -p 80");
    s.ok("run -d --name web --network front busybox httpd -f -p 80");
    assert_eq!(s.ok("exec db ip route").lines().filter(|line| line.starts_with("default")).count(), 0);
    assert_eq!(reach(&s, "back", "wget -q -O- http://db/ 2>&1 | grep -q 404"), 0);
    // Not even with a route of its own making.
    let front = s.ok("inspect -f '{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}' web");
    let gateway = s.ok("network inspect -f '{{range .IPAM.Config}}{{.Gateway}}{{end}}' back");
    let line =
        format!("run --rm --cap-add NET_ADMIN --network back busybox sh -c 'ip route add default via {gateway} && ping -c1 -W1 {front}'");
    assert_ne!(s.x(&line).code, 0);
    // Nor through a port that another network's container has published on this host.
    s.ok("run -d --name open --network front -p 18077:80 busybox httpd -f -p 80");
    let fetch = format!("nc -w2 {gateway} 18077 </dev/null");
    s.eventually("it is published", || reach(&s, "front", &fetch) == 0);
    assert_ne!(reach(&s, "back", &fetch), 0);
}

#[test]
fn rules_that_somebody_flushed_come_back() {
    let Some(s) = ours("rules") else { return };
    s.ok("run -d --name kept -p 18078:80 busybox httpd -f -p 80");
    let tables = || Command::new("/usr/sbin/nft").args(["list", "ruleset"]).run().ok().text();
    let before = tables();
    assert!(before.contains("dnat"), "{before}");
    Command::new("/usr/sbin/nft").args(["flush", "ruleset"]).run().ok();
    assert_eq!(tables(), "");
    s.ok("run -d --name another busybox sleep 600");
    assert_eq!(tables(), before);
}

#[test]
fn addresses_can_be_chosen() {
    let Some(s) = ours("addresses") else { return };
    s.ok("network create --subnet 10.91.0.0/24 --gateway 10.91.0.254 --ip-range 10.91.0.128/30 --aux-address x=10.91.0.129 --subnet fd91::/64 --ipv6 chosen");
    let address =
        |name: &str, field: &str| s.ok(&format!("inspect -f '{{{{range .NetworkSettings.Networks}}}}{{{{.{field}}}}}{{{{end}}}}' {name}"));
    s.ok("run -d --name a1 --network chosen --ip 10.91.0.7 --ip6 fd91::7 --mac-address 02:42:0a:5b:00:99 busybox sleep 600");
    assert_eq!(address("a1", "IPAddress"), "10.91.0.7");
    assert_eq!(address("a1", "GlobalIPv6Address"), "fd91::7");
    assert_eq!(address("a1", "MacAddress"), "02:42:0a:5b:00:99");
    assert!(s.fails(125, "run --rm --network chosen --ip 10.91.0.7 busybox true").contains("Address already in use"));
    assert!(
        s.fails(125, "run --rm --network chosen --ip 10.92.0.7 busybox true")
            .contains("no configured subnet contains IP address 10.92.0.7")
    );
    s.ok("run -d --name a2 --network chosen busybox sleep 600");
    assert_eq!(address("a2", "IPAddress"), "10.91.0.128", "the first of the range");
    assert_eq!(
        reach(&s, "chosen", "ping -c1 -W2 10.91.0.7 && ping -6 -c1 -W2 fd91::7 && ping -6 -c1 -W2 a1 && ip route | grep -q 10.91.0.254"),
        0
    );
    assert!(
        s.fails(125, "run --rm --ip 172.17.0.9 busybox true")
            .contains("user specified IP address is supported on user defined networks only")
    );
    assert!(s.fails(1, "network create --subnet 10.91.0.128/25 again").contains("Pool overlaps with other one on this address space"));
    assert!(s.fails(125, "run --rm --network name=chosen,link-local-ip=169.254.1.1 busybox true").contains("link-local"));
    s.ok("run --rm --network name=chosen,ip=10.91.0.9,alias=nine busybox ip addr show dev eth0");
}

#[test]
fn a_restart_keeps_the_address_and_the_ports() {
    let Some(s) = ours("restarts") else { return };
    let port = free_port();
    s.ok(&format!("run -d --name cc --restart always -p {port}:80 -v lives:/d busybox sh -c 'echo x >>/d/lives; httpd -p 80; sleep 600'"));
    let address = || s.ok("inspect -f '{{.NetworkSettings.IPAddress}} {{(index .NetworkSettings.Networks \"bridge\").EndpointID}}' cc");
    let before = address();
    s.eventually("it answers", || fetch(&format!("127.0.0.1:{port}")).contains("404"));
    Command::new("kill").args(["-9", &s.inspect("cc")["State"]["Pid"].to_string()]).run().ok();
    s.eventually("a second life", || std::fs::read_to_string(s.data("lives").join("lives")).is_ok_and(|text| text == "x\nx\n"));
    s.eventually("it answers again", || fetch(&format!("127.0.0.1:{port}")).contains("404"));
    assert_eq!(address(), before);
}

#[test]
fn many_at_once_get_addresses_and_ports_of_their_own() {
    let Some(s) = ours("parallel starts") else { return };
    let run = |i: usize| s.cli().args(["run", "-d", "--name", &format!("p{i:02}"), "-p", "80", "busybox", "sleep", "600"]);
    std::thread::scope(|scope| {
        let starts: Vec<_> = (0..20).map(run).map(|command| scope.spawn(move || command.run())).collect();
        starts.into_iter().for_each(|start| drop(start.join().unwrap().ok()));
    });
    let ids = s.ok("ps -q").replace('\n', " ");
    let all = |format: &str| {
        let mut values = s.x(&format!("inspect -f '{format}' {ids}")).ok().lines();
        values.sort();
        values.dedup();
        values.len()
    };
    assert_eq!(all("{{.NetworkSettings.IPAddress}}"), 20);
    assert_eq!(all("{{(index (index .NetworkSettings.Ports \"80/tcp\") 0).HostPort}}"), 20);
}

#[test]
fn one_container_lives_in_anothers_network() {
    let Some(s) = ours("container networks") else { return };
    s.ok("network create shop");
    s.ok("run -d --name web --network shop busybox httpd -f -p 80");
    let inside = "run --rm --network container:web busybox sh -c";
    assert_eq!(s.x(&format!("{inside} 'wget -q -O- http://127.0.0.1/ 2>&1 | grep -q 404 && ping -c1 -W2 web'")).code, 0);
    assert_eq!(s.ok(&format!("{inside} hostname")), s.ok("exec web hostname"));
    assert!(
        s.fails(125, "run --rm --network container:web -p 80:80 busybox true")
            .contains("port publishing and the container type network mode")
    );
    s.ok("create --name joiner --network container:web busybox sleep 600");
    s.ok("stop -t 0 web");
    assert!(s.fails(1, "start joiner").contains("cannot join network of a non running container"));
}

#[test]
fn what_a_crash_left_is_found_and_taken_away() {
    let Some(s) = ours("system check") else { return };
    s.ok("network create shop");
    // A moment to die at: from before the first system call of the network to after the last.
    for delay in 0..14 {
        let mut child = s.cli().args(["run", "-d", "--network", "shop", "-p", "80", "busybox", "sleep", "600"]).spawn();
        std::thread::sleep(Duration::from_millis(6 * delay));
        child.kill().unwrap();
        child.wait().unwrap();
    }
    s.ok("run -d --name whole --network shop -p 80 busybox sleep 600");
    let monitor = stead_testkit::processes_naming(&s.ok("inspect -f '{{.Id}}' whole"));
    assert_eq!(monitor.len(), 1);
    Command::new("kill").args(["-9", &monitor[0].0.to_string()]).run().ok();
    // What was told to start before its command died may start a moment later.
    s.eventually("nobody runs", || {
        let running = s.ok("ps -q").replace('\n', " ");
        if !running.is_empty() {
            drop(s.x(&format!("stop -t 0 {running}")));
        }
        let processes = stead_testkit::processes_naming(s.root().to_str().unwrap());
        running.is_empty() && processes.iter().all(|(_, line)| !line.contains("monitor"))
    });
    s.ok("system check --repair");
    s.ok("system check");
    s.eventually("no interface is left", || netns::interfaces().is_empty());
    assert_eq!(rules(), "");
    s.eventually("no name server is left", || {
        stead_testkit::processes_naming(s.run_root().to_str().unwrap()).iter().all(|(_, line)| !line.contains("aardvark"))
    });
    // And everything can be had again.
    let all = s.ok("ps -aq").replace('\n', " ");
    s.ok(&format!("rm -f {all}"));
    s.ok("run --rm --network shop -p 80 busybox true");
}

#[test]
fn two_engines_share_a_host() {
    let Some(s) = ours("a second engine") else { return };
    let other = crate::scene::busybox();
    s.ok("run -d --name cc -p 80 busybox httpd -f -p 80");
    other.ok("run -d --name cc -p 80 busybox httpd -f -p 80");
    let address = |s: &Sandbox| s.ok("inspect -f '{{.NetworkSettings.IPAddress}}' cc");
    assert_ne!(address(&s), address(&other));
    let port = |s: &Sandbox| s.ok("port cc 80").replace("0.0.0.0", "127.0.0.1");
    for engine in [&s, &other] {
        engine.eventually("it answers", || fetch(&port(engine)).contains("404"));
    }
    other.ok("rm -f cc");
    other.ok("system check --repair");
    assert!(fetch(&port(&s)).contains("404"));
}

#[test]
fn redis_is_reached_from_another_container() {
    if ours("redis").is_none() {
        return;
    }
    let s = with(&["redis", "busybox"]);
    s.ok("network create app");
    s.ok("run -d --name cache --network app -v data:/data redis");
    let set = "run --rm --network app redis redis-cli -h cache set greeting hello";
    s.eventually("redis answers", || s.x(set).text() == "OK");
    assert_eq!(s.ok("run --rm --network app redis redis-cli -h cache get greeting"), "hello");
}
