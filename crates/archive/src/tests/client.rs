//! `cp` from end to end against `docker cp` itself: the same arguments on the same trees, and what is there afterwards compared.

use std::io::Read;
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};

use stead_testkit::{Command, Dockerd};

use crate::copy::{CarryOptions, Peer, Route, carry_in, carry_out, route};
use crate::{Error, PathStat, ReadOptions, WriteOptions};

/// A container that is a directory.
struct Fake(PathBuf);

impl Fake {
    fn root(&self) -> std::fs::File {
        std::fs::File::open(&self.0).unwrap()
    }
}

fn worded(error: &Error) -> String {
    match error {
        Error::NotFound { .. } => format!("{error} in container cc"),
        other => other.to_string(),
    }
}

impl Peer for Fake {
    type Error = String;

    fn stat(&self, path: &str) -> Result<Option<PathStat>, String> {
        match crate::stat(self.root().as_fd(), Path::new(path)) {
            Err(Error::NotFound { .. }) => Ok(None),
            other => other.map(Some).map_err(|error| worded(&error)),
        }
    }

    fn get<'a>(&'a self, path: &str, name: Option<&str>) -> Result<(PathStat, Box<dyn Read + 'a>), String> {
        let (stat, stream) =
            crate::read(self.root().as_fd(), Path::new(path), &ReadOptions { name: name.map(str::to_owned), ..ReadOptions::default() })
                .map_err(|error| worded(&error))?;
        Ok((stat, Box::new(stream)))
    }

    fn put(&self, dir: &str, archive: &mut dyn Read) -> Result<(), String> {
        let options = WriteOptions { no_overwrite_dir_non_dir: true, ..WriteOptions::default() };
        crate::write(self.root().as_fd(), Path::new(dir), archive, &options).map(drop).map_err(|error| worded(&error))
    }
}

const CONTAINER: &str = "mkdir -p dir/sub empty run var; echo f > dir/f; echo g > dir/sub/g; echo file > file; chmod 640 file; ln -s dir link; \
    ln -s /dir abslink; ln -s file flink; ln -s nowhere broken; ln -s /run var/run; ln -s ./../dir/sub/. up; ln -s sub dir/up; chmod 4755 dir/f; \
    touch -d 2001-02-03T04:05:06 file; chown 12:34 dir/sub/g; ln file dir/hard";
const LOCAL: &str = "mkdir -p ld/sub out full/dir; echo a > ld/a; echo b > ld/sub/b; echo lf > lf; chmod 600 lf; ln -s ld llink; ln -s lf lflink; \
    ln -s gone lbroken; echo old > old; echo x > full/dir/mine; echo y > full/file; chown 21:43 lf; ln -s out outlink; touch -d 1999-01-01 ld/a";

/// Measured with the docker CLI 28.2.2 and dockerd 20.10.24. Options and arguments; `c:` is the container, `@` stands for the local directory's absolute path.
const CASES: &[&str] = &[
    "c:/file new",
    "c:/file out",
    "c:/file out/",
    "c:/file out/.",
    "c:/file old",
    "c:/file new/",
    "c:/file gone/new",
    "c:file @/new",
    "c:/dir new",
    "c:/dir new/",
    "c:/dir out",
    "c:/dir old",
    "c:/dir/. new",
    "c:/dir/. out",
    "c:/dir/ out",
    "c:/dir/sub/.. out",
    "c:/link new",
    "c:/link out",
    "c:/link/ out",
    "c:/link/. out",
    "c:/abslink/sub out",
    "c:/flink new",
    "c:/broken new",
    "-L c:/link new",
    "-L c:/link out",
    "-L c:/abslink/. out",
    "-L c:/flink new",
    "-L c:/flink out",
    "c:/file outlink",
    "c:/file lbroken",
    "c:/none new",
    "c:/none/x new",
    "c:/file/ new",
    "c:/dir full",
    "c:/file full/dir",
    "c:/dir full/file",
    "c:/empty out",
    "lf c:/new",
    "lf c:/empty",
    "lf c:/empty/",
    "lf c:/file",
    "lf c:/new/",
    "lf c:/none/new",
    "lf c:new",
    "lf c:/link",
    "lf c:/link/in",
    "lf c:/flink",
    "lf c:/broken",
    "lf c:/var/run/new",
    "lf c:/var/run",
    "ld c:/new",
    "ld c:/new/",
    "ld c:/empty",
    "ld c:/file",
    "ld c:/dir",
    "ld/. c:/dir",
    "ld/. c:/new",
    "ld/ c:/empty",
    "ld/sub/.. c:/empty",
    "llink c:/new",
    "llink c:/empty",
    "llink/ c:/empty",
    "llink/. c:/empty",
    "-L llink c:/new",
    "-L llink c:/empty",
    "-L llink/ c:/empty",
    "-L lflink c:/empty",
    "-L lflink c:/new",
    "lflink c:/new",
    "lbroken c:/empty",
    "-L lbroken c:/empty",
    "gone c:/empty",
    "lf/ c:/empty",
    "gone/x c:/empty",
    "full/. c:/",
    "full/dir c:/file",
    "full/file c:/dir",
    "./lf c:/",
    "@/lf c:/../../new",
    ". c:/empty",
    "lf new",
    "c:/file c:/new",
    "- c:/file",
];

fn sh(dir: &Path, line: &str) {
    Command::new("sh").args(["-ec", line]).dir(dir).run().ok();
}

fn fresh(path: &Path, recipe: &str) {
    std::fs::remove_dir_all(path).ok();
    std::fs::create_dir_all(path).unwrap();
    sh(path, recipe);
}

fn picture(dir: &Path) -> String {
    let line = "find . -mindepth 1 \\( -path ./dev -o -path ./proc -o -path ./sys -o -path ./etc -o -path ./.dockerenv \\) -prune -o \
        -printf '%p %y %m %U:%G %l %Ts\\n' | sed 's/ [0-9]*$//;' | sort; find . -type f -not -path './etc/*' -not -path './dev/*' -not -path './.dockerenv' | sort | xargs -r -d '\\n' sha256sum";
    Command::new("sh").args(["-ec", line]).dir(dir).run().ok().text()
}

/// Lines of the two pictures that only one has.
fn differing(theirs: &Path, mine: &Path) -> Vec<String> {
    let (theirs, mine) = (picture(theirs), picture(mine));
    let only = |a: &str, b: &str, mark: &str| -> Vec<String> {
        a.lines().filter(|line| !b.lines().any(|other| other == *line)).map(|line| format!("{mark} {line}")).collect()
    };
    [only(&theirs, &mine, "docker:"), only(&mine, &theirs, "ours:")].concat()
}

fn ours(args: &str, root: &Path, local: &Path) -> Result<(), String> {
    let words: Vec<&str> = args.split(' ').collect();
    let (flags, paths) = words.split_at(words.len() - 2);
    let options = CarryOptions { follow_link: flags.contains(&"-L"), archive: false };
    let here = local.to_str().unwrap();
    let peer = Fake(root.to_owned());
    match route(paths[0], paths[1]).map_err(|error| error.to_string())? {
        Route::Out { path, local, .. } => carry_out(&peer, &path, (&local, here), options, &mut std::io::sink()).map(drop),
        Route::In { local, path, .. } => carry_in(&peer, (&local, here), ("cc", &path), options, &mut std::io::empty()).map(drop),
    }
    .map_err(|error| error.to_string())
}

/// The last line, without who says it and without the place on the host that old daemons give away.
fn words(text: &str) -> String {
    let text = match (text.find("/var/tmp/stead-test"), text.find("/merged/")) {
        (Some(from), Some(to)) => format!("{}{}", &text[..from], &text[to + "/merged".len()..]),
        _ => text.to_owned(),
    };
    text.lines().last().unwrap_or_default().trim_start_matches("Error response from daemon: ").trim().to_owned()
}

#[test]
fn copies_land_where_docker_puts_them() {
    let Some(docker) = Dockerd::start() else { return };
    let place = PathBuf::from(format!("/var/tmp/stead-archive-client-{}", std::process::id()));
    let (root, theirs, mine) = (place.join("root"), place.join("theirs/l"), place.join("mine/l"));
    fresh(&root, CONTAINER);
    let image = Command::new("sh").args(["-c", &format!("tar -C {} -c .", root.display())]).run();
    docker.cli().args(["import", "-", "base"]).stdin(image.stdout).run().ok();
    let mut differences = Vec::new();
    docker.x("create --name cc base true").ok();
    for case in CASES {
        fresh(&theirs, LOCAL);
        fresh(&mine, LOCAL);
        fresh(&root, CONTAINER);
        let at = |local: &Path| case.replace("c:", "cc:").replace('@', local.to_str().unwrap());
        let said = docker.cli().arg("cp").args(at(&theirs).split(' ')).dir(&theirs).stdin("").run();
        let here = said.stderr.replace("/theirs/", "/mine/");
        let outcome = ours(&at(&mine), &root, &mine);
        let answer = outcome.clone().err().unwrap_or_default();
        let tree = place.join("tree");
        // Copying out changes nothing in the container, and making a new one is what takes the time.
        let changed = said.code == 0 && !case.trim_start_matches("-L ").starts_with("c:");
        if changed || !tree.exists() {
            fresh(&tree, "true");
            let exported = docker.cli().args(["export", "cc"]).run();
            Command::new("tar").args(["-C", tree.to_str().unwrap(), "-xpf", "-"]).stdin(exported.stdout).run().ok();
        }
        let other = [differing(&theirs, &mine), differing(&tree, &root)].concat();
        if outcome.is_ok() != (said.code == 0) || !other.is_empty() {
            let (words, lines) = (words(&here), other.join("\n  "));
            differences.push(format!("{case}\n  docker: {} {words}\n  ours:   {answer}\n  {lines}", said.code));
        } else if said.code != 0 && words(&here) != answer {
            differences.push(format!("{case}\n  docker: {}\n  ours:   {answer}", words(&here)));
        }
        if changed {
            docker.x("rm -f cc").ok();
            docker.x("create --name cc base true").ok();
            std::fs::remove_dir_all(&tree).unwrap();
        }
    }
    std::fs::remove_dir_all(&place).unwrap();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// A relative symlink that leaves the copied directory is refused by `docker cp` ("invalid symlink"), which cannot copy many a
/// `node_modules` for that. A link is only text: what counts is that nothing is written through it.
#[test]
fn links_out_of_the_copied_tree_are_copied_as_links() {
    let place = PathBuf::from(format!("/var/tmp/stead-archive-links-{}", std::process::id()));
    fresh(&place.join("root"), "mkdir -p app/bin lib; ln -s ../../lib/tool app/bin/tool");
    fresh(&place.join("l"), "true");
    ours("c:/app .", &place.join("root"), &place.join("l")).unwrap();
    assert_eq!(std::fs::read_link(place.join("l/app/bin/tool")).unwrap(), Path::new("../../lib/tool"));
    std::fs::remove_dir_all(place).unwrap();
}
